"""Each verb of the command line that changes a node, used once with success.

A new verb fails ``tests/attacks/test_trail.py`` until it has its row here, or stands in ``READS`` or
``WITHOUT``.
"""

from __future__ import annotations

import argparse
import io
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from tests.support.recalls import NOTICE
from traceability.__main__ import build_parser, main
from traceability.operations.codes import apply, new_code
from traceability.signing.application import encode_application, open_application, read_code
from traceability.signing.keys import PrivateKey
from traceability.signing.keystatement import device_request
from traceability.store.engine import Store

Words: TypeAlias = "Sequence[object]"
Row: TypeAlias = "Callable[[Desk], Words]"
READS: Final = frozenset(
    """enrol pending|device list|broker admit|broker admission|broker own|broker certificates|key list|
    prefix list|token list|people list|batch code|label|readings|alarm list|config show|trace|fsma records|
    fsma glossary|recall preview|recall list|recall show|recall cases|recall case|recall report|
    recall notices|evidence|policy show|policy preview|verify|export|audit|backup|doctor""".replace(
        "\n    ", ""
    ).split("|")
)
WITHOUT: Final[Mapping[str, str]] = {
    "run": "the programs themselves: each row is of whoever used them",
    "demo": "invented people, each of whom is in the trail as who they are",
    "init": "there is no node before, and nobody in whose name",
    "publish": "signs what was recorded; who recorded it is in the trail",
    **dict.fromkeys(
        ("witness init", "witness trust", "witness run", "witness show"), "a program with its own memory"
    ),
}
"""Verbs that change something and need no row of the trail, and why."""
_TEXTS: Final = (
    *("--class", "1", "--hazard-en", NOTICE.hazard["en"], "--hazard-zh", NOTICE.hazard["zh"]),
    *("--advice-en", NOTICE.advice["en"], "--advice-zh", NOTICE.advice["zh"]),
)


_WHERE: Final = ("--region-en", "Dali", "--region-zh", "大理")
CERTIFICATE: Final = {
    "number": "K-1",
    "laboratory": "Yunnan Metrology",
    "accreditation": "CNAS L0000",
    "calibrated": "2026-01-01",
    "validUntil": "2099-01-01",
    "points": [{"unit": "Cel", "reference": "0.0", "indicated": "0.12", "uncertainty": 0.05}],
}


@dataclass
class Desk:
    """Somebody at the command line, and what they made so far."""

    node: Any
    store: Store
    folder: Path
    farm: str
    dairy: str
    alarm: str
    made: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.run("people", "kind", self.farm, "producer")
        self.waiting = [self._applicant() for _ in range(2)]  # by themselves, before anybody acts

    def run(self, *words: object) -> Mapping[str, Any]:
        """Do a verb; what it says in JSON."""
        said = io.StringIO()
        with redirect_stdout(said):
            code = main([*map(str, words), "--json"])
        assert code == 0, words
        return dict(json.loads(said.getvalue()))

    def request(self) -> str:
        """A file with a new device's request."""
        key = PrivateKey.generate()
        self.made["device"] = key.public.device_id
        path = self.folder / f"{key.public.device_id}.json"
        path.write_bytes(device_request(key, node=self.node.name, owner=self.farm, model="FT-1", iat=1))
        return str(path)

    def device(self) -> str:
        """A new device of the farm."""
        self.run("enrol", "device", self.request())
        return str(self.made["device"])

    def _applicant(self) -> str:
        """A device that applied with a code."""
        code = read_code(new_code(self.store, self.node, party=self.farm, model="FT-1")[0])
        key = PrivateKey.generate()
        asked = device_request(key, node=self.node.name, owner=self.farm, model="FT-1", iat=1)
        apply(self.store, self.node, open_application(encode_application(key, asked, code, 1)))
        return key.public.device_id

    def batch(self) -> str:
        """A new batch of the farm."""
        words = ("--product-en", "Pears", "--product-zh", "梨", "--party", self.farm, "--quantity", "5")
        made = self.run("batch", "new", *words)
        self.made["batch"] = f"{made['gtin']}/{made['lot']}"
        return str(self.made["batch"])

    def case(self, *more: str) -> str:
        """A new case about a new batch of the farm; its id."""
        return str(self.run("recall", "open", self.batch(), *self.by("ann"), *more)["id"])

    def by(self, name: str, party: str | None = None) -> Words:
        return ("--by", name, "--party", party or self.farm)

    def proposed(self, *more: str) -> str:
        """A case with a proposal that waits."""
        case = self.case(*more)
        self.run("recall", "propose", case, "--yes", *self.by("ann"), *_TEXTS)
        return case

    def drill(self) -> str:
        """A drill that began: its notices are there."""
        case = self.proposed("--drill")
        self.run("recall", "approve", case, "--yes", *self.by("ben"))
        return case

    def held(self) -> str:
        return str(self.run("recall", "hold", self.batch(), "--yes", "--party", self.farm, *_TEXTS)["id"])

    def person(self) -> str:
        """Somebody who was invited."""
        name = f"p{secrets.token_hex(4)}"
        self.run("people", "invite", name, "--party", self.farm)
        return name

    def prefix(self) -> str:
        """A new company prefix of the farm."""
        made = f"95{secrets.randbelow(10**8):08d}"
        self.run("prefix", "add", made, "--party", self.farm)
        return made

    def file(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)


def _replace(desk: Desk) -> Words:
    old, new = desk.device(), desk.device()
    desk.run("device", "install", old, "--on", "TRUCK-7", "--yes")
    return ("device", "replace", old, "--by", new, "--yes")


def _remove(desk: Desk) -> Words:
    device = desk.device()
    desk.run("install", "--device", device, "--on", "TRUCK-8")
    return ("remove", "--device", device, "--on", "TRUCK-8")


def _renew(desk: Desk) -> Words:
    keys = desk.run("key", "list", "--party", desk.dairy)["keys"]
    desk.run("key", "revoke", keys[-1]["kid"], "--reason", "laptop stolen", "--yes")
    return ("key", "renew", "--party", desk.dairy)


def _revoke_key(desk: Desk) -> Words:
    keys = desk.run("key", "list", "--device", desk.device())["keys"]
    return ("key", "revoke", keys[-1]["kid"], "--reason", "lost", "--yes")


def _revoke_token(desk: Desk) -> Words:
    desk.run("token", "new", "--party", desk.farm, "--scope", "query", "--name", "gone")
    return ("token", "revoke", "gone")


def _erase(desk: Desk) -> Words:
    said = desk.run("record", "pack", "--batch", desk.batch(), "--party", desk.farm, *_WHERE)
    words = ("--part", "ft:region", "--reason", "asked to", "--yes", "--party", desk.farm)
    return ("erase", said["sha256"], *words)


def _disallow(desk: Desk) -> Words:
    words = (desk.prefix(), "--party", desk.dairy)
    desk.run("prefix", "allow", *words)
    return ("prefix", "disallow", *words)


def _import(desk: Desk) -> Words:
    gtin, _, lot = desk.batch().partition("/")
    row = f"pack,{gtin},{lot},5,KGM,2026-01-01 00:00,"
    sheet = desk.file("sheet.csv", f"step,product,lot,quantity,unit,time,partner\n{row}\n")
    return ("import", sheet, "--party", desk.farm, "--yes")


CHANGES: Final[Mapping[str, Row]] = {
    "enrol party": lambda d: ("enrol", "party", "--name-en", "Shop", "--name-zh", "店"),
    "enrol device": lambda d: ("enrol", "device", d.request()),
    "enrol devices": lambda d: (
        *("enrol", "devices", "--from", d.request(), "--out", d.file("out", ""), "--yes"),
    ),
    "enrol code": lambda d: ("enrol", "code", "--model", "FT-1", "--party", d.farm),
    "enrol approve": lambda d: ("enrol", "approve", d.waiting.pop()),
    "enrol reject": lambda d: ("enrol", "reject", d.waiting.pop()),
    "install": lambda d: ("install", "--device", d.device(), "--on", "TRUCK-9"),
    "remove": _remove,
    "device install": lambda d: ("device", "install", d.device(), "--on", "ROOM-1", "--yes"),
    "device replace": _replace,
    "calibration add": lambda d: (
        *("calibration", "add", d.device(), "--from", d.file("cert.json", json.dumps(CERTIFICATE)), "--yes"),
    ),
    "broker renew": lambda d: ("broker", "renew", d.device()),
    "broker revoke": lambda d: ("broker", "revoke", d.device()),
    "key rotate": lambda d: ("key", "rotate", "--party", d.farm),
    "key renew": _renew,
    "key revoke": _revoke_key,
    "key farewell": lambda d: ("key", "farewell", "--device", d.device(), "--yes"),
    "prefix add": lambda d: ("prefix", "add", "9521234", "--party", d.farm),
    "prefix allow": lambda d: ("prefix", "allow", d.prefix(), "--party", d.dairy),
    "prefix disallow": _disallow,
    "prefix remove": lambda d: ("prefix", "remove", d.prefix()),
    "token new": lambda d: ("token", "new", "--party", d.farm, "--scope", "query", "--name", "desk"),
    "token revoke": _revoke_token,
    "people invite": lambda d: ("people", "invite", "li@farm.example", "--party", d.farm),
    "people link": lambda d: ("people", "link", d.person()),
    "people role": lambda d: ("people", "role", d.person(), "viewer"),
    "people disable": lambda d: ("people", "disable", d.person()),
    "people enable": lambda d: ("people", "enable", d.person()),
    "people kind": lambda d: ("people", "kind", d.dairy, "processor"),
    "batch new": lambda d: (
        *("batch", "new", "--product-en", "Plums", "--product-zh", "李", "--party", d.farm),
    ),
    "record": lambda d: ("record", "pack", "--batch", d.batch(), "--party", d.farm),
    "import": _import,
    "deposit": lambda d: (*("deposit", d.file("note.txt", "x"), "--on", d.batch(), "--as", d.farm, "--yes"),),
    "alarm acknowledge": lambda d: ("alarm", "acknowledge", d.alarm, "--by", "Li Wei"),
    "config set": lambda d: ("config", "set", d.device(), "--reading", "60", "--frame", "600", "--yes"),
    "fsma describe": lambda d: ("fsma", "describe", d.farm, "name=Farm", "--party", d.farm),
    "recall hold": lambda d: ("recall", "hold", d.batch(), "--yes", "--party", d.farm, *_TEXTS),
    "recall issue": lambda d: ("recall", "issue", d.batch(), "--yes", "--party", d.farm, *_TEXTS),
    "recall close": lambda d: ("recall", "close", d.held(), "--outcome", "safe", "--party", d.farm),
    "recall open": lambda d: ("recall", "open", d.batch(), *d.by("ann")),
    "recall propose": lambda d: ("recall", "propose", d.case(), "--yes", *d.by("ann"), *_TEXTS),
    "recall withdraw": lambda d: ("recall", "withdraw", d.proposed(), *d.by("ann")),
    "recall approve": lambda d: ("recall", "approve", d.proposed(), "--yes", *d.by("ben")),
    "recall end": lambda d: ("recall", "end", d.drill(), *d.by("ann")),
    "recall drop": lambda d: ("recall", "drop", d.case(), *d.by("ann")),
    "recall acknowledge": lambda d: ("recall", "acknowledge", d.drill(), *d.by("cat")),
    "recall answer": lambda d: (
        *("recall", "answer", d.drill(), d.made["batch"], "--sold", "1", *d.by("cat")),
    ),
    "recall contact": lambda d: (*("recall", "contact", "--party", d.farm, "--add", "quality@farm.example"),),
    "policy set": lambda d: (
        *("policy", "set", "--part", "ft:region", "--audience", "partner", "--party", d.farm),
    ),
    "policy reset": lambda d: ("policy", "reset", "--party", d.farm),
    "erase": _erase,
    "recover": lambda d: ("recover", "--yes"),
}


def verbs() -> Iterator[str]:
    """Every verb of the command line, as it is typed."""
    yield from _verbs(build_parser(), ())


def _verbs(parser: argparse.ArgumentParser, words: tuple[str, ...]) -> Iterator[str]:
    groups = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not groups:
        yield " ".join(words)
    for group in groups:
        for name, inner in group.choices.items():
            yield from _verbs(inner, (*words, name))
