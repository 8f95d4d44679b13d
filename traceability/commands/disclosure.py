"""``policy show | set | reset | preview`` and ``erase``: who sees what of a party's events."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from traceability.commands.files import read_file
from traceability.commands.verb import Answer, Opened, Verbs, add_group, add_verb, opened
from traceability.commands.words import read_party
from traceability.errors import ConflictError, MalformedError
from traceability.operations.erase import Erased, erase, preview_erasure
from traceability.operations.policies import (
    PolicyException,
    Seen,
    list_exceptions,
    policy_for,
    preview_event,
    products_of,
    reset_exceptions,
    set_exception,
)
from traceability.signing.disclosure import Audience
from traceability.signing.parts import changeable, format_part
from traceability.signing.strictjson import Json, json_decode, json_encode

MAX_FILE: Final = 8 * 1_048_576
"""8 MiB: the largest file that is previewed."""
MAX_VALUE: Final = 72
"""Characters of a value that a line shows."""
_SEES: Final = {
    Audience.PUBLIC: "the public sees",
    Audience.PARTNER: "partners see also",
    Audience.REGULATOR: "authorities see also",
}


def add(verbs: Verbs) -> None:
    """Add these verbs to the command line."""
    policy = add_group(
        verbs,
        "policy",
        does="Say who may see which parts of a firm's events",
        example="traceability policy set --part readPoint --audience public",
    ).add_subparsers(metavar="WHAT", required=True)
    show = add_verb(
        policy,
        "show",
        _show,
        does="Show what a firm has opened or closed, and the default for all other parts",
        example="traceability policy show --party 9520000000028",
    )
    _add_whose(show)
    _add_set(policy)
    reset = add_verb(
        policy,
        "reset",
        _reset,
        does="Go back to the default: for one part, for one product, or for all of a firm's events",
        example="traceability policy reset --part readPoint",
    )
    _add_whose(reset)
    reset.add_argument("--product", metavar="GTIN", help="only what was set for this product")
    reset.add_argument("--part", metavar="PART", help="only this part")
    preview = add_verb(
        policy,
        "preview",
        _preview,
        does="Show what the public, partners and authorities will see of an event, before it is signed",
        example="traceability policy preview harvest.json --party 9520000000028",
    )
    preview.add_argument("file", metavar="FILE.json", type=Path, help="an EPCIS event or document")
    _add_whose(preview)
    _add_erase(verbs)


def _add_whose(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--party", help="whose events: GLN, pseudonym or URI (default: the only party)")


def _add_set(policy: Verbs) -> None:
    verb = add_verb(
        policy,
        "set",
        _set,
        does="Open or close a part of a firm's events; what others were given before stays with them",
        example="traceability policy set --part ilmd/cbvmda:bestBeforeDate --audience partner",
    )
    _add_whose(verb)
    verb.add_argument("--product", metavar="GTIN", help="only for events about this product")
    verb.add_argument(
        "--part", required=True, help="readPoint, ilmd/cbvmda:netWeight, quantityList/quantity, ..."
    )
    verb.add_argument(
        "--audience",
        required=True,
        choices=[str(each) for each in Audience],
        help="who sees it, and with them those after",
    )


def _add_erase(verbs: Verbs) -> None:
    verb = add_verb(
        verbs,
        "erase",
        _erase,
        does="Erase a part of an event for ever; without --yes, only list what would go",
        example='traceability erase ni:///sha-256;... --part ilmd/ft:person --reason "asked to" --yes',
    )
    verb.add_argument(
        "event",
        metavar="EVENT",
        help="its eventID, or SHA-256 of its statement or of a notice, in hexadecimal",
    )
    verb.add_argument("--part", required=True, help="what to erase, with all inside it: ilmd/ft:person")
    verb.add_argument(
        "--reason", default="", metavar="TEXT", help="why; it is kept, so do not repeat the data"
    )
    verb.add_argument("--yes", action="store_true", help="erase it; it cannot be undone")
    _add_whose(verb)


def _party(here: Opened, args: argparse.Namespace) -> str:
    with here.store.reading() as connection:
        return read_party(connection, here.node, args.party)


def _show(args: argparse.Namespace) -> Answer:
    with opened() as here:
        party = _party(here, args)
        with here.store.reading() as connection:
            exceptions = list_exceptions(connection, party)
    default = {format_part(part): audience.value for part, audience in changeable().items()}
    lines = [f"{party}: {len(exceptions) or 'no'} exceptions"]
    lines += [f"  {_line(e)}" for e in exceptions]
    lines += ["the default; what is not named here is for authorities alone:"]
    lines += [f"  {part}: {audience}" for part, audience in default.items()]
    data = {"party": party, "exceptions": [_data(e) for e in exceptions], "default": default}
    return Answer(data, tuple(lines))


def _set(args: argparse.Namespace) -> Answer:
    with opened() as here:
        party = _party(here, args)
        made = set_exception(here.store, party, args.part, Audience(args.audience), args.product)
    return Answer({"party": party} | _data(made), (f"{party}: {_line(made)}",))


def _reset(args: argparse.Namespace) -> Answer:
    with opened() as here:
        party = _party(here, args)
        count = reset_exceptions(here.store, party, args.product, args.part)
    return Answer({"party": party, "reset": count}, (f"{party}: {count} exceptions taken back",))


def _data(exception: PolicyException) -> dict[str, str]:
    return {
        "product": exception.product,
        "part": exception.part,
        "audience": exception.audience.value,
    }


def _line(exception: PolicyException) -> str:
    products = f"of {exception.product}" if exception.product else "of all products"
    return f"{exception.part} {products}: {exception.audience.value}"


def _preview(args: argparse.Namespace) -> Answer:
    events = tuple(_events(args.file))
    with opened() as here:
        party = _party(here, args)
        with here.store.reading() as connection:
            seen = [preview_event(e, policy_for(connection, party, products_of(e))) for e in events]
    lines: list[str] = []
    for number, (event, parts) in enumerate(zip(events, seen, strict=True), 1):
        lines.append(f"event {number}: {event['type']}")
        lines += _previewed(parts)
    if any("eventID" not in event for event in events):
        lines.append("an eventID is added when it is signed, for those who see every part")
    shown = [[{"part": s.part, "audience": s.audience.value, "value": s.value} for s in p] for p in seen]
    return Answer({"party": party, "events": shown}, tuple(lines))


def _previewed(parts: tuple[Seen, ...]) -> Iterator[str]:
    for audience, title in _SEES.items():
        own = [seen for seen in parts if seen.audience is audience and seen.value not in ({}, [])]
        yield f"  {title}: {'' if own else 'nothing'}".rstrip()
        for seen in own:
            value = json_encode(seen.value).decode("utf-8")
            short = value if len(value) <= MAX_VALUE else value[: MAX_VALUE - 1] + "…"
            yield f"    {seen.part} = {short}"


def _events(path: Path) -> Iterator[Mapping[str, Json]]:
    """The events of a document, or the one event that a file holds."""
    content = json_decode(read_file(path, MAX_FILE + 1), max_bytes=MAX_FILE)
    body = content.get("epcisBody") if isinstance(content, dict) else None
    listed: Any = body.get("eventList") if isinstance(body, dict) else [content]
    if not isinstance(listed, list) or not all(map(_is_event, listed)):
        raise MalformedError(
            f"{path} holds neither an EPCIS event nor a document with an eventList",
            remedy="Give it a JSON file like those in docs/epcis.md.",
        )
    yield from listed


def _is_event(content: Any) -> bool:
    return isinstance(content, dict) and "type" in content


def _erase(args: argparse.Namespace) -> Answer:
    with opened() as here:
        party = _party(here, args)
        if not args.yes:
            with here.store.reading() as connection:
                erased = preview_erasure(connection, party, args.event, args.part)
            return _erased(erased, False)
        if not args.reason:
            raise ConflictError("an erasure needs its reason", remedy='Add --reason "..."; it is kept.')
        return _erased(erase(here.store, here.node, party, args.event, args.part, args.reason), True)


def _erased(erased: tuple[Erased, ...], done: bool) -> Answer:
    lines = []
    for each in erased:
        lines.append(f"statement {each.statement.hex()}")
        lines += [f"  {'erased' if done else 'would go'}: {part}" for part in sorted(each.parts.values())]
    if done:
        lines.append("backups, exports and what others were given before still hold it")
    else:
        lines.append("nothing was erased yet: add --yes and --reason; it cannot be undone")
    data = [{"statement": e.statement.hex(), "parts": sorted(e.parts.values())} for e in erased]
    return Answer({"erased": done, "statements": data}, tuple(lines))
