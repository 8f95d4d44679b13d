"""Recalls by two persons: ``recall open``, ``propose``, ``approve``, ``end``, ``report``, and between."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from traceability.commands.files import write_file
from traceability.commands.scope import Seen, add_texts, confirmed, read_texts
from traceability.commands.verb import Answer, Handler, Opened, Verbs, add_verb, opened, show_share
from traceability.commands.words import read_party
from traceability.errors import RefusedError
from traceability.ledger.record import format_time
from traceability.operations.accounts.trail import COMMAND_LINE
from traceability.operations.names import called_in, party_names
from traceability.operations.recall import issuer_of
from traceability.operations.recalling.cases import Case, find_case, list_cases, look_at, open_case
from traceability.operations.recalling.closing import close_case, drop_case
from traceability.operations.recalling.effectiveness import Amounts, Effectiveness, effectiveness
from traceability.operations.recalling.letters import texts_of
from traceability.operations.recalling.pdf import render_pdf
from traceability.operations.recalling.people import Participant
from traceability.operations.recalling.proposals import approve, proposals_of, propose, withdraw
from traceability.operations.recalling.report import report_of
from traceability.operations.recallscope import Notice
from traceability.operations.tracerequest import read_thing
from traceability.supply.recall import Outcome, State

ID: Final = "R-20261124-4F7K2M"
_SAID: Final = (
    '--class 1 --hazard-en Salmonella --hazard-zh 沙门氏菌 --advice-en "Do not eat" --advice-zh 请勿食用'
)


def add(recall: Verbs) -> None:
    """Add these verbs behind ``recall``."""
    verb = _verb(recall, "open", _open, "Open a case about lots, or a drill; nothing is signed")
    verb.add_argument("lots", nargs="+", metavar="LOT", help="GTIN/LOT, path, URI or URN")
    verb.add_argument("--drill", action="store_true", help="practise: nothing of it is ever signed or public")
    verb.add_argument("--mail-holders", action="store_true", help="of a drill, write to holders too, marked")
    add_person(verb)
    add_verb(recall, "cases", _cases, does="List cases and drills", example="traceability recall cases")
    verb = _verb(recall, "case", _show, "Show how a case stands: who acknowledged, what came back")
    _add_id(verb)
    verb = _verb(recall, "propose", _propose, "Propose a recall, for another person to approve")
    _add_id(verb)
    add_texts(verb)
    _add_sure(verb)
    add_person(verb)
    verb = _verb(recall, "withdraw", _withdraw, "Take back the proposal of a case")
    _add_id(verb)
    add_person(verb)
    verb = _verb(recall, "approve", _approve, "Approve what somebody else proposed: the recall is issued")
    _add_id(verb)
    _add_sure(verb)
    add_person(verb)
    _add_ends(recall)
    verb = _verb(recall, "report", _report, "Write the report of a case as PDF")
    _add_id(verb)
    verb.add_argument("--out", type=Path, required=True, metavar="FILE", help="where")


def _add_ends(recall: Verbs) -> None:
    verb = _verb(recall, "end", _end, "Close a case, and its recall with it")
    _add_id(verb)
    outcomes = [outcome.value for outcome in Outcome]
    verb.add_argument("--outcome", choices=outcomes, default="removed", help="as for close; a drill has none")
    verb.add_argument("--note", default="", metavar="TEXT", help="what is to be remembered")
    add_person(verb)
    verb = _verb(recall, "drop", _drop, "End a case in which nothing was held or issued")
    _add_id(verb)
    verb.add_argument("--note", default="", metavar="TEXT", help="why")
    add_person(verb)


def _verb(recall: Verbs, name: str, handler: Handler, does: str) -> argparse.ArgumentParser:
    shown = {
        "open": "open 09520000000011/A --drill --by ada",
        "propose": f"propose {ID} --by ada {_SAID}",
        "case": f"case {ID}",
        "end": f"end {ID} --by ada --outcome removed",
        "report": f"report {ID} --out report.pdf",
    }.get(name, f"{name} {ID} --by ben")
    return add_verb(recall, name, handler, does=does, example=f"traceability recall {shown}")


def _add_id(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("id", metavar="ID", help="of the case or drill")


def _add_sure(verb: argparse.ArgumentParser) -> None:
    sure = verb.add_mutually_exclusive_group()
    sure.add_argument("--confirm", metavar="DIGEST", help="the digest that was shown")
    sure.add_argument("--yes", action="store_true", help="whatever the scope is, without asking")


def add_person(verb: argparse.ArgumentParser) -> None:
    """Who does it."""
    verb.add_argument("--by", required=True, metavar="NAME", help="the person who does this")
    verb.add_argument("--party", help="whose person that is: GLN, pseudonym or URI (default: the only party)")


def person_of(here: Opened, args: argparse.Namespace) -> Participant:
    """The person that was named; a party is a regulator as for ``recall issue``."""
    with here.store.reading() as connection:
        party = read_party(connection, here.node, args.party)
        issuer = issuer_of(connection, here.node, party, here.store.clock())
    return Participant(args.by, party, COMMAND_LINE, regulator=issuer.regulator)


def _open(args: argparse.Namespace) -> Answer:
    with opened() as here:
        lots = [read_thing(here.node, lot) for lot in args.lots]
        mailing = args.mail_holders if args.drill else None
        case = open_case(
            here.store, here.node, person_of(here, args), lots, drill=args.drill, mailing=mailing
        )
    return _done(case)


def _cases(_: argparse.Namespace) -> Answer:
    with opened() as here, here.store.reading() as connection:
        found = list_cases(connection)
    lines = tuple(_line(case) for case in found) or ("there are no cases",)
    return Answer({"cases": [_told(case) for case in found]}, lines)


def _propose(args: argparse.Namespace) -> Answer:
    with opened() as here:
        person, seen = person_of(here, args), _look(here, args.id, read_texts(args))
        if seen.notice is None:
            raise RefusedError(
                "nothing is said of what is wrong", remedy="Add --class, --hazard-..., --advice-..."
            )
        digest = args.confirm or confirmed(seen, seen.notice, State.ISSUED, yes=args.yes)
        made = propose(here.store, here.node, person, args.id, seen.notice, digest)
    line = f"{args.id}: proposal {made.number} of {made.things} things waits for another person's approval"
    return Answer({"case": args.id, "number": made.number, "digest": made.digest}, (line,))


def _withdraw(args: argparse.Namespace) -> Answer:
    with opened() as here:
        made = withdraw(here.store, person_of(here, args), args.id)
    return Answer(
        {"case": args.id, "number": made.number}, (f"{args.id}: proposal {made.number} is withdrawn",)
    )


def _approve(args: argparse.Namespace) -> Answer:
    with opened() as here:
        person, seen = person_of(here, args), _look(here, args.id, None)
        if seen.notice is None:
            raise RefusedError(f"no proposal of {args.id} waits for approval")
        digest = args.confirm or confirmed(seen, seen.notice, State.ISSUED, yes=args.yes)
        case = approve(here.store, here.node, person, args.id, digest, _sharing)
    return _done(case)


def _look(here: Opened, case_id: str, notice: Notice | None) -> Seen:
    """The scope of a case as it is now, and what is proposed, or else said now."""
    with here.store.reading() as connection:
        case = find_case(connection, case_id)
        waiting = [made.notice for made in proposals_of(connection, case_id) if made.waits]
        texts = notice or (waiting[-1] if waiting else texts_of(connection, case))
        found = look_at(connection, here.node, case)
        called = called_in(connection, found.trace)
    return Seen(case_id, texts, found, called, State.ISSUED)


def _end(args: argparse.Namespace) -> Answer:
    with opened() as here:
        person, outcome = person_of(here, args), Outcome(args.outcome)
        return _done(close_case(here.store, here.node, person, args.id, outcome, args.note))


def _drop(args: argparse.Namespace) -> Answer:
    with opened() as here:
        return _done(drop_case(here.store, here.node, person_of(here, args), args.id, args.note))


def _show(args: argparse.Namespace) -> Answer:
    with opened() as here, here.store.reading() as connection:
        case = find_case(connection, args.id)
        effect = effectiveness(connection, case, here.store.clock())
        names = party_names(connection, [each.notice.party for each in effect.holders] if effect else [])
    if effect is None:
        return _done(case)
    called = {party: each.get("en", party) for party, each in names.items()}
    return Answer(_told(case) | _told_effect(effect), (_line(case), *_effect_lines(effect, called)))


def _report(args: argparse.Namespace) -> Answer:
    with opened() as here, here.store.reading() as connection:
        case = find_case(connection, args.id)
        body = render_pdf(report_of(connection, here.node, case, here.store.clock()))
    write_file(args.out, body)
    return Answer({"case": args.id, "file": str(args.out)}, (f"wrote {args.out}",))


def _effect_lines(effect: Effectiveness, called: dict[str, str]) -> Iterator[str]:
    late = f", {len(effect.overdue)} overdue" if effect.overdue else ""
    yield f"{effect.acknowledged} of {len(effect.holders)} holders acknowledged{late}"
    yield from (f"recovered {_amount(each)}" for each in effect.amounts)
    for holder in effect.holders:
        notice, party = holder.notice, called.get(holder.notice.party, holder.notice.party)
        seen = "not acknowledged" + (", overdue" if notice.overdue(effect.at_ms) else "")
        if notice.acknowledged_ms is not None:
            seen = f"acknowledged {format_time(notice.acknowledged_ms)} by {notice.acknowledged_by}"
        amounts = "; ".join(map(_amount, holder.amounts)) or "no quantity known"
        yield f"  {party}: {holder.things} things, {seen}; {amounts}"


def _amount(found: Amounts) -> str:
    percent = "" if found.percent is None else f" ({found.percent} %)"
    return f"{found.recovered:f} of {found.in_scope:f} {found.uom or 'pieces'}{percent}"


def _told_effect(effect: Effectiveness) -> dict[str, Any]:
    return {
        "acknowledged": effect.acknowledged,
        "notified": len(effect.holders),
        "overdue": list(effect.overdue),
        "amounts": [
            {"unit": each.uom, "in_scope": f"{each.in_scope:f}", "recovered": f"{each.recovered:f}"}
            for each in effect.amounts
        ],
    }


def _done(case: Case) -> Answer:
    return Answer(_told(case), (_line(case),))


def _line(case: Case) -> str:
    what = "drill, " if case.drill else ""
    ended = f" ({case.outcome})" if case.outcome else ""
    return f"{case.id} {what}{case.stage}{ended}, {case.things} things, opened {format_time(case.opened_ms)}"


def _told(case: Case) -> dict[str, Any]:
    times = {"opened": case.opened_ms, "issued": case.issued_ms, "closed": case.closed_ms}
    said: dict[str, Any] = {
        "id": case.id,
        "drill": case.drill,
        "stage": case.stage.value,
        "party": case.party,
    }
    said |= {"things": case.things, "origin": list(case.origin), "outcome": case.outcome}
    said |= {name: format_time(ms) for name, ms in times.items() if ms is not None}
    return {name: value for name, value in said.items() if value is not None}


def _sharing(done: int, whole: int) -> None:
    show_share("signed events", done, whole)
