"""``/regulator/evidence.zip``: everything of some batches in one file for a case."""

from __future__ import annotations

import tempfile
from typing import Final

from flask import Response, request, send_file

from traceability.operations.accounts.roles import Right
from traceability.operations.evidence import pack_evidence
from webapp.api.access import node
from webapp.api.epcis.exchange import taking
from webapp.api.epcis.resource import bounds
from webapp.built import file_of, is_built
from webapp.consumer.checking import WHOLE
from webapp.database import snapshot
from webapp.i18n import language
from webapp.regulator.asking import asked
from webapp.regulator.blueprint import regulator
from webapp.signedin import requires

IN_MEMORY: Final = 8 * 1024 * 1024
"""Bytes of a package that are kept in memory; of a larger one the rest is on the disk."""


@regulator.get("/evidence.zip")
@requires(Right.TRACE)
def evidence() -> Response:
    """The package of the batches that are named by ``thing``, which may be repeated."""
    out = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - sending it closes it
    try:
        with asked(), taking(bounds().documents, "documents and traces"):
            pack_evidence(
                snapshot(),
                node(),
                request.args.getlist("thing"),
                out,
                verifier=_verifier(),
                language=language(),
            )
    except BaseException:
        out.close()
        raise
    out.seek(0)
    return send_file(out, "application/zip", as_attachment=True, download_name="evidence.zip")


def _verifier() -> bytes | None:
    """The file that checks bundles in a browser, if it was built."""
    return file_of(WHOLE).read_bytes() if is_built(WHOLE) else None
