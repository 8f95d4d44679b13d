"""``recall preview``, ``hold``, ``issue``, ``close``, ``list``, ``show``; cases and notices beside them."""

from __future__ import annotations

import argparse
from typing import Any, Final

from traceability.commands import recallcase, recallholder
from traceability.commands.scope import TEXTS, add_files, add_lots, add_texts, confirmed, look
from traceability.commands.verb import (
    Answer,
    Opened,
    Verbs,
    add_group,
    add_verb,
    opened,
    show_share,
)
from traceability.commands.words import read_party
from traceability.errors import RefusedError, ScopeChangedError
from traceability.ledger.record import format_time
from traceability.operations.recall import Issuer, Order, close, hold, issue, issuer_of
from traceability.operations.recallstatus import (
    ID,
    Status,
    find_recall,
    list_recalls,
    load_recall,
    named_things,
)
from traceability.supply.recall import Outcome, Recall, State

_LOT: Final = "09520000000011/A"
_ENDED: Final = {
    Outcome.SAFE: "safe: nothing was wrong with it",
    Outcome.REMOVED: "removed from sale: the warning stays",
}
_SAID: Final = (
    '--class 1 --hazard-en Salmonella --hazard-zh 沙门氏菌 --advice-en "Do not eat" --advice-zh 请勿食用'
)


def add(verbs: Verbs) -> None:
    """Add these verbs to the command line."""
    recall = add_group(
        verbs,
        "recall",
        does="Hold or recall lots and all that was made of them",
        example=f"traceability recall preview {_LOT}",
    ).add_subparsers(metavar="WHAT", required=True)
    preview = add_verb(
        recall,
        "preview",
        _preview,
        does="Show what a recall would reach, who has it, and what cannot be traced; nothing is recorded",
        example=f"traceability recall preview {_LOT} --svg scope.svg",
    )
    add_lots(preview)
    add_texts(preview)
    add_files(preview)
    for name, does in (
        ("hold", "Hold lots until it is clear whether they are safe"),
        ("issue", "Recall lots, at once or what was held"),
    ):
        verb = add_verb(
            recall, name, _announce, does=does, example=f"traceability recall {name} {_LOT} {_SAID}"
        )
        verb.set_defaults(verb=name)
        add_lots(verb)
        add_texts(verb)
        add_files(verb)
        _add_party(verb)
        sure = verb.add_mutually_exclusive_group()
        sure.add_argument("--confirm", metavar="DIGEST", help="the digest that a preview showed")
        sure.add_argument("--yes", action="store_true", help="whatever the scope is, without asking")
    _add_close(recall)
    add_verb(recall, "list", _list, does="List recalls, the newest first", example="traceability recall list")
    show = add_verb(
        recall,
        "show",
        _show,
        does="Show a recall, and everything that it names",
        example="traceability recall show R-20261124-4F7K2M",
    )
    show.add_argument("id", metavar="ID", help="of the recall")
    recallcase.add(recall)
    recallholder.add(recall)


def _add_close(recall: Verbs) -> None:
    verb = add_verb(
        recall,
        "close",
        _close,
        does="Close a recall on everything that it names; it is not reopened",
        example="traceability recall close R-20261124-4F7K2M --outcome removed",
    )
    verb.add_argument("id", metavar="ID", help="of the recall")
    verb.add_argument(
        "--outcome",
        required=True,
        choices=[outcome.value for outcome in Outcome],
        help="safe: nothing was wrong with it; removed: it was taken off the shelves, and the warning stays",
    )
    _add_party(verb)


def _add_party(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--party", help="who says so: GLN, pseudonym or URI (default: who opened it, or the only party)"
    )


def _preview(args: argparse.Namespace) -> Answer:
    with opened() as here:
        seen = look(here, args)
    return Answer(seen.data, seen.lines)


def _announce(args: argparse.Namespace) -> Answer:
    say, state = {"hold": (hold, State.HOLD), "issue": (issue, State.ISSUED)}[args.verb]
    with opened() as here:
        issuer, seen = _issuer(here, args, "".join(args.lots)), look(here, args, state)
        if seen.notice is None:
            raise RefusedError(
                "nothing is said of what is wrong", remedy="Add --class, --hazard-..., --advice-..."
            )
        digest = args.confirm or confirmed(seen, seen.notice, state, yes=args.yes)
        order = Order(seen.id, seen.scope.origins, seen.notice, digest)
        try:
            done = say(here.store, here.node, issuer, order, _sharing)
        except ScopeChangedError as error:
            refused = {"error": error.code, "message": str(error), "remedy": error.remedy()}
            lines = (f"refused: {error} [{error.code}]", *seen.lines)
            return Answer(refused | {"preview": seen.data}, lines, 1)
    return _done(done)


def _close(args: argparse.Namespace) -> Answer:
    with opened() as here:
        outcome = Outcome(args.outcome)
        done = close(here.store, here.node, _issuer(here, args, args.id), args.id, outcome, _sharing)
    return _done(done, outcome)


def _list(_: argparse.Namespace) -> Answer:
    with opened() as here, here.store.reading() as connection:
        found = [(each, load_recall(connection, each)) for each in list_recalls(connection)]
    lines = tuple(f"{_line(each, said.outcome)}: {said.hazard['en']}" for each, said in found)
    return Answer(
        {"recalls": [_told(each, said) for each, said in found]}, lines or ("there are no recalls",)
    )


def _show(args: argparse.Namespace) -> Answer:
    with opened() as here, here.store.reading() as connection:
        found = find_recall(connection, args.id)
        said, things = load_recall(connection, found), named_things(connection, args.id)
    texts = [f"{name}: {getattr(said, name)['en']} / {getattr(said, name)['zh']}" for name in TEXTS]
    if said.contact is not None:
        texts.append(f"contact: {said.contact}")
    opened_by = f"opened by {found.party}, last said by {found.by}"
    lines = (
        _line(found, said.outcome),
        *texts,
        opened_by,
        *(f"origin {uri}" for uri in said.origin),
        *things,
    )
    return Answer(_told(found, said) | {"named": list(things)}, lines)


def _issuer(here: Opened, args: argparse.Namespace, recall: str) -> Issuer:
    """Who says so; of a recall that is there, whoever opened it if nobody is named."""
    with here.store.reading() as connection:
        opener = find_recall(connection, recall).party if ID.fullmatch(recall) else None
        party = read_party(connection, here.node, args.party or opener)
        return issuer_of(connection, here.node, party, here.store.clock())


def _done(done: Status, outcome: Outcome | None = None) -> Answer:
    line = f"{_line(done, outcome)}; it is public with the next publish"
    ended = {} if outcome is None else {"outcome": outcome.value}
    return Answer(_told_status(done) | ended, (line,))


def _line(found: Status, outcome: Outcome | None) -> str:
    ended = "" if outcome is None else f" ({_ENDED[outcome]})"
    return f"{found.id} {found.state}{ended} since {format_time(found.since_ms)}, {found.things} things"


def _told_status(found: Status) -> dict[str, Any]:
    return {
        "id": found.id,
        "state": found.state.value,
        "since": format_time(found.since_ms),
        "party": found.party,
        "by": found.by,
        "things": found.things,
    }


def _told(found: Status, said: Recall) -> dict[str, Any]:
    return said.member() | _told_status(found)


def _sharing(done: int, whole: int) -> None:
    show_share("signed events", done, whole)
