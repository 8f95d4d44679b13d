"""What a recall would reach, shown before anything is said: arguments, preview, confirmation."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from traceability.commands.files import write_file
from traceability.commands.verb import Opened, progress
from traceability.errors import EventError, MalformedError, RefusedError
from traceability.operations.names import Called, called_in
from traceability.operations.recall import new_id
from traceability.operations.recallscope import Notice, Scope, read_notice, scope
from traceability.operations.recallstatus import (
    ID,
    Status,
    find_recall,
    load_recall,
    named_things,
    open_recalls,
)
from traceability.operations.tracerequest import read_thing
from traceability.supply.recall import State
from traceability.supply.tracing.labels import ThingKind
from traceability.supply.tracing.picture import render_svg
from traceability.supply.tracing.tables import write_csv

TEXTS: Final = ("hazard", "advice")
"""What a recall says in both languages."""
PLURALS: Final[Mapping[str, str]] = {
    ThingKind.BATCH: "batches",
    ThingKind.ITEM: "items",
    ThingKind.UNIT: "logistic units",
    ThingKind.ASSET: "assets",
    ThingKind.PRODUCT: "products without lot",
    ThingKind.OTHER: "others",
}
_VERBS: Final[Mapping[State, str]] = {State.HOLD: "hold", State.ISSUED: "issue"}
SHOWN: Final = 20
"""Holders that are shown."""


def add_lots(verb: argparse.ArgumentParser) -> None:
    """What is to be recalled."""
    verb.add_argument(
        "lots", nargs="+", metavar="LOT", help="GTIN/LOT, path, URI or URN (or of a hold: its id alone)"
    )


def add_texts(verb: argparse.ArgumentParser) -> None:
    """What the recall says."""
    verb.add_argument(
        "--class",
        dest="recall_class",
        type=int,
        metavar="N",
        help="1 serious, 2 temporary, 3 hardly any harm",
    )
    for name, does in (("hazard", "what is wrong"), ("advice", "what to do")):
        verb.add_argument(f"--{name}-en", metavar="TEXT", help=f"{does}, in English")
        verb.add_argument(f"--{name}-zh", metavar="TEXT", help=f"{does}, in Chinese")
    verb.add_argument("--contact", metavar="TEXT", help="whom to ask")


def add_files(verb: argparse.ArgumentParser) -> None:
    """Where the scope is written."""
    verb.add_argument("--csv", type=Path, metavar="FILE", help="write the scope there as a table")
    verb.add_argument("--svg", type=Path, metavar="FILE", help="write the scope there as a picture")


@dataclass(frozen=True, slots=True)
class Seen:
    """What is shown before anything is said: under which id, what it says so far, the scope, and names.

    ``state`` is what is about to be said, None while that is open; ``others`` are open recalls of the lots.
    """

    id: str
    notice: Notice | None
    scope: Scope
    called: Called
    state: State | None = None
    others: Sequence[Status] = ()

    @property
    def data(self) -> dict[str, Any]:
        """For programs."""
        return {"id": self.id, "open": [each.id for each in self.others], **self.scope.to_json(self.notice)}

    @property
    def lines(self) -> tuple[str, ...]:
        """For people."""
        return (*_scope_lines(self.scope, self.called), *self._last_lines())

    def _last_lines(self) -> Iterator[str]:
        for other in self.others:
            by = self.called.party(other.party)
            yield f"! {other.id} is open and names this already: {other.state} by {by}, {other.things} things"
            yield f"  to go on with that one, give its id in place of the lots: recall issue {other.id}"
        if self.notice is not None:
            for state, digest in self.scope.digests(self.notice).items():
                if self.state in {None, State(state)}:
                    yield f"digest {digest} (to {_VERBS[State(state)]})"


def look(here: Opened, args: argparse.Namespace, state: State | None = None) -> Seen:
    """Trace what is to be recalled, and write the files that were asked for.

    Args:
        state: what is about to be said of it; None for a preview of either.
    """
    progress("tracing")
    with here.store.reading() as connection:
        notice, recall_id = read_texts(args), new_id(here.store.clock())
        origins: tuple[str, ...] = tuple(args.lots)
        named: Sequence[str] = ()
        if any(ID.fullmatch(lot) for lot in origins):
            if len(origins) > 1:
                raise MalformedError("the id of a recall stands alone: it is about the lots that it names")
            recall_id = origins[0]
            said = load_recall(connection, find_recall(connection, recall_id))
            origins, named = said.origin, named_things(connection, recall_id)
            notice = notice or Notice(said.recall_class, said.hazard, said.advice, said.contact)
        found = scope(connection, here.node, [read_thing(here.node, lot) for lot in origins], named=named)
        found = found.described(connection)
        others = [each for each in open_recalls(connection, found.origins) if each.id != recall_id]
        called = called_in(connection, found.trace, others={each.party for each in others})
        seen = Seen(recall_id, notice, found, called, state, others)
    if args.csv is not None:
        write_file(args.csv, write_csv(found.rows))
    if args.svg is not None:
        write_file(args.svg, render_svg(found.trace, names=seen.called.products))
    return seen


def read_texts(args: argparse.Namespace) -> Notice | None:
    """What the recall is to say; None if nothing of it is said."""
    texts = {name: {tongue: getattr(args, f"{name}_{tongue}") for tongue in ("en", "zh")} for name in TEXTS}
    given = {"recallClass": args.recall_class, "contact": args.contact, **texts}
    known = {name: value for name, value in given.items() if value is not None}
    if not any(any(each.values()) for each in texts.values()) and known.keys() <= set(TEXTS):
        return None
    known |= {name: {t: text for t, text in texts[name].items() if text is not None} for name in TEXTS}
    try:
        return read_notice(known)
    except EventError as error:
        wrong = "; ".join(f"{_option(each.pointer)}: {each.expected}" for each in error.problems)
        raise MalformedError(
            f"what the recall says is not whole: {wrong}",
            remedy="It needs --class (1, 2 or 3), --hazard-en, --hazard-zh, --advice-en and --advice-zh.",
        ) from error


def _option(pointer: str) -> str:
    """The option by which a member of a recall is given."""
    return "--class" if pointer == "/recallClass" else f"--{pointer.strip('/').replace('/', '-')}"


def confirmed(seen: Seen, notice: Notice, state: State, *, yes: bool) -> str:
    """The digest of what is shown now, if whoever sees it says yes.

    Raises:
        RefusedError: they do not, or nobody is there to ask.
    """
    digest = seen.scope.digest(notice, state)
    if yes:
        return digest
    print("\n".join(seen.lines), file=sys.stderr)
    if not sys.stdin.isatty():
        raise RefusedError("nobody confirmed the scope", remedy=f"Look at it, and add --confirm {digest}")
    print(f"{len(seen.scope.things)} things: type yes to sign this: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip() != "yes":
        raise RefusedError("the scope was not confirmed")
    return digest


def _scope_lines(found: Scope, called: Called) -> Iterator[str]:
    yield f"{len(found.things)} things are reached from {', '.join(found.origins)}"
    for depth, kinds in found.steps:
        counted = ", ".join(
            f"{count} {kind if count == 1 else PLURALS[kind]}" for kind, count in kinds.items()
        )
        yield f"  step {depth}: {counted}"
    for product, amount, uom in found.quantities:
        name = called.products.get(product)
        yield f"  {amount} {uom or 'pieces'} of {f'{name} ({product})' if name else product}"
    for holder in found.holders[:SHOWN]:
        party = called.party(holder.party) if holder.party else "nobody known"
        yield f"  with {party} at {holder.place or 'no known place'}: {holder.things}"
    if (more := len(found.holders) - SHOWN) > 0:
        yield f"  and {more} more holders (--csv FILE has them all)"
    for why, which in found.lost:
        some = ", ".join(which[:3]) + (", ..." if len(which) > 3 else "")
        yield f"  not traced: {why} ({len(which)}): {some}"
