"""Media types of everything that is signed, chained or handed out: one closed table.

The same string stands in a message's ``typ`` (COSE header 16, RFC 9596, whole; JOSE
``typ``, RFC 7515, without ``application/``) and in line 6 of the record that commits to it.
"""

from __future__ import annotations

from typing import Final

_VENDOR: Final = "application/vnd.food-traceability."

FRAME: Final = _VENDOR + "frame+cose"
GAP: Final = _VENDOR + "gap+cose"
RESUME: Final = _VENDOR + "resume+cose"
ROTATION: Final = _VENDOR + "rotation+cose"
RECEIPT: Final = _VENDOR + "receipt+cose"
CONFIG: Final = _VENDOR + "config+cose"
POSSESSION: Final = _VENDOR + "possession+cose"

EVENT: Final = _VENDOR + "event+sd-jwt"
NOTICE: Final = _VENDOR + "notice+sd-jwt"
KEY: Final = _VENDOR + "key+jws"

STAY_OPEN: Final = _VENDOR + "stay-open"
STAY_CLOSE: Final = _VENDOR + "stay-close"
STAY_AMEND: Final = _VENDOR + "stay-amend"

BUNDLE: Final = _VENDOR + "bundle+json"
SENML_CBOR: Final = "application/senml+cbor"
CBOR: Final = "application/cbor"

DEVICE_STATEMENTS: Final = frozenset({FRAME, GAP, RESUME, ROTATION})
MEASURED: Final = frozenset({FRAME, GAP})
"""What devices say about an asset or a batch."""
PARTY_STATEMENTS: Final = frozenset({EVENT, NOTICE})
"""What has disclosures beside it."""
STAY_TEXTS: Final = frozenset({STAY_OPEN, STAY_CLOSE, STAY_AMEND})

KEY_ACTS: Final = frozenset({KEY, ROTATION})
"""What stands on a key stream."""

RECORDED: Final = MEASURED | KEY_ACTS | PARTY_STATEMENTS | STAY_TEXTS
"""What a record may commit to; any other line 6 is refused."""


def jose_typ(media_type: str) -> str:
    """The ``typ`` of a JOSE header for a media type (RFC 7515 4.1.9: the prefix is left out)."""
    return media_type.removeprefix("application/")
