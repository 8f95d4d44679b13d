"""Parties with real keys that sign notices which nobody should, or about what they may not speak for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from tests.verifier.lies_of_nodes import Lie, add
from tests.verifier.odd import ODD
from tests.verifier.stories import Told
from traceability import media
from traceability.identifiers import party_deposits
from traceability.signing import sdjwt
from traceability.signing.digests import Path
from traceability.signing.keys import PrivateKey
from traceability.supply.notice import CLAIM, Purpose
from traceability.verification.bundle import Bundle, parse_bundle

NAMES = (
    *(
        "a.pdf",
        "检验 报告.pdf",
        "x" * 128,
        "x" * 129,
        "\U0001f955" * 128,
        "\U0001f955" * 129,
        "a.tar.gz",
        "-rf",
    ),
    *(
        "../../etc/passwd",
        "..",
        ".",
        ".hidden",
        "a.",
        " a",
        "a ",
        "a/b",
        "a\\b",
        "C:\\a",
        "a\u00a0b",
        "a\u0301",
    ),
    *(
        "a\nb",
        "a\x00b",
        "a\x1b[31m",
        "a\x7f",
        "a\x85",
        "a\u00adb",
        "a\u061cb",
        "a\u180eb",
        "a\u200bb",
        "a\u200fb",
    ),
    *("a\u2028b", "report\u202efdp.exe", "a\u2060b", "a\u206fb", "\ufeffa", "a\uffffb", "a\U000e0041b"),
)
MEDIA_TYPES = (
    *("text/html", "a/b", "a/b.c+d", "A/b", "a", "a/", "/b", "a/b/c", "a/b; charset=x", "a/ b", "a/b\n", ""),
    *("x" * 64 + "/y", "x" * 65 + "/y", "\u0430/b"),
)
HASHES = ("0" * 64, "0" * 63, "0" * 65, "A" * 64, "g" * 64, "０" * 64, "0" * 64 + "\n")
SIZES = (0, 2**53 - 1, -1, "1", True)


def lies_of_depositors(told: Told) -> Iterator[Lie]:
    """By a name, what makes a bundle with one notice more in it, on the stream of a batch."""
    bundle, batch = parse_bundle(told.world.bundle(told.batches["none"])), told.batches["none"]
    key, farm = told.key(told.story.farm), told.story.farm
    usual = members(batch)
    for number, changed in enumerate(_members(told, batch)):
        yield f"notice {number}", partial(_told, told, bundle, key, _claims(farm, changed))
    for number, claims in enumerate(_other_claims(farm, usual)):
        yield f"claims of a notice {number}", partial(_told, told, bundle, key, claims)
    for word, hide in _DIVISIONS.items():
        yield f"notice, {word}", partial(_told, told, bundle, key, _claims(farm, usual), hide)
    for left_out in usual:
        yield (
            f"notice without {left_out}",
            partial(_told, told, bundle, key, _claims(farm, usual), withheld=left_out),
        )
    stranger = PrivateKey.from_seed(bytes(32))
    for word, signer, issuer in (
        ("by nobody", stranger, farm),
        ("in another's name", key, told.story.carrier),
        ("by a device", told.logger.key, told.logger.uri),
    ):
        yield f"notice {word}", partial(_told, told, bundle, signer, _claims(issuer, usual))


def members(batch: str, **others: Any) -> dict[str, Any]:
    """The members of a notice; ``...`` leaves one out."""
    usual = {
        "subject": batch,
        "purpose": "analysis",
        "sha256": "0" * 64,
        "size": 3,
        "mediaType": "text/plain",
        "name": "a.txt",
    }
    return {name: value for name, value in (usual | others).items() if value is not ...}


def _claims(party: str, changed: Any) -> dict[str, Any]:
    return {"iss": party, "iat": 1_767_225_600, CLAIM: changed}


def _members(told: Told, batch: str) -> Iterator[Any]:
    yield members(batch)
    node, story = told.world.node.name, told.story
    for subject in (
        *(told.batches["closed"], story.truck, story.farm, batch + "/", batch.upper(), "x"),
        *(party_deposits(node, story.farm), party_deposits(node, story.carrier)),
    ):
        yield members(batch, subject=subject)
    for word, values in (
        ("name", NAMES),
        ("mediaType", MEDIA_TYPES),
        ("sha256", HASHES),
        ("purpose", (*Purpose, "Analysis")),
        ("size", SIZES),
    ):
        yield from (members(batch, **{word: value}) for value in values)
    for word in members(batch):
        yield members(batch, **{word: ...})
        yield from (members(batch, **{word: odd}) for odd in ODD)
    yield members(batch, extra=1)
    yield from ODD


def _other_claims(farm: str, usual: dict[str, Any]) -> Iterator[dict[str, Any]]:
    good = _claims(farm, usual)
    others: tuple[dict[str, Any], ...] = ({"kept": []}, {"event": usual}, {"name": "x"}, {CLAIM: [usual]})
    yield from (good | more for more in others)
    yield {"iss": farm, "iat": 1}
    yield {"iss": farm, "iat": 1, "event": usual}


def _inside(path: Path) -> bool:
    return len(path) == 2 and path[0] == CLAIM


_DIVISIONS: dict[str, Callable[[Path], bool]] = {
    "all in plain": lambda _: False,
    "name in plain": lambda path: _inside(path) and path[1] != "name",
    "hidden whole": lambda path: path == (CLAIM,),
    "hidden twice": lambda path: path[:1] == (CLAIM,),
}


def _told(
    told: Told,
    bundle: Bundle,
    key: PrivateKey,
    claims: dict[str, Any],
    hide: Callable[[Path], bool] = _inside,
    withheld: str = "",
) -> bytes:
    """The bundle with one notice more, all but one of its disclosures shown."""
    made = sdjwt.issue(key, claims, hide, typ=media.NOTICE)
    shown = (d.text for d in made.disclosures if d.path != (CLAIM, withheld))
    return add(told, bundle, media.NOTICE, made.statement, tuple(sorted(shown, key=sdjwt.digest_of)))
