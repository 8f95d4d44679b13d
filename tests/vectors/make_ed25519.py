"""Writes ed25519.json: the Ed25519 cases on which implementations differ.

    python tests/vectors/make_ed25519.py

The curve arithmetic is textbook (RFC 8032 5.1), slow and variable in time: it makes
signatures that no library would make, and serves the tests as a lenient verifier
that has none of the extra checks. Every case is derived from fixed seeds, so a
second run writes the same bytes.

Each case: ``name``, ``public``, ``message``, ``signature`` (hex), ``accept`` (bool),
``refused`` (null, "key" or "signature": what a strict verifier refuses) and ``why``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
SIGN_BIT = 1 << 255

Point = tuple[int, int, int, int]  # extended homogeneous coordinates X, Y, Z, T

IDENTITY: Point = (0, 1, 1, 0)


def add(a: Point, b: Point) -> Point:
    """The complete addition of RFC 8032 5.1.4."""
    e = (a[1] - a[0]) * (b[1] - b[0])
    f = (a[1] + a[0]) * (b[1] + b[0])
    g, h = 2 * a[3] * b[3] * D, 2 * a[2] * b[2]
    e, f, g, h = f - e, h - g, h + g, f + e
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n: int, point: Point) -> Point:
    """[n]point for n >= 0."""
    result = IDENTITY
    while n:
        if n & 1:
            result = add(result, point)
        point = add(point, point)
        n >>= 1
    return result


def encode(point: Point) -> bytes:
    inverse = pow(point[2], -1, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def decode(raw: bytes) -> Point | None:
    """Any 32 bytes as leniently as possible: y is reduced, a wrong sign of x = 0 is ignored."""
    number = int.from_bytes(raw, "little")
    y, sign = number % SIGN_BIT % P, number >> 255
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P:
        return None
    x = (P - x) % P if x & 1 != sign else x
    return x, y, 1, x * y % P


def must_decode(raw: bytes) -> Point:
    point = decode(raw)
    assert point is not None
    return point


def challenge(r: bytes, public: bytes, message: bytes) -> int:
    """k, not reduced."""
    return int.from_bytes(hashlib.sha512(r + public + message).digest(), "little")


def residue(public: bytes, message: bytes, signature: bytes) -> Point | None:
    """[S]B - R - [k]A; None if A or R is no point."""
    a, r = decode(public), decode(signature[:32])
    if a is None or r is None:
        return None
    k = challenge(signature[:32], public, message) % L
    s = int.from_bytes(signature[32:], "little")
    return add(times(s, BASE), times(8 * L - 1, add(r, times(k, a))))


def lenient_accepts(public: bytes, message: bytes, signature: bytes) -> bool:
    """Cofactorless with byte comparison of R, as in most libraries, with no other check."""
    a = decode(public)
    if a is None:
        return False
    k = challenge(signature[:32], public, message) % L
    s = int.from_bytes(signature[32:], "little")
    return encode(add(times(s, BASE), times(8 * L - 1, times(k, a)))) == signature[:32]


def cofactored_accepts(public: bytes, message: bytes, signature: bytes) -> bool:
    """The equation multiplied by 8, with no other check."""
    rest = residue(public, message, signature)
    return rest is not None and encode(times(8, rest)) == encode(IDENTITY)


BASE = must_decode((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def torsion() -> Point:
    """A point of order 8: [L] of the first point found whose component is that large."""
    for y in count(2):
        point = decode(y.to_bytes(32, "little"))
        if point and encode(times(4 * L, point)) != encode(IDENTITY):
            return times(L, point)
    raise AssertionError


ORDER_8 = torsion()
TORSION = {8: ORDER_8, 4: times(2, ORDER_8), 2: times(4, ORDER_8)}


def small_order_encodings() -> list[bytes]:
    """All 14: the eight points, x = 0 with the other sign, and y + P where that fits 255 bits."""
    encodings = {encode(times(n, ORDER_8)) for n in range(8)}
    for raw in list(encodings):
        y = int.from_bytes(raw, "little") % SIGN_BIT
        for same in (y, y + P):
            for sign in (0, SIGN_BIT):
                other = (same | sign).to_bytes(32, "little") if same < SIGN_BIT else raw
                encodings.add(other)
    return sorted(encodings)


@dataclass(frozen=True)
class Secret:
    """The expanded key of RFC 8032 5.1.5; ``nonce`` may be any bytes."""

    scalar: int
    nonce: bytes

    @classmethod
    def of(cls, seed: bytes) -> Secret:
        digest = hashlib.sha512(seed).digest()
        scalar = int.from_bytes(digest[:32], "little") & (1 << 254) - 8 | 1 << 254
        return cls(scalar, digest[32:])

    def public(self, torsion: Point = IDENTITY) -> bytes:
        return encode(add(times(self.scalar, BASE), torsion))

    def sign(self, message: bytes, torsion: Point = IDENTITY, prefix: bytes = b"") -> bytes:
        """RFC 8032 5.1.6, with an optional torsion component in R or a prefix as in Ed25519ctx."""
        nonce = int.from_bytes(hashlib.sha512(prefix + self.nonce + message).digest(), "little") % L
        r = encode(add(times(nonce, BASE), torsion))
        return self.answer(r, nonce, self.public(), message, prefix)

    def answer(self, r: bytes, nonce: int, public: bytes, message: bytes, prefix: bytes = b"") -> bytes:
        """A signature with any R and any name of the key."""
        k = int.from_bytes(hashlib.sha512(prefix + r + public + message).digest(), "little")
        return r + ((nonce + k * self.scalar) % L).to_bytes(32, "little")


@dataclass(frozen=True)
class Case:
    name: str
    public: str
    message: str
    signature: str
    accept: bool
    refused: str | None
    why: str


def case(name: str, refused: str | None, why: str, public: bytes, message: bytes, signature: bytes) -> Case:
    return Case(name, public.hex(), message.hex(), signature.hex(), refused is None, refused, why)


def search(secret: Secret, public: bytes, wanted: Callable[[int], bool]) -> tuple[bytes, bytes]:
    """Sign the first message "0", "1", ... whose k satisfies ``wanted``, reduced modulo L or not."""
    nonce = int.from_bytes(hashlib.sha512(b"search" + public).digest(), "little") % L
    r = encode(times(nonce, BASE))
    texts = (b"%d" % n for n in count())
    ks = ((text, challenge(r, public, text)) for text in texts)
    message = next(text for text, k in ks if wanted(k) and wanted(k % L))
    return message, secret.answer(r, nonce, public, message)


RFC_8032 = (
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155",
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da",
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac",
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        hashlib.sha512(b"abc").hexdigest(),
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589",
        "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
)

ALICE = Secret.of(bytes([1]) * 32)
BOB = Secret.of(bytes([2]) * 32)
MESSAGE = b"5.0 degrees"


def valid() -> Iterator[Case]:
    for number, (seed, message, r, s) in enumerate(RFC_8032, 1):
        secret, text = Secret.of(bytes.fromhex(seed)), bytes.fromhex(message)
        assert secret.sign(text).hex() == r + s, "the arithmetic of this script is wrong"
        yield case(f"rfc8032-{number}", None, "RFC 8032 7.1", secret.public(), text, bytes.fromhex(r + s))
    text = bytes(range(256)) * 8
    yield case("valid-2048-bytes", None, "a longer message", ALICE.public(), text, ALICE.sign(text))


def wrong() -> Iterator[Case]:
    public, signature = ALICE.public(), ALICE.sign(MESSAGE)
    s = int.from_bytes(signature[32:], "little")

    def refused(name: str, why: str, message: bytes, changed: bytes) -> Case:
        return case(name, "signature", why, public, message, changed)

    for n in (1, 2, 14):
        larger = signature[:32] + (s + n * L).to_bytes(32, "little")
        yield refused(f"s-plus-{n}-l", "S >= L: a second signature for the same message", MESSAGE, larger)
    yield refused("s-is-l", "S >= L", MESSAGE, signature[:32] + L.to_bytes(32, "little"))
    for bit in (0, 254, 255, 256, 300, 507, 508, 511):
        changed = (int.from_bytes(signature, "little") ^ 1 << bit).to_bytes(64, "little")
        yield refused(f"flipped-signature-bit-{bit}", "one bit changed", MESSAGE, changed)
    yield refused("flipped-message-bit", "one bit changed", b"4" + MESSAGE[1:], signature)
    yield refused("halves-swapped", "S || R", MESSAGE, signature[32:] + signature[:32])
    yield refused("zeros", "all zeros", MESSAGE, bytes(64))
    yield refused("by-another-key", "signed by another key", MESSAGE, BOB.sign(MESSAGE))
    context = b"SigEd25519 no Ed25519 collisions\x00\x01c"
    yield refused(
        "ed25519ctx", "made for Ed25519ctx, RFC 8032 5.1", MESSAGE, ALICE.sign(MESSAGE, prefix=context)
    )
    for size in (0, 32, 63, 65, 128):
        changed = (signature * 2)[:size]
        yield refused(f"signature-of-{size}-bytes", "a signature has 64 bytes", MESSAGE, changed)
    why = "the border moved: signature and message joined are those of a valid pair"
    yield refused("signature-lends-a-byte", why, signature[63:] + MESSAGE, signature[:63])
    yield refused("signature-borrows-a-byte", why, MESSAGE, ALICE.sign(b"\x00" + MESSAGE) + b"\x00")


def wrong_keys() -> Iterator[Case]:
    public, signature = ALICE.public(), ALICE.sign(MESSAGE)
    for size in (0, 31, 33, 64):
        changed = (public * 2)[:size]
        yield case(f"key-of-{size}-bytes", "key", "a key has 32 bytes", changed, MESSAGE, signature)
    for y in range(19):
        raw = (y + P).to_bytes(32, "little")
        if decode(raw) is None:
            yield case(f"key-y-p-plus-{y}", "key", "y >= p, and no such point", raw, MESSAGE, signature)
        elif y > 1:
            yield case(f"key-y-p-plus-{y}", "key", "y >= p: a second name of a key", raw, MESSAGE, signature)
    off_curve = next(raw for y in count(2) if decode(raw := y.to_bytes(32, "little")) is None)
    yield case("key-off-the-curve", "key", "no such point", off_curve, MESSAGE, signature)


def small_order() -> Iterator[Case]:
    zero = Secret(0, b"nonce")
    for raw in small_order_encodings():
        message, signature = search(zero, raw, lambda k: k % 8 == 0)
        why = "key of small order: it has signatures for many messages, made without any secret"
        yield case(f"small-order-key-{raw.hex()}", "key", why, raw, message, signature)
    for raw in small_order_encodings():
        signature = ALICE.answer(raw, 0, ALICE.public(), MESSAGE)
        why = "R of small order: verifiers with and without the cofactor differ"
        yield case(f"small-order-r-{raw.hex()}", "signature", why, ALICE.public(), MESSAGE, signature)


def mixed_order() -> Iterator[Case]:
    for order, point in TORSION.items():
        public = ALICE.public(point)
        for name, why, wanted in (
            (
                "without",
                "key outside the prime-order group: accepted without the cofactor",
                lambda k: k % 8 == 0,
            ),
            (
                "with",
                "key outside the prime-order group: accepted with the cofactor only",
                lambda k: k % 2 == 1,
            ),
        ):
            message, signature = search(ALICE, public, wanted)
            yield case(f"mixed-order-{order}-key-{name}-cofactor", "key", why, public, message, signature)
    for order, point in TORSION.items():
        for owner, secret in (("alice", ALICE), ("bob", BOB)):
            signature = secret.sign(b"torsion", torsion=point)
            why = "R has a torsion component: accepted with the cofactor only"
            yield case(
                f"order-{order}-in-r-{owner}", "signature", why, secret.public(), b"torsion", signature
            )


def cases() -> list[Case]:
    return [*valid(), *wrong(), *wrong_keys(), *small_order(), *mixed_order()]


def render() -> str:
    return json.dumps([asdict(case) for case in cases()], indent=1) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("ed25519.json").write_text(render(), encoding="ascii")
