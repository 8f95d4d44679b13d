"""Devices with real keys that sign what no device should: headers and packs to stumble over."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from tests.support import forge
from tests.verifier.lies_of_nodes import Lie, add
from tests.verifier.stories import Told
from traceability import media
from traceability.identifiers import device_keys
from traceability.sensing import frame
from traceability.sensing.senml import Reading
from traceability.signing import cbor, cose
from traceability.signing.keys import PrivateKey
from traceability.signing.possession import prove_possession
from traceability.verification.bundle import Bundle, parse_bundle

OTHER_NUMBERS = [
    "fa40800000",
    "fb4010000000000000",
    "1804",
    "f97e00",
    "f97c00",
    "f98000",
    "f90001",
    "fa7fc00000",
    "fb7ff0000000000000",
    "c104",
    "f7",
    "e0",
    "1f",
]
"""Four in forms that are not the shortest, other numbers, and what is no number."""


def lies_of_devices(told: Told) -> Iterator[Lie]:
    """Statements of a logger that is packed with a batch, as the last record of the batch."""
    bundle, logger = parse_bundle(told.world.bundle(told.batches["packing"])), told.logger
    usual = _head(told)
    payload = _pack(logger.uri, {0: "air", 2: 4.0})
    for number, (headers, kind) in enumerate(_heads(usual)):
        content = media.SENML_CBOR if kind == media.FRAME else media.CBOR
        yield f"header {number}", partial(_stated, told, bundle, kind, content, headers, payload)
    for number, body in enumerate(_packs(logger.uri)):
        yield f"pack {number}", partial(_stated, told, bundle, media.FRAME, media.SENML_CBOR, usual, body)
    genuine = _signed(told, media.FRAME, media.SENML_CBOR, usual, payload)
    for number in (-1, -32, -33, -64):
        body = genuine[:number] + bytes([genuine[number] ^ 1]) + genuine[len(genuine) + number + 1 :]
        yield f"device signature {number}", partial(add, told, bundle, media.FRAME, body)
    early = usual | {frame.CLOCK: 0, cose.CLAIMS: {k: v for k, v in usual[cose.CLAIMS].items() if k != 6}}
    for number, time in enumerate((0, 103, 104, 104.9995, 2**28 - 1, 2**28, 1_767_225_600, -1)):
        body = _pack(logger.uri, {-3: time, 0: "air", 2: 4.0})
        yield f"uptime {number}", partial(_stated, told, bundle, media.FRAME, media.SENML_CBOR, early, body)
    yield from _out_of_turn(told)
    own = _head(told, device_keys(told.world.node.name, logger.device))
    for number, (headers, body) in enumerate(_rotations(own)):
        yield f"rotation {number}", partial(_rotated, told, bundle, headers, body)
    for number, rows in enumerate(_gaps(logger.counter)):
        yield f"gap {number}", partial(_stated, told, bundle, media.GAP, media.CBOR, usual, cbor.encode(rows))


def _out_of_turn(told: Told) -> Iterator[Lie]:
    """Each key of a logger that went on twice, for counters before, within and behind its own."""
    bundle = parse_bundle(told.world.bundle(told.batches["rotated"]))
    for place, probe in enumerate(told.rotated):
        for counter in (*range(12), 2**62):
            readings = [Reading("air", "Cel", told.world.now_ms, 4.0)]
            body = replace(probe).frame(readings, counter=counter)
            yield f"key {place} for counter {counter}", partial(add, told, bundle, media.FRAME, body)


def _head(told: Told, stream: str | None = None) -> dict[int, Any]:
    logger = told.logger
    return {
        cose.CLAIMS: {1: logger.uri, 2: stream or logger.stream, 6: told.world.now_ms // 1000},
        frame.COUNTER: logger.counter,
        frame.BOOT: 1,
        frame.PREV: logger.prev,
        frame.UPTIME: 103,
        frame.CLOCK: 2,
    }


def _stated(
    told: Told, bundle: Bundle, kind: str, content: str, headers: dict[int, Any], payload: bytes
) -> bytes:
    body = _signed(told, kind, content, headers, payload)
    return add(told, bundle, kind if kind in media.RECORDED else media.FRAME, body)


def _rotated(told: Told, bundle: Bundle, headers: dict[int, Any], payload: bytes) -> bytes:
    """The bundle with one act more on the logger's key stream, signed by the logger."""
    body = _signed(told, media.ROTATION, media.CBOR, headers, payload)
    batch, *rest = bundle.streams
    act = forge.link(media.ROTATION, body, batch.links[-1].time_ms)
    name = device_keys(told.world.node.name, told.logger.device)
    keys = [replace(s, links=(*s.links, act)) if s.uri == name else s for s in rest]
    return forge.sign(replace(bundle, streams=(batch, *keys)), told.world.node)


def _rotations(usual: dict[int, Any]) -> Iterator[tuple[dict[int, Any], bytes]]:
    key, claims = PrivateKey.from_seed(bytes([9]) * 32), usual[cose.CLAIMS]
    said = (claims[1], usual[frame.COUNTER], usual[frame.PREV])
    about = cbor.encode(list(said))
    proof = prove_possession(key, about)
    raw: Any
    other: Any
    payload: Any
    yield usual, cbor.encode([key.public.raw, proof])
    for raw in (bytes(32), bytes(31), key.public.raw + b"x", b"\x01" + bytes(31), "x" * 32, None, [], 5):
        yield usual, cbor.encode([raw, proof])
    for other in (b"", proof[:-1], proof[:-1] + bytes([proof[-1] ^ 1]), proof + b"x", "x", None, []):
        yield usual, cbor.encode([key.public.raw, other])
    for wrong in (
        (said[0] + "0", *said[1:]),
        (said[0], said[1] + 1, said[2]),
        said[:2],
        (*said, 0),
        said[::-1],
    ):
        yield usual, cbor.encode([key.public.raw, prove_possession(key, cbor.encode(list(wrong)))])
    stranger = PrivateKey.from_seed(bytes([8]) * 32)
    yield usual, cbor.encode([key.public.raw, prove_possession(stranger, about)])
    kinds: Any = ((media.RECEIPT, media.CBOR, {}), (media.POSSESSION, media.SENML_CBOR, {}))
    for typ, content, more in (*kinds, (media.POSSESSION, media.CBOR, {5: b""})):
        other = cose.sign1(key, typ=typ, content_type=content, headers=more, payload=about)
        yield usual, cbor.encode([key.public.raw, other])
    for payload in ([], {}, None, [key.public.raw], [key.public.raw, proof, 0], key.public.raw):
        yield usual, cbor.encode(payload)
    yield from ((usual, body) for body in (b"", b"\xff", cbor.encode([key.public.raw, proof]) + b"\x00"))
    for stream in (claims[2][:-1] + "g", claims[2].replace("/device/", "/party/"), claims[1], "https://x"):
        yield usual | {cose.CLAIMS: claims | {2: stream}}, cbor.encode([key.public.raw, proof])


def _signed(told: Told, kind: str, content: str, headers: dict[int, Any], payload: bytes) -> bytes:
    return cose.sign1(told.logger.key, typ=kind, content_type=content, headers=headers, payload=payload)


def _heads(usual: dict[int, Any]) -> Iterator[tuple[dict[int, Any], str]]:
    for kind in (media.FRAME, media.GAP, media.RESUME, media.ROTATION, media.RECEIPT):
        yield usual, kind
    numbers = (0, 1, 3, 4, 2**32 - 1, 2**32, 2**53, 2**53 + 1, 2**64 - 1, -1, 1.0, True, None, "1", b"1", [1])
    for label in (frame.COUNTER, frame.BOOT, frame.UPTIME, frame.CLOCK):
        yield from ((usual | {label: value}, media.FRAME) for value in numbers)
    for label in (frame.PREV, frame.BEACON):
        yield from (
            (usual | {label: value}, media.FRAME)
            for value in (bytes(32), bytes(31), bytes(33), "x" * 32, None)
        )
    for label in usual:
        yield {k: v for k, v in usual.items() if k != label}, media.FRAME
    for extra in (-65543, 0, 5, 2**63, -(2**63)):
        yield usual | {extra: 1}, media.FRAME
    claims = usual[cose.CLAIMS]
    for label in (1, 2, 6):
        values = (
            "x",
            None,
            1.0,
            claims[1] + "0",
            claims[1].upper(),
            "https://x/é",
            "https://" + "a" * 505,
            2**28 - 1,
            2**40,
        )
        yield from ((usual | {cose.CLAIMS: claims | {label: value}}, media.FRAME) for value in values)
        yield usual | {cose.CLAIMS: {k: v for k, v in claims.items() if k != label}}, media.FRAME
    odd: Any
    for odd in ({}, [], None, 5, claims | {"1": 1}, claims | {7: 1}):
        yield usual | {cose.CLAIMS: odd}, media.FRAME


def _pack(uri: str, *records: dict[int, Any], at_s: int | float = 1_767_300_000) -> bytes:
    first = {-2: f"{uri}/", -3: at_s, -4: "Cel"} | records[0]
    return cbor.encode([first, *records[1:]])


def _packs(uri: str) -> Iterator[bytes]:
    values = (
        0,
        4,
        -5,
        4.0,
        0.1,
        -0.0,
        0.0005,
        -0.0005,
        0.4995,
        1000,
        1000.001,
        1372,
        1372.5,
        -270,
        -270.01,
        2**53,
        2**64 - 1,
    )
    for value in (*values, 1e300, 5e-324, True, None, "4", b"4", [4]):
        yield _pack(uri, {0: "air", 2: value})
    for unit in ("Cel", "K", "%RH", "lx", "lat", "m/s2", "/", "count", "cel", "", None, 1, "Cel "):
        yield _pack(uri, {0: "air", 1: unit, 2: 1})
        yield _pack(uri, {-4: unit, 0: "air", 2: 1})
    for name in ("air", "Air", "", "a" * 32, "a" * 33, "_a", "a_b-c", "é", "a\n", "a b", 5, None, "٣"):
        yield _pack(uri, {0: name, 2: 1})
    for time in (0, 1, -1, 0.5, 0.0005, 0.0004999, 1e-9, 60, -(2**31), 2**40, 1e18, True, None, "0"):
        yield _pack(uri, {0: "air", 2: 1, 6: time})
        yield _pack(uri, {0: "air", 2: 1}, {0: "air", 2: 2, 6: time})
    for time in (
        2**28,
        2**28 - 1,
        268435455.9995,
        253_402_300_799,
        253_402_300_799.9995,
        253_402_300_800,
        0.0,
        2**64 - 1,
    ):
        yield _pack(uri, {0: "air", 2: 1}, at_s=time)
    for more in ({3: "x"}, {-5: 1}, {-6: 1}, {5: 1}, {7: 1}, {8: b""}, {4: True}, {10: 1}, {-1: 10}):
        yield _pack(uri, {0: "air", 2: 1} | more)
        yield _pack(uri, {0: "air", 2: 1}, {0: "air", 2: 1, 6: 1} | more)
    yield _pack(uri + "x", {0: "air", 2: 1})
    yield from map(cbor.encode, ([], {}, [[]], [5], [{}], None, 5, [{0: "air", 2: 1}], [{"n": "air"}]))
    many = [{0: "air", 2: 1, 6: second} for second in range(1_001)]
    yield from (_pack(uri, *many[:1_000]), _pack(uri, *many))
    yield from _other_encodings(_pack(uri, {0: "air", 2: 4.0}))


def _other_encodings(pack: bytes) -> Iterator[bytes]:
    """The same value in bytes that are not its one encoding, and bytes that are none."""
    half = b"\xf9" + struct.pack(">e", 4.0)
    for other in map(bytes.fromhex, OTHER_NUMBERS):
        yield pack.replace(half, other)
    yield from (
        pack[:-1],
        pack + b"\x00",
        b"",
        b"\x9f" + pack[1:] + b"\xff",
        b"\x98\x01" + pack[1:],
        b"\xd2" + pack,
    )


def _gaps(counter: int) -> Iterator[Any]:
    last = counter - 1
    full = "flash-full"
    yield [[0, 0, full]]
    yield from ([[last, last, full]], [[last, counter, full]], [[counter, counter, full]], [[1, 0, full]])
    yield from (
        [[0, 0, full], [1, 1, full]],
        [[0, 0, full], [1, 1, "corrupt"]],
        [[0, 1, "receipted"]],
        [[0, 1, full], [1, 1, "corrupt"]],
    )
    yield from ([[1, 1, full], [0, 0, full]], [[0, 0, "other"]], [[0, 0, None]], [[0, 0]], [[0, 0, full, 1]])
    yield from (
        [],
        [[]],
        {},
        None,
        [[0.0, 0, full]],
        [[0, True, full]],
        [[-1, 0, full]],
        [["0", 0, full]],
        [5],
    )
