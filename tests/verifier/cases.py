"""What two verifiers are to agree about: bundles as they are handed out, and what somebody made of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, product

from tests.support.changes import changes
from tests.support.cosigned import Cosigner, cosigned, policy_text
from tests.verifier.lies_of_depositors import lies_of_depositors
from tests.verifier.lies_of_devices import lies_of_devices
from tests.verifier.lies_of_nodes import lies_of_nodes
from tests.verifier.lies_of_parties import lies_of_parties
from tests.verifier.lies_of_times import lies_of_times
from tests.verifier.stories import Told
from traceability.ledger import note
from traceability.ledger.tracecode import trace_code
from traceability.signing.disclosure import Audience
from traceability.signing.keys import PrivateKey
from traceability.signing.strictjson import json_decode, json_encode
from traceability.verification.bundle import encode_bundle, parse_bundle
from traceability.verification.policy import format_policy

EAST, WEST, NORTH = map(Cosigner, ("east", "west", "north"))
NOW_S = 1_767_225_600 + 86_400
BYTE_CHANGES = 300
POLICY_CHANGES = 200


@dataclass(frozen=True)
class Case:
    """One question; the bundle is made when it is asked."""

    name: str
    bundle: Callable[[], bytes]
    policy: bytes | None
    now_ms: int | None = NOW_S * 1000
    code: str | None = None


def cases(told: Told) -> list[Case]:
    """All of them, in an order that does not change."""
    made = (handed_out, texts, lies, witnessed, policies, changed, labelled)
    return list(chain.from_iterable(make(told) for make in made))


def own_policy(told: Told) -> bytes:
    return told.world.node.policy_text.encode()


def handed_out(told: Told) -> Iterator[Case]:
    """Every batch for every audience, with and without a policy, and with those of other nodes."""
    pinned = [("own", own_policy(told)), ("no", None), *_foreign(told)]
    for word, uri in told.batches.items():
        for audience in Audience:
            for which, policy in pinned:
                name = f"{word} for {audience}, {which} policy"
                yield Case(name, partial(told.world.bundle, uri, audience), policy)


def labelled(told: Told) -> Iterator[Case]:
    """Every batch with the code of each of its heads, with another's, and with a bundle that fails."""
    for word, uri in told.batches.items():
        data = told.world.bundle(uri)
        heads = [record.hash for record in parse_bundle(data).streams[0].records()]
        codes = [trace_code(n, head) for n, head in enumerate((*heads, heads[0]), 1)]
        codes += [trace_code(len(heads), heads[0]), trace_code(1, bytes(32))]
        typed = [*(code.text for code in codes), codes[0].text.lower(), codes[0].text[:-1], ""]
        for text, policy in product(typed, (own_policy(told), None)):
            yield Case(f"{word} with {text!r}", partial(bytes, data), policy, code=text)
        yield Case(f"{word} broken", partial(bytes, data[:-1]), own_policy(told), code=codes[0].text)


def _foreign(told: Told) -> Iterator[tuple[str, bytes]]:
    """Policies with another log, another name of it, or another registrar."""
    own, stranger = told.world.node.policy, PrivateKey.from_seed(bytes(32)).public
    renamed = replace(own.log, name="other.example/log")
    for which, policy in (
        ("another log's", replace(own, log=replace(own.log, key=stranger))),
        ("renamed log's", replace(own, log=renamed)),
        ("another registrar's", replace(own, registrar=replace(own.registrar, key=stranger))),
    ):
        yield which, format_policy(policy).encode()


def changed(told: Told) -> Iterator[Case]:
    """One character, number, member or element of a bundle is another one."""
    for word in ("opened", "blend", "packed", "keys", "papers"):
        raw = json_decode(told.world.bundle(told.batches[word]), max_bytes=1 << 26)
        for where, value in changes(raw):
            yield Case(f"{word}: {where}", partial(json_encode, value), own_policy(told))


def texts(told: Told) -> Iterator[Case]:
    """Bytes that are another text of a bundle, of another value, or of none."""
    data = told.world.bundle(told.batches["none"])
    for number, text in enumerate(_other_texts(data)):
        yield Case(f"text {number}", partial(bytes, text), own_policy(told))
    chance = random.Random(2)
    for position in chance.sample(range(len(data)), BYTE_CHANGES):
        other = data[:position] + bytes([chance.randrange(256)]) + data[position + 1 :]
        yield Case(f"byte {position}", partial(bytes, other), own_policy(told))


def _other_texts(data: bytes) -> Iterator[bytes]:
    yield from (b"", b"null", b"[]", b"{}", b'"x"', b"7", b"NaN", b"{", b"[" * 99_999, b'{"a":' * 99_999)
    yield from (data + b" ", b" " + data, b"\xef\xbb\xbf" + data, data + b"\n", data + data, data[:-1])
    yield from (data.decode().encode(coding) for coding in ("utf-16", "utf-32", "utf-16-be"))
    for version in (b"1.0", b"1e0", b"01", b"-1", b"2", b"true", b"null", b'"1"', b"1.", b"1" * 65, b"1E400"):
        yield data.replace(b'"version":1', b'"version":' + version)
    for first in (b"-0", b"0.0", b"-1", b"9007199254740991", b"9007199254740992", b"false", b"1"):
        yield data.replace(b'"first":0', b'"first":' + first, 1)
    for members in (b'"a":1,', b'"audience":"public",', b'"__proto__":null,', b'"constructor":1,', b'"":1,'):
        yield data.replace(b"{", b"{" + members, 1)
    for subject in (
        b"\\u0068ttps",
        b"\\ud83d",
        b"\xed\xa0\xbd",
        b"\xff",
        b"\\/",
        b"\x00",
        b"\\u0000",
        b"\xc2\x85",
    ):
        yield data.replace(b"https", subject, 1)
    for audience in (b'"PUBLIC"', b'"everyone"', b"null", b"1", b'["public"]'):
        yield data.replace(b'"audience":"public"', b'"audience":' + audience)
    for sign in ("\u2014", "-", "\u2014 ", "\u00a0", "\u0085", "\u2028", "\u200b", "\ufeff", "\x1f", "\x7f"):
        yield data.replace("\u2014".encode(), sign.encode(), 1)


def lies(told: Told) -> Iterator[Case]:
    """What a node signs that lies, and what parties and devices sign that want to be misunderstood."""
    for make in (lies_of_nodes, lies_of_parties, lies_of_depositors, lies_of_devices, lies_of_times):
        for name, bundle in make(told):
            yield Case(name, bundle, own_policy(told))


QUORUMS = (
    ("quorum none",),
    ("quorum east",),
    ("group g 2 east west north", "quorum g"),
    ("group g any east west north", "quorum g"),
    ("group g all east west north", "quorum g"),
    ("group a 1 east", "group b 1 west north", "group both all a b", "quorum both"),
    ("group complete any west north", "group both all east complete", "quorum both"),
    ("group complete 2 east west north", "quorum east"),
)
TIMES: tuple[tuple[tuple[Cosigner, int], ...], ...] = (
    (),
    ((EAST, 0),),
    ((EAST, -3_600),),
    ((EAST, -3_601), (WEST, -1)),
    ((EAST, 300), (NORTH, -5)),
    ((EAST, 301), (NORTH, 400)),
    ((EAST, -100_000), (EAST, -10), (WEST, -20), (NORTH, -30)),
    ((WEST, -7_260), (NORTH, -90_000), (Cosigner("stranger"), -1)),
)


def witnessed(told: Told) -> Iterator[Case]:
    """Cosigned by some, some time ago, under policies that ask for more or fewer."""
    data, pinned = told.world.bundle(told.batches["none"]), told.world.node.policy_text
    for items in QUORUMS:
        policy = policy_text(pinned, *items, by=(EAST, WEST, NORTH)).encode()
        for number, times in enumerate(TIMES):
            made = [(by, NOW_S + ago) for by, ago in times]
            for now_ms in (NOW_S * 1000, NOW_S * 1000 + 999, None):
                yield Case(
                    f"{items[-1]}, times {number}, {now_ms}", partial(cosigned, data, *made), policy, now_ms
                )
    policy = policy_text(pinned, "quorum east", by=(EAST,)).encode()
    for time_s in (0, 2**53 + 1, 2**63 - 1):
        yield Case(f"cosigned at {time_s}", partial(cosigned, data, (EAST, time_s)), policy)
    yield Case("cosigned at 2^63", partial(_with_time, data, 2**63), policy)


def _with_time(data: bytes, time_s: int) -> bytes:
    """Cosigned with a time in its first eight bytes that the signature does not say."""
    bundle = parse_bundle(cosigned(data, (EAST, 1)))
    signed = note.parse_note(bundle.checkpoint)
    *others, last = signed.signatures
    later = replace(last, value=time_s.to_bytes(8, "big") + last.value[8:])
    return encode_bundle(replace(bundle, checkpoint=replace(signed, signatures=(*others, later)).encode()))


def policies(told: Told) -> Iterator[Case]:
    """Policies that say the same in another way, something else, or nothing that can be read."""
    data, pinned = told.world.bundle(told.batches["none"]), told.world.node.policy_text
    made = partial(cosigned, data, (EAST, NOW_S - 5), (WEST, NOW_S - 9))
    whole = policy_text(pinned, "group g 2 east west north", "quorum g", by=(EAST, WEST, NORTH)).encode()
    for number, text in enumerate(_other_policies(whole)):
        yield Case(f"policy {number}", made, text)
    chance = random.Random(3)
    for _ in range(POLICY_CHANGES):
        position = chance.randrange(len(whole))
        other = whole[:position] + bytes([chance.randrange(256)]) + whole[position + 1 :]
        yield Case(f"policy, byte {position} is {other[position]}", made, other)


def _other_policies(whole: bytes) -> Iterator[bytes]:
    lines = whole.splitlines(keepends=True)
    for number in range(len(lines)):
        yield b"".join(lines[:number] + lines[number + 1 :])
        yield b"".join([*lines[: number + 1], *lines[number:]])
        yield b"".join([*lines[:number], b"  " + lines[number].replace(b" ", b"\t "), *lines[number + 1 :]])
        yield b"".join([*lines[:number], lines[number][:-1] + b" more\n", *lines[number + 1 :]])
        yield b"".join(lines[number:] + lines[:number])
    for number in range(len(lines)):
        if lines[number].startswith(b"witness east "):
            twin = lines[number].replace(b"witness east ", b"witness twin ")
            yield b"".join([*lines[:number], twin, *lines[number:]])
    for name in ("é", "东", "\u200b", "\u00a0", "\u2028", "none", "any", "#east", "\U0001f353", "\u0301"):
        yield whole.replace(b" east", b" " + name.encode())
    for raw in (
        b"\xff",
        b"\xc3",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"a\xe4\xb8",
        b"\xc0\xaf",
        b"\x7f",
        b"\r",
    ):
        yield whole.replace(b" east", b" " + raw)
    for count in (b"0", b"1", b"3", b"4", b"-1", b"02", b"2.0", b"all", b"any", b"9" * 30):
        yield whole.replace(b"group g 2", b"group g " + count)
    for url in (b" https://a", b" https://a b", b" #"):
        yield b"".join([lines[0][:-1] + url + b"\n", *lines[1:]])
    yield from (b"", whole[:-1], whole + b"\n\n# end\n", whole + b"# \xff\n", whole + b"x" * 70_000 + b"\n")
