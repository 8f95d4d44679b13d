"""Parts of a JSON object that can be shown or withheld one by one (RFC 9901 4.2 and 7.1).

:func:`conceal` puts a digest in the place of each part that is to be hidden, inside hidden
parts too; :func:`reveal` puts back what the disclosures at hand open and takes every other
digest out. No signatures here: :mod:`traceability.signing.sdjwt` ties the object to its signer.

Paths name places: member names and array indexes from the top. An index counts withheld
elements too, so a part has the same path whoever looks at it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from types import NoneType
from typing import Final, NamedTuple, TypeAlias

from traceability.errors import EncodingError, OversizeError, ProofMismatchError, StatementError
from traceability.signing.strictjson import (
    Json,
    b64url,
    b64url_decode,
    json_decode,
    json_encode,
    sorted_names,
)

Path: TypeAlias = tuple[str | int, ...]

HASH_NAME: Final = "sha-256"
SALT_BYTES: Final = 16
"""RFC 9901 9.3: at least 128 bits of randomness for each disclosure."""
MAX_CLAIMS_DEPTH: Final = 15
"""An event of depth 14 under its claim."""
MAX_DISCLOSURES: Final = 4_096
"""1,000 batches, each with its quantity and unit, and room for the other members."""
MAX_KEPT: Final = 1_024
"""Characters of a disclosure up to which it is remembered once it was read: 8 MiB in all."""
MAX_DISCLOSURES_BYTES: Final = 1_048_576
"""1 MiB of disclosures for one statement, all texts together."""

_DIGESTS: Final = "_sd"
_ELEMENT: Final = "..."
_ALGORITHM: Final = "_sd_alg"
_RESERVED: Final = frozenset({_DIGESTS, _ELEMENT, _ALGORITHM})


class Disclosure(NamedTuple):
    """What opens one digest: the base64url text as it is handed out, its digest, its path."""

    text: str
    digest: str
    path: Path


@dataclass(frozen=True, slots=True)
class Revealed:
    """What the disclosures at hand show.

    ``claims`` has no digests left in it. ``paths`` tells for each digest that was opened
    where it stands; its parent is the longest other path it begins with. ``hidden`` counts
    the digests that stayed closed; those inside closed parents cannot be counted.
    """

    claims: dict[str, Json]
    paths: Mapping[str, Path]
    hidden: int


def digest_of(disclosure: str) -> str:
    """The digest of a disclosure's base64url text (RFC 9901 4.2.3)."""
    return b64url(hashlib.sha256(disclosure.encode("ascii")).digest())


def random_salt() -> bytes:
    """16 bytes from the system's generator."""
    return secrets.token_bytes(SALT_BYTES)


def conceal(
    claims: Mapping[str, object], hide: Callable[[Path], bool], salt: Callable[[], bytes]
) -> tuple[dict[str, Json], tuple[Disclosure, ...]]:
    """The payload with digests and ``_sd_alg`` in it, and the disclosures, children first.

    Args:
        claims: a JSON object.
        hide: asked for every member and every element at its path, inside hidden ones too.
        salt: called once a disclosure, members in sorted order; 16 bytes or more.

    Raises:
        EncodingError: the claims have no strict JSON form or nest too deeply.
        StatementError: a reserved member name, a salt too short or repeated.
        OversizeError: more disclosures than the limits above.
    """
    if not isinstance(claims, Mapping):
        raise StatementError("claims are a JSON object")
    concealing = _Concealing(hide, salt)
    payload = concealing.close_object(claims, ())
    payload[_ALGORITHM] = HASH_NAME
    _require_within_limits([disclosure.text for disclosure in concealing.made])
    return payload, tuple(concealing.made)


def reveal(payload: Mapping[str, Json], disclosures: Sequence[str]) -> Revealed:
    """The claims that these disclosures show, all rules of RFC 9901 7.1 step 3 to 5 applied.

    Verify the signature first: this only ties the disclosures to the payload.

    Args:
        payload: of a parsed statement, digests in it.
        disclosures: base64url texts in any order; one inside another needs that other too.

    Raises:
        ProofMismatchError: a disclosure that the payload does not refer to.
        EncodingError: a disclosure that is not canonical base64url or not strict JSON.
        StatementError: a digest that stands twice, a disclosure given twice or of the wrong
            shape, a member that would stand twice, a reserved name in the wrong place,
            claims nested too deeply, another hash.
        OversizeError: more or longer disclosures than the limits above.
    """
    require_hash(payload)
    _require_within_limits(disclosures)
    contents = dict(map(read_disclosure, disclosures))
    if len(contents) != len(disclosures):
        raise StatementError("a disclosure is given twice")
    revealing = _Revealing(contents)
    claims = revealing.open_object(dict(payload), ())
    if unsigned := contents.keys() - revealing.paths.keys():
        raise ProofMismatchError("a disclosure was not signed", got=min(unsigned))
    return Revealed(claims, revealing.paths, len(revealing.seen) - len(revealing.paths))


def read_disclosure(text: str) -> tuple[str, Json]:
    """A disclosure's digest, and what it holds; this is never to be changed: it may be remembered.

    Raises:
        EncodingError: not canonical base64url, or not strict JSON.
    """
    return _read(text) if len(text) <= MAX_KEPT else _read_anew(text)


def _read_anew(text: str) -> tuple[str, Json]:
    held = json_decode(b64url_decode(text))
    return digest_of(text), held


_read: Final = lru_cache(maxsize=8192)(_read_anew)
"""The same, remembered: a page, a query and an audit read a disclosure again and again. What it holds
is never changed by those who read it."""


def paths(payload: Mapping[str, Json], disclosures: Sequence[str]) -> Mapping[str, Path]:
    """Where each disclosure stands, by digest; errors as :func:`reveal`."""
    return reveal(payload, disclosures).paths


@dataclass(slots=True)
class _Concealing:
    """One run of issuing: what was hidden so far."""

    hide: Callable[[Path], bool]
    salt: Callable[[], bytes]
    made: list[Disclosure] = field(default_factory=list)
    digests: set[str] = field(default_factory=set)

    def close_object(self, value: Mapping[str, object], path: Path) -> dict[str, Json]:
        if reserved := _RESERVED & value.keys():
            raise StatementError(f"the member name {min(reserved)!r} is reserved for SD-JWT")
        plain: dict[str, Json] = {}
        hidden: list[str] = []
        for name in sorted_names(value):
            place = (*path, name)
            closed = self._close(value[name], place)
            if self.hide(place):
                hidden.append(self._disclose([name, closed], place))
            else:
                plain[name] = closed
        if hidden:
            # Sorted, so that the order tells nothing of the names behind the digests (4.2.4.1).
            plain[_DIGESTS] = [*sorted(hidden)]
        return plain

    def _close(self, value: object, path: Path) -> Json:
        if type(value) is str or isinstance(value, (str, bool, int, Decimal, NoneType)):
            return value
        if len(path) >= MAX_CLAIMS_DEPTH:
            raise EncodingError(f"claims nest deeper than {MAX_CLAIMS_DEPTH}")
        if isinstance(value, (dict, Mapping)):
            return self.close_object(value, path)
        if not isinstance(value, (list, tuple)):
            raise EncodingError(f"{type(value).__name__} has no JSON form here")
        return [self._close_element(item, (*path, index)) for index, item in enumerate(value)]

    def _close_element(self, value: object, place: Path) -> Json:
        closed = self._close(value, place)
        return {_ELEMENT: self._disclose([closed], place)} if self.hide(place) else closed

    def _disclose(self, parts: list[Json], place: Path) -> str:
        salt = self.salt()
        if len(salt) < SALT_BYTES:
            raise StatementError(f"a salt of {len(salt)} bytes, at least {SALT_BYTES} are needed")
        text = b64url(json_encode([b64url(salt), *parts]))
        digest = digest_of(text)
        if digest in self.digests:
            raise StatementError("two disclosures are alike: their salts repeat")
        self.digests.add(digest)
        self.made.append(Disclosure(text, digest, place))
        return digest


@dataclass(slots=True)
class _Revealing:
    """One run of RFC 9901 7.1 step 3: which digests were met, and which of them were opened."""

    contents: Mapping[str, Json]
    seen: set[str] = field(default_factory=set)
    paths: dict[str, Path] = field(default_factory=dict)

    def open_object(self, value: dict[str, Json], path: Path) -> dict[str, Json]:
        _require_depth(path)
        if _ELEMENT in value or (path and _ALGORITHM in value):
            raise StatementError("a reserved member name stands where it must not")
        shown = {k: self._open(v, (*path, k)) for k, v in value.items() if k not in _RESERVED}
        digests = value.get(_DIGESTS, [])
        if not isinstance(digests, list):
            raise StatementError("_sd is a list of digests")
        for digest in digests:
            parts = self._take(digest, 3)
            if parts is None:
                continue
            name, item = parts
            if not isinstance(name, str) or name in _RESERVED or name in shown:
                raise StatementError("a disclosure's member name is reserved, used twice, or not a text")
            shown[name] = self._open_taken(digest, item, (*path, name))
        return shown

    def _open(self, value: Json, path: Path) -> Json:
        if isinstance(value, dict):
            return self.open_object(value, path)
        if isinstance(value, list):
            return self._open_array(value, path)
        return value

    def _open_array(self, value: list[Json], path: Path) -> list[Json]:
        _require_depth(path)
        shown: list[Json] = []
        for index, item in enumerate(value):
            place = (*path, index)
            if not isinstance(item, dict) or _ELEMENT not in item:
                shown.append(self._open(item, place))
                continue
            if len(item) != 1:
                raise StatementError("a withheld array element has one member, '...'")
            parts = self._take(item[_ELEMENT], 2)
            if parts is not None:
                shown.append(self._open_taken(item[_ELEMENT], parts[0], place))
        return shown

    def _take(self, digest: Json, length: int) -> list[Json] | None:
        """What follows the salt in a digest's disclosure, or None if that is withheld."""
        if not isinstance(digest, str):
            raise StatementError("a digest is a text")
        if digest in self.seen:
            raise StatementError("a digest stands twice in the statement")
        self.seen.add(digest)
        if digest not in self.contents:
            return None
        parts = self.contents[digest]
        if not isinstance(parts, list) or len(parts) != length or not isinstance(parts[0], str):
            raise StatementError(f"this disclosure is a list of {length}: its salt first")
        return parts[1:]

    def _open_taken(self, digest: Json, item: Json, place: Path) -> Json:
        self.paths[str(digest)] = place
        return self._open(item, place)


def _require_depth(path: Path) -> None:
    if len(path) >= MAX_CLAIMS_DEPTH:
        raise StatementError(f"claims nest deeper than {MAX_CLAIMS_DEPTH}")


def require_hash(payload: Mapping[str, Json]) -> None:
    if payload.get(_ALGORITHM) != HASH_NAME:
        raise StatementError(f"_sd_alg is {payload.get(_ALGORITHM)!r}, expected {HASH_NAME!r}")


def _require_within_limits(disclosures: Sequence[str]) -> None:
    if len(disclosures) > MAX_DISCLOSURES or sum(map(len, disclosures)) > MAX_DISCLOSURES_BYTES:
        raise OversizeError(
            f"at most {MAX_DISCLOSURES} disclosures of {MAX_DISCLOSURES_BYTES} characters in all"
        )
