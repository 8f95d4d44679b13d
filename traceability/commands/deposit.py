"""``deposit``: a document goes into the store, and a signed notice of it onto the record."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from traceability.commands.files import read_file
from traceability.commands.verb import Answer, Verbs, add_verb, opened
from traceability.commands.words import read_party, read_target
from traceability.identifiers import party_deposits
from traceability.operations.deposit import Deposited, deposit, describe
from traceability.operations.documents import MAX_BYTES
from traceability.operations.enrol import find_party
from traceability.operations.node import Node
from traceability.supply.notice import Notice, Purpose

PURPOSES: Final = tuple(purpose.value for purpose in Purpose if purpose is not Purpose.VERIFIER)
_PARTY: Final = re.compile(r"[0-9]{13}|[0-9a-f]{16}|https://[^/]+/(?:417/[0-9]{13}|party/[0-9a-f]{16})")


def add(verbs: Verbs) -> None:
    """Add this verb to the command line."""
    verb = add_verb(
        verbs,
        "deposit",
        _deposit,
        does="Deposit a document about a batch, asset or firm; without --yes, only show what will be public",
        example="traceability deposit report.pdf --on 02000000000015/20260501-1 --purpose analysis --yes",
    )
    verb.add_argument("file", metavar="FILE", type=Path, help=f"at most {MAX_BYTES >> 20} MiB")
    verb.add_argument(
        "--on",
        required=True,
        metavar="BATCH|PARTY",
        help="what it is about: GTIN/LOT, an asset, or the firm that deposits it (GLN, pseudonym or URI)",
    )
    verb.add_argument(
        "--as", dest="party", metavar="PARTY", help="who deposits it (default: the only party here)"
    )
    verb.add_argument("--purpose", choices=PURPOSES, default=Purpose.OTHER.value, help="what it is for")
    verb.add_argument("--name", help="how it is called in public (default: the name of the file)")
    verb.add_argument("--yes", action="store_true", help="deposit it; what was public cannot be taken back")


def _deposit(args: argparse.Namespace) -> Answer:
    data = read_file(args.file, MAX_BYTES + 1)
    with opened() as here:
        with here.store.reading() as connection:
            party = read_party(connection, here.node, args.party)
            subject = _subject(connection, here.node, args.on)
        name = args.file.name if args.name is None else args.name
        notice = describe(data, name, subject, Purpose(args.purpose))
        if not args.yes:
            return _previewed(notice, party)
        return _done(deposit(here.store, here.node, party, data, notice))


def _subject(connection: Connection, node: Node, text: str) -> str:
    """The stream that a document is to stand on."""
    if _PARTY.fullmatch(text):
        return party_deposits(node.name, find_party(connection, node, text))
    return read_target(node, text)


def _previewed(notice: Notice, party: str) -> Answer:
    lines = [
        "everybody will see, for good:",
        *(f"  {name} = {value}" for name, value in notice.members().items()),
        f"  deposited by = {party}",
        "and whoever sees that can fetch the file itself.",
        "nothing was deposited yet: add --yes; look once more whether a person is named in it",
    ]
    return Answer({"deposited": False, "party": party, "notice": notice.members()}, tuple(lines))


def _done(made: Deposited) -> Answer:
    said = "was deposited before" if made.known else "deposited"
    lines = (
        f"{made.notice.name or made.notice.sha256} {said}: record {made.seq} of {made.notice.subject}",
        f"SHA-256 {made.notice.sha256}, notice {made.statement.hex()}",
    )
    data = {"deposited": True, "known": made.known, "party": made.party, "notice": made.notice.members()}
    return Answer(data | {"seq": made.seq, "statement": made.statement.hex()}, lines)
