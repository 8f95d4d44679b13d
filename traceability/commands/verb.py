"""What all verbs share: how they are described, what they answer, and the node they open."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from traceability.errors import SettingsError

if TYPE_CHECKING:
    from traceability.operations.node import Node
    from traceability.settings import NodeSettings
    from traceability.store.engine import Store


class Verbs(Protocol):
    """What ``add_subparsers`` gives: a place that verbs are added to."""

    def add_parser(self, *args: Any, **options: Any) -> argparse.ArgumentParser:
        """Add one verb."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a verb has to say: ``data`` for ``--json``, ``lines`` for people.

    ``exit_code`` is 0 only when everything that was asked holds.
    """

    data: Mapping[str, Any]
    lines: tuple[str, ...]
    exit_code: int = 0


Handler: TypeAlias = Callable[[argparse.Namespace], Answer]


def add_verb(
    verbs: Verbs, name: str, handler: Handler, *, does: str, example: str, hidden: bool = False
) -> argparse.ArgumentParser:
    """Add a verb with ``--json`` and a help text that ends with an example."""
    parser = add_group(verbs, name, does=does, example=example, hidden=hidden)
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    shape.add_argument("--only", metavar="MEMBER", help="print one member of that object, for scripts")
    parser.set_defaults(handler=handler)
    return parser


def add_group(
    verbs: Verbs, name: str, *, does: str, example: str, hidden: bool = False
) -> argparse.ArgumentParser:
    """Add a word that other verbs stand behind (``enrol party``)."""
    shown = {} if hidden else {"help": does[0].lower() + does[1:]}
    return verbs.add_parser(
        name,
        description=f"{does}.",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        **shown,
    )


@dataclass(frozen=True, slots=True)
class Opened:
    """A node and its store, open for one verb."""

    settings: NodeSettings
    node: Node
    store: Store


@contextmanager
def opened(*, checkpoints: bool = False) -> Iterator[Opened]:
    """The node that the environment names.

    Raises:
        SettingsError: there is none, or its tables are those of another version.
        StoreUnavailableError: its database does not answer.
    """
    # Imported here, for the sake of verbs that open no node: a witness starts in a third of the time.
    from traceability.operations.node import load_node
    from traceability.settings import NodeSettings, load
    from traceability.store.engine import Store

    settings = load(NodeSettings, os.environ)
    node = load_node(settings.data)
    store = Store(settings.database_url, checkpoints=checkpoints)
    try:
        if not store.is_current():
            raise SettingsError(
                "the tables are of another version: `traceability init` brings them to this one"
            )
        yield Opened(settings, node, store)
    finally:
        store.close()


def progress(text: str) -> None:
    """Say what is being done, to a person who is waiting at a terminal."""
    if sys.stderr.isatty():
        print(f"{text} ...", file=sys.stderr, flush=True)


def show_share(what: str, done: int, whole: int) -> None:
    """Keep one line at a terminal up to date: how much of something is done."""
    if sys.stderr.isatty():
        end = "\n" if done >= whole else ""
        print(f"\r\x1b[K{what} {done:,} of {whole:,}", end=end, file=sys.stderr, flush=True)
