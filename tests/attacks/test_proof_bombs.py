"""Proofs, notes, statements and questions made to be dear: each is refused with its reason, for little.

By both verifiers, and by each address of the site that takes something from strangers. Those that are
sent to a witness are in ``test_witness.py``, to a full one in ``test_full_witness.py``, to the gateway
in ``test_devices.py``, to the EPCIS interface in ``test_epcis_api.py``.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tests.support import forge
from tests.support.changes import changed
from tests.support.forgery import BATCH, TRUCK, add_links, signed
from tests.support.node import JavaScript, absence, agree
from tests.support.web import site_of
from tests.support.world import GTIN, Story
from tests.verifier.agreement import disagreements
from tests.verifier.cases import Case
from traceability import media
from traceability.errors import (
    BundleError,
    MalformedError,
    OversizeError,
    ProofMismatchError,
    TraceabilityError,
)
from traceability.identifiers import Batch
from traceability.ledger.proof import parse_proof
from traceability.signing.strictjson import json_decode, json_encode
from traceability.verification.bundle import Bundle, parse_bundle
from traceability.verification.policy import Policy
from traceability.verification.verdict import check

CPU_S = 2.0
"""Of one bomb, on a slow machine; the honest bundle takes a tenth of a second."""
DEADLINE_S = 60.0
"""Of all of them together, in JavaScript."""
HASH = base64.b64encode(bytes(32)).decode()
JSON = {
    "deep lists": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a number of a million digits": b"9" * 1_000_000,
    "a large exponent": b"1e999999999",
    "many escapes": b'"' + b"\\u0041" * 100_000 + b'"',
}
PROOFS: tuple[tuple[Any, ...], ...] = (
    ("state", "proof"),
    ("streams", 0, "place", "bucket_proof"),
    ("streams", 0, "place", "top_proof"),
)


@dataclass(frozen=True)
class Bomb:
    """A bundle of which one thing is too much, and by which error it is refused."""

    what: str
    data: bytes
    error: type[TraceabilityError]


def bombs(story: Story, data: bytes) -> Iterator[Bomb]:
    """In the bundle's proofs, in its note, in its statements, in its JSON."""
    raw: Any = json_decode(data, max_bytes=len(data))
    for path in PROOFS:
        for count, error in ((63, ProofMismatchError), (64, BundleError), (20_000, BundleError)):
            yield Bomb(f"{count} hashes in {path[-1]}", edited(raw, path, [HASH] * count), error)
    yield from notes(raw)
    yield from statements(story, parse_bundle(data))
    for what, text in JSON.items():
        yield Bomb(what, data[:-1] + b',"z":' + text + b"}", BundleError)
    statement, texts = next(iter(raw["disclosures"].items()))
    many = [*texts, *map(str, range(5_000))]
    yield Bomb("5,000 disclosures", edited(raw, ("disclosures", statement), many), BundleError)
    streams = [*raw["streams"], *[raw["streams"][-1]] * 500]
    yield Bomb("500 streams more", edited(raw, ("streams",), streams), BundleError)


def notes(raw: Any) -> Iterator[Bomb]:
    text, path = raw["checkpoint"], ("checkpoint",)
    name, own = text.split("\n")[0], text.rstrip("\n").split("\n")[-1]
    nobodys = [f"\u2014 {name} {base64.b64encode(i.to_bytes(68, 'big')).decode()}\n" for i in range(1_400)]
    yield Bomb("65 signatures", edited(raw, path, text + "".join(nobodys[:64])), MalformedError)
    yield Bomb("65 times the same", edited(raw, path, text + f"{own}\n" * 64), MalformedError)
    yield Bomb("a note of 170 KiB", edited(raw, path, text + "".join(nobodys)), OversizeError)
    leaf = raw["state"]["leaf"] + "x" * 65_536
    yield Bomb("a state leaf of 64 KiB", edited(raw, ("state", "leaf"), leaf), OversizeError)


def statements(story: Story, bundle: Bundle) -> Iterator[Bomb]:
    """The node signs all of it anew, so that nothing else is wrong."""
    for kind, number, size in (
        (media.FRAME, TRUCK, 16_385),
        (media.GAP, TRUCK, 65_536),
        (media.EVENT, BATCH, 262_145),
        (media.STAY_OPEN, BATCH, 262_145),
        (media.KEY, len(bundle.streams) - 1, 262_145),
    ):
        large = add_links(bundle, number, forge.link(kind, bytes(size), 0))
        yield Bomb(f"{kind} of {size} bytes", signed(story, large, follow=False), OversizeError)


def edited(raw: Any, path: tuple[Any, ...], value: Any) -> bytes:
    return json_encode(changed(raw, path, value))


@pytest.fixture(scope="module")
def made(story: Story, data: bytes) -> list[Bomb]:
    return list(bombs(story, data))


def test_no_bundle_makes_a_verifier_work_long(made: list[Bomb], data: bytes, policy: Policy):
    for bomb in made:
        begun = time.process_time()
        verdict = check(bomb.data, policy)
        assert time.process_time() - begun < CPU_S, bomb.what
        assert (verdict.exit_code, type(verdict.failure)) == (1, bomb.error), (bomb.what, verdict.failure)
        assert len(str(verdict.failure)) < 2_000, bomb.what
    assert check(data, policy).exit_code == 0, "the control: the same bundle without a bomb"


def test_both_verifiers_refuse_each_for_the_same_reason(made: list[Bomb], data: bytes, story: Story):
    if missing := absence():
        pytest.skip(missing)
    pinned = story.world.node.policy_text.encode()
    cases = [Case(bomb.what, partial(bytes, bomb.data), pinned) for bomb in made]
    begun = time.monotonic()
    asked, differing = disagreements([*cases, Case("none", partial(bytes, data), pinned)])
    assert time.monotonic() - begun < DEADLINE_S
    assert (asked, differing) == (len(made) + 1, [])


@pytest.mark.parametrize(
    "lines",
    [
        ["index 5", *[HASH] * 64],
        ["index 5", *[HASH] * 1_900],
        [f"extra {HASH * 2_000}", "index 5"],
        ["index " + "9" * 60_000],
    ],
    ids=["64 hashes", "1,900 hashes", "much beside", "a large number"],
)
def test_a_proof_of_a_leaf_that_is_too_long_is_not_read(lines: list[str], javascript: JavaScript):
    bomb = "\n".join(["c2sp.org/tlog-proof@v1", *lines, "", ""]).encode()
    (answer,) = agree(javascript, "proof", parse_proof, [[bomb]])
    assert answer["refused"] in {"malformed", "oversize"}


LONG = "9" * 3_000
QUESTIONS = (
    f"/log/proof?index={LONG}",
    f"/log/proof?first={LONG}&second={LONG}",
    f"/log/proof?stream=https://id.gs1.org/01/{LONG}",
    "/log/proof?" + "&".join(f"index{i}=1" for i in range(900)),
    f"/log/tile/0/{'x999/' * 600}999",
    f"/log/tile/entries/{LONG}",
    f"{Batch(GTIN, 'L1').path}?code={LONG}",
    f"/?gtin={LONG}&lot={LONG}",
    f"/01/{LONG}/10/{LONG}",
    f"/qr/01/{GTIN}/10/{LONG}.svg",
    f"/epcis/events?EQ_bizStep={LONG}",
    f"/recalls/{LONG}",
    f"/trace?of={LONG}",
)


def test_no_question_makes_the_site_work_long(story: Story):
    with site_of(story.world) as app:
        client = app.test_client()
        assert client.get(Batch(GTIN, "L1").path).status_code == 200
        for question in QUESTIONS:
            begun = time.process_time()
            answer = client.get(question)
            assert time.process_time() - begun < CPU_S, question[:40]
            assert answer.status_code in {200, 400, 401, 404, 414}, (question[:40], answer.status_code)
            assert len(answer.data) < 64 * 1024, question[:40]


@pytest.mark.parametrize(
    ("path", "kind", "status"),
    [
        ("/epcis/capture", "application/json", 401),
        ("/epcis/events", "application/json", 401),
        ("/recalls", "application/json", 401),
        ("/recalls/preview", "application/json", 401),
    ],
)
def test_a_body_that_is_too_large_is_not_read_from_strangers(story: Story, path: str, kind: str, status: int):
    """Whose token would have to stand in the body is told so by its length, all others before it is read."""
    with site_of(story.world) as app:
        client = app.test_client()
        assert client.post(path, data=b"token=" + b"x" * 200_000, content_type=kind).status_code == status
        assert client.post(path, data=b"token=x", content_type=kind).status_code in {401, 403}
