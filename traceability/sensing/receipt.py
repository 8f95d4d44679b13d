"""What the node answers a device: up to which counter everything is settled.

A receipt is a tagged COSE_Mac0 (RFC 9052 section 6.2) under a secret that only the
node and one device hold. Its payload is the deterministic CBOR map

    {1: device, 2: boot, 3: counter, 4: SHA-256 of the device's statement at that
     counter, 5: [[refused counter, reason code], ...], 6: beacon}

It covers the highest counter up to which every statement, without a hole, is
durably accepted, refused or quarantined, or declared a gap. Before that there is
no receipt. An MQTT acknowledgement is none. The beacon, SHA-256 of the newest published
checkpoint's text, is left out while there is none; older nodes never sent it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from traceability import media
from traceability.errors import OversizeError, StatementError
from traceability.sensing.frame import U32, U64, read_digest, read_text, read_uint
from traceability.signing import cbor, cose

_DEVICE, _BOOT, _COUNTER, _SHA256, _REFUSED, _BEACON = 1, 2, 3, 4, 5, 6
_FIELDS: Final = frozenset({_DEVICE, _BOOT, _COUNTER, _SHA256, _REFUSED})
_DEVICE_FORM: Final = re.compile(r"[0-9a-f]{32}")
_CODE_FORM: Final = re.compile(r"[a-z0-9-]{1,64}")


@dataclass(frozen=True, slots=True)
class Receipt:
    """Everything of ``device`` up to ``counter`` is settled, if ``sha256`` is its own hash there.

    ``refused`` names counters that were not accepted, ascending, each with the
    code of its reason; the device moves those statements aside and keeps them. ``beacon``
    is for the device to sign into its next statements, which are not older than it then.
    """

    device: str
    boot: int
    counter: int
    sha256: bytes
    refused: tuple[tuple[int, str], ...] = ()
    beacon: bytes | None = None


def encode_receipt(secret: bytes, receipt: Receipt) -> bytes:
    """A receipt for one device, under the secret it shares with the node.

    Raises:
        StatementError: a field outside its form.
        OversizeError: more refusals than fit into 16 KiB; settle a lower counter first.
    """
    fields: dict[int, object] = {
        _DEVICE: receipt.device,
        _BOOT: receipt.boot,
        _COUNTER: receipt.counter,
        _SHA256: receipt.sha256,
        _REFUSED: [[counter, code] for counter, code in receipt.refused],
    }
    if receipt.beacon is not None:
        fields[_BEACON] = receipt.beacon
    _read_receipt(fields)
    data = cose.mac0(secret, typ=media.RECEIPT, payload=cbor.encode(fields))
    if len(data) > cose.MAX_BYTES:
        raise OversizeError(f"a receipt has at most {cose.MAX_BYTES} bytes, this one {len(data)}")
    return data


def open_receipt(secret: bytes, data: bytes) -> Receipt:
    """The receipt in a message, authenticated.

    Whether it names this device and the hash of its own statement is for the
    device to judge: if not, it keeps everything and reports a clone.

    Raises:
        SignatureMismatchError: not made with this secret.
        EncodingError, OversizeError, StatementError: not a receipt.
    """
    return _read_receipt(cbor.decode(cose.open_mac0(secret, data, typ=media.RECEIPT)))


def _read_receipt(fields: object) -> Receipt:
    if not isinstance(fields, Mapping) or set(fields) - {_BEACON} != _FIELDS:
        raise StatementError("a receipt is a map of five fields, and a beacon")
    counter = read_uint(fields[_COUNTER], U64, "the counter")
    return Receipt(
        device=read_text(fields[_DEVICE], _DEVICE_FORM, "the device"),
        boot=read_uint(fields[_BOOT], U32, "the boot number"),
        counter=counter,
        sha256=read_digest(fields[_SHA256], "the statement's hash"),
        refused=_read_refused(fields[_REFUSED], counter),
        beacon=read_digest(fields[_BEACON], "the beacon") if _BEACON in fields else None,
    )


def _read_refused(rows: object, counter: int) -> tuple[tuple[int, str], ...]:
    if not isinstance(rows, list):
        raise StatementError("refused counters are an array")
    refused: list[tuple[int, str]] = []
    for row in rows:
        if not isinstance(row, list) or len(row) != 2:
            raise StatementError("a refusal is [counter, code]")
        number = read_uint(row[0], counter + 1, "a refused counter")
        if refused and number <= refused[-1][0]:
            raise StatementError("refused counters must be ascending")
        refused.append((number, read_text(row[1], _CODE_FORM, "a reason code")))
    return tuple(refused)
