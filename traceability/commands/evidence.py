"""``evidence``: everything of some batches as one file for a case, to be checked without this node."""

from __future__ import annotations

import argparse
from pathlib import Path

from traceability.commands.verb import Answer, Verbs, add_verb, opened, progress
from traceability.errors import FileError
from traceability.operations.evidence import pack_evidence
from traceability.running.verifierfile import served_verifier


def add(verbs: Verbs) -> None:
    """Add this verb to the command line."""
    verb = add_verb(
        verbs,
        "evidence",
        _evidence,
        does="Write everything of some batches as one ZIP: bundles, documents, traces, records, a verifier",
        example="traceability evidence 09520000000011/A --out case-17.zip",
    )
    verb.add_argument("batches", nargs="+", metavar="BATCH", help="GTIN/LOT, Digital Link path or URI")
    verb.add_argument("--out", required=True, type=Path, metavar="FILE", help="the ZIP; it must not exist")
    verb.add_argument(
        "--language", choices=("en", "zh"), default="en", help="of the records' heads and names"
    )


def _evidence(args: argparse.Namespace) -> Answer:
    path = served_verifier()
    verifier = path.read_bytes() if path is not None and path.is_file() else None
    made = False
    try:
        with opened() as here, here.store.reading() as connection, args.out.open("xb") as out:
            made = True
            progress("packing evidence")
            packed = pack_evidence(
                connection,
                here.node,
                args.batches,
                out,
                verifier=verifier,
                language=args.language,
            )
    except BaseException as error:
        if made:  # what is not whole is not left lying about
            args.out.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise FileError(f"{args.out} cannot be written: {error.strerror}") from error
        raise
    wrong = [batch for batch, verifies in packed.batches if not verifies]
    lines = [f"wrote {args.out}: {packed.files} files, as of {packed.size} leaves"]
    lines += [f"! {batch} does not verify: case.json says why" for batch in wrong]
    data = {"file": str(args.out), "files": packed.files, "size": packed.size, "doNotVerify": wrong}
    return Answer(data, tuple(lines), 1 if wrong else 0)
