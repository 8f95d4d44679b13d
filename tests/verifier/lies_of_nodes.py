"""A node that has its own log key, changes what it likes in a bundle, and signs a consistent whole again."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from tests.support import forge
from tests.support.changes import changed
from tests.verifier.stories import Told
from traceability import media
from traceability.errors import TraceabilityError
from traceability.ledger.stay import StayClose, StayOpen
from traceability.signing.strictjson import b64url, b64url_decode, json_decode, json_encode
from traceability.verification.bundle import Bundle, Link, Stretch, parse_bundle

Lie = tuple[str, Callable[[], bytes]]
TOLD = ("closed", "packed", "keys", "stolen", "parted", "rotated", "blend", "both", "papers")
FLIPS = 4
"""Changed bytes of each statement."""
STEPS = (-1, 1, 60_000)


def lies_of_nodes(told: Told) -> Iterator[Lie]:
    """By a name, what makes a bundle with one lie in it."""
    chance = random.Random(4)
    for word in TOLD:
        bundle = parse_bundle(told.world.bundle(told.batches[word]))
        for where, lie, follow in _lies(bundle, chance):
            yield f"{word} signed again: {where}", partial(forge.sign, lie, told.world.node, follow=follow)
    yield from _beside(told)


def _beside(told: Told) -> Iterator[Lie]:
    """Nothing is wrong with the records, but with what stands beside them."""
    packed, keys = (parse_bundle(told.world.bundle(told.batches[word])) for word in ("packed", "keys"))
    strays = [s for s in packed.streams if s.uri not in {own.uri for own in keys.streams}]
    newest = max(link.time_ms for stretch in keys.streams for link in stretch.links)
    for early in (newest - 1, newest, newest + 1):
        yield f"state at {early}", partial(forge.sign, keys, told.world.node, time_ms=early)
    for stray in strays[1:]:
        batch, *rest = keys.streams
        streams = (batch, *sorted((*rest, stray), key=lambda stretch: stretch.uri))
        yield f"with {stray.uri}", partial(forge.sign, replace(keys, streams=streams), told.world.node)
    for statement, texts in list(packed.disclosures.items())[:2]:
        more = dict(keys.disclosures) | {statement: texts}
        yield "disclosures of nothing", partial(forge.sign, replace(keys, disclosures=more), told.world.node)


def _lies(bundle: Bundle, chance: random.Random) -> Iterator[tuple[str, Bundle, bool]]:
    yield "unchanged", bundle, True
    for number, stretch in enumerate(bundle.streams):
        yield f"without stream {number}", _with(bundle, number), True
        yield f"stream {number} twice", _with(bundle, number, stretch, stretch), True
        yield f"stream {number} without a place", _with(bundle, number, replace(stretch, place=None)), True
        for make, follow in ((_moved, True), (_replaced, False)):
            for where, links in make(stretch, chance):
                lie = _with(bundle, number, replace(stretch, links=tuple(links)))
                yield f"stream {number}: {where}", lie, follow
    for where, lie in (*_stays(bundle), *_disclosures(bundle)):
        yield where, lie, True


def _with(bundle: Bundle, number: int, *stretches: Stretch) -> Bundle:
    """The bundle with others in the place of a stream; disclosures that nothing needs go with it."""
    return forge.with_streams(bundle, *bundle.streams[:number], *stretches, *bundle.streams[number + 1 :])


def _moved(stretch: Stretch, _: random.Random) -> Iterator[tuple[str, list[Link]]]:
    """Records left out, held back, repeated, in another order or at another time."""
    links = list(stretch.links)
    for i, link in enumerate(links):
        before, behind = links[:i], links[i + 1 :]
        yield f"without record {i}", before + behind
        yield f"record {i} twice", [*before, link, link, *behind]
        yield f"record {i} behind the next", [*before, *behind[:1], link, *behind[1:]]
        yield f"record {i} withheld", [*before, forge.withhold(link), *behind]
        for step in STEPS:
            yield (
                f"record {i} {step} ms later",
                [*before, replace(link, time_ms=link.time_ms + step), *behind],
            )


def _replaced(stretch: Stretch, chance: random.Random) -> Iterator[tuple[str, list[Link]]]:
    """Records of other types, and of other statements."""
    links = list(stretch.links)
    for i, link in enumerate(links):
        before, behind = links[:i], links[i + 1 :]
        kind = chance.choice(sorted(media.RECORDED))
        yield f"record {i} as {kind}", [*before, replace(link, media_type=kind), *behind]
        for number, body in enumerate((*_flipped(link.statement or b"", chance), *_unsigned(link))):
            yield (
                f"statement {number} of record {i}",
                [*before, forge.link(link.media_type, body, link.time_ms), *behind],
            )


def _flipped(body: bytes, chance: random.Random) -> Iterator[bytes]:
    for position in chance.sample(range(len(body)), min(FLIPS, len(body))):
        yield body[:position] + bytes([body[position] ^ 1 << chance.randrange(8)]) + body[position + 1 :]
    if body:
        yield body[: chance.randrange(len(body))]


def _unsigned(link: Link) -> Iterator[bytes]:
    """A key statement in its one form in which one signature does not match."""
    if link.media_type != media.KEY or link.statement is None:
        return
    whole: Any = json_decode(link.statement)
    for number, part in enumerate(whole["signatures"]):
        signature = bytearray(b64url_decode(part["signature"]))
        signature[40] ^= 1
        yield json_encode(changed(whole, ("signatures", number, "signature"), b64url(bytes(signature))))


def _stays(bundle: Bundle) -> Iterator[tuple[str, Bundle]]:
    """Every number of every text of a stay is a little more or less."""
    for name in sorted({*StayOpen.__dataclass_fields__, *StayClose.__dataclass_fields__}):
        for step in STEPS:
            try:
                yield f"{name} {step:+d} in stays", forge.edit_stays(bundle, partial(_stepped, name, step))
            except TraceabilityError:
                continue  # not even a liar can write that down


def _stepped(name: str, step: int, stay: StayOpen | StayClose) -> StayOpen | StayClose:
    value, other = getattr(stay, name, None), dict[str, Any]()
    if isinstance(value, int):
        other = {name: value + step}
    if isinstance(value, tuple) and value:
        other = {name: value[:-1]}
    return replace(stay, **other)


def _disclosures(bundle: Bundle) -> Iterator[tuple[str, Bundle]]:
    for statement, texts in bundle.disclosures.items():
        for i in range(len(texts)):
            fewer = dict(bundle.disclosures) | {statement: texts[:i] + texts[i + 1 :]}
            yield f"{statement.hex()[:8]} without disclosure {i}", replace(bundle, disclosures=fewer)


def add(told: Told, bundle: Bundle, media_type: str, body: bytes, texts: tuple[str, ...] = ()) -> bytes:
    """The bundle with one record more of its batch, signed again by the node."""
    batch, *rest = bundle.streams
    link = forge.link(media_type, body, batch.links[-1].time_ms)
    longer = forge.with_streams(bundle, replace(batch, links=(*batch.links, link)), *rest)
    shown = {link.sha256: texts} if texts else {}
    return forge.sign(replace(longer, disclosures=dict(longer.disclosures) | shown), told.world.node)
