"""A device enrols itself: it applies with the code that somebody typed in, until it gets its answer."""

from __future__ import annotations

import json
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from firmware_sim.enrolment import Enrolment, read_enrolment
from firmware_sim.flash import Flash, write_file
from traceability.errors import ConflictError, UnreachableError
from traceability.signing.application import encode_application, read_code
from traceability.signing.keystatement import device_request

TIMEOUT_S: Final = 10.0


def request_enrolment(
    flash: Flash, site_url: str, code: str, *, node: str, owner: str, model: str
) -> Enrolment | None:
    """Apply once; what the device is told, or None while a person has to approve.

    Its request and how often it applied are kept beside the flash: an attempt is never sent twice.

    Raises:
        MalformedError: no code.
        ConflictError: the node refuses.
        UnreachableError: nobody answers, or something else than a node.
    """
    answer, asked = flash.folder / "enrolled.json", flash.folder / "request.json"
    if not asked.exists():
        signed = device_request(
            flash.key, node=node, owner=owner, model=model, iat=flash.memory.booted_ms // 1000
        )
        write_file(asked, signed)
    body = encode_application(flash.key, asked.read_bytes(), read_code(code), _next(flash.folder / "attempt"))
    told = _post(site_url, body)
    if told["state"] == "pending":
        return None
    write_file(answer, json.dumps(told).encode(), mode=0o600)
    return read_enrolment(answer)


def _next(path: Path) -> int:
    """The next attempt, counted before it is made."""
    attempt = int(path.read_text("ascii")) + 1 if path.exists() else 0
    write_file(path, str(attempt).encode())
    return attempt


def _post(site_url: str, body: bytes) -> dict[str, str]:
    parts = urlsplit(site_url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    try:
        connection.request("POST", "/enrol", body, {"Content-Type": "application/cbor"})
        answer = connection.getresponse()
        told: dict[str, str] = json.load(answer)
    except (OSError, HTTPException, ValueError) as error:
        raise UnreachableError(f"{site_url} does not answer as a node does: {error}") from error
    finally:
        connection.close()
    if answer.status >= HTTPStatus.BAD_REQUEST:
        raise ConflictError(f"{told['code']}: {told['detail']}", remedy=told["remedy"])
    return told
