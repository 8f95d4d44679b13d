"""``backup``, ``recover``: a copy of the database, and the way back from one that is old."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from traceability.commands.files import read_file
from traceability.commands.publisher import alone
from traceability.commands.verb import Answer, Opened, Verbs, add_verb, opened, show_share
from traceability.errors import SettingsError
from traceability.ledger.record import format_time
from traceability.operations.backup import back_up
from traceability.operations.lock import Lock
from traceability.operations.log import latest_checkpoint
from traceability.operations.recover.leaves import Leaves, mirrored, served
from traceability.operations.recover.offers import Offers
from traceability.operations.recover.restore import recover
from traceability.operations.recover.survey import Piece, Plan, survey
from traceability.operations.recover.vouch import vouch
from traceability.operations.recover.walk import Walked, walk

PREFIX: Final = "application/vnd.food-traceability."


def add(verbs: Verbs) -> None:
    """Add these verbs to the command line."""
    backup = add_verb(
        verbs,
        "backup",
        _backup,
        does="Copy the database into one file while the node goes on; keys and the lock are left out",
        example="traceability backup /mnt/elsewhere/node-2026-05-01.backup",
    )
    backup.add_argument("file", metavar="FILE", type=Path, help="must not be there yet")
    verb = add_verb(
        verbs,
        "recover",
        _recover,
        does="Bring a database that was restored from a backup to what was signed since; shows first, and "
        "changes nothing without --yes",
        example="traceability recover --mirror /mnt/witness --bundle strawberries.bundle --yes",
    )
    source = verb.add_mutually_exclusive_group()
    source.add_argument("--mirror", metavar="DIR", type=Path, help="folder of a full witness, or of an audit")
    source.add_argument("--from", metavar="URL", dest="url", help="a site that serves the log's tiles")
    verb.add_argument(
        "--bundle",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="a proof that somebody kept: its statements are given back (again for each; bring all at once)",
    )
    verb.add_argument(
        "--statement",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="a statement of a device or about a key, as it was sent (again for each)",
    )
    verb.add_argument("--yes", action="store_true", help="do it")


def _backup(args: argparse.Namespace) -> Answer:
    with opened() as here:
        with here.store.reading() as connection:
            latest = latest_checkpoint(connection)
        size = back_up(here.store, args.file)
    entries, folder = latest.size if latest else 0, here.settings.data
    lines = (
        f"wrote {args.file} ({size:,} bytes): the database, with at least {entries} entries of the log",
        f"left out on purpose: {folder / 'lock.sqlite'}, which tells a restored database that it is old",
        f"keep elsewhere, once: node.json, policy and keys of {folder}; without the keys no backup is of use",
    )
    return Answer({"file": str(args.file), "bytes": size, "entries": entries}, lines)


def _recover(args: argparse.Namespace) -> Answer:
    with opened(checkpoints=True) as here, alone(here.node):
        offers = Offers(here.node)
        for file in args.bundle:
            offers.add_bundle(read_file(file), str(file))
        for file in args.statement:
            offers.add_statement(read_file(file))
        walked = _walk(here, args)
        if args.yes:
            return _answer(here, recover(here.store, here.node, walked, offers), done=True)
        with here.store.reading() as connection:
            return _answer(here, survey(connection, walked, offers), done=False)


def _walk(here: Opened, args: argparse.Namespace) -> Walked | None:
    """The log, if it is to be walked through; without a place to read it the store must be whole."""
    signed = Lock(here.node.lock_path).newest()
    if args.mirror is None and args.url is None:
        _require_whole(here, signed)
        return None
    with _source(here, args) as leaves, here.store.reading() as connection:
        walked = walk(
            connection, here.node, leaves, signed, lambda done, whole: show_share("leaves", done, whole)
        )
    if signed is None:
        vouch(here.node, walked, here.store.clock())
    return walked


@contextmanager
def _source(here: Opened, args: argparse.Namespace) -> Iterator[Leaves]:
    with mirrored(args.mirror, here.node.origin) if args.mirror else served(args.url) as leaves:
        yield leaves


def _require_whole(here: Opened, signed: bytes | None) -> None:
    with here.store.reading() as connection:
        latest = latest_checkpoint(connection)
    if (latest.note.encode() if latest else None) != signed:
        raise SettingsError(
            "this store is not where its lock is: say where the log is kept",
            remedy="--mirror DIR, the folder of a full witness, or --from URL, a site that serves the log.",
        )


def _answer(here: Opened, plan: Plan, *, done: bool) -> Answer:
    given, lost = ([p for p in plan.pieces if bool(p.given) == word] for word in (True, False))
    data: dict[str, Any] = {
        "done": done and not plan.is_empty,
        "checkpoints": plan.checkpoints,
        "records": len(plan.placed) + sum(piece.new for piece in plan.pieces),
        "here": len(plan.placed),
        "given_back": len(given),
        "lost": len(lost),
        "streams": _by_stream(plan),
    }
    if plan.is_empty:
        return Answer(data, ("nothing to do: this store has what was signed", *_lost_lines(plan, data)))
    was = "were" if done else "are"
    lines = [
        f"{data['records']} records in {plan.checkpoints} checkpoints {was} missing here",
        f"{len(plan.placed)} of them {was} here and not yet published",
        f"{len(given)} have their statements again" if done else f"{len(given)} statements can be given back",
        *_lost_lines(plan, data),
        "done; next: traceability publish, then traceability audit"
        if done
        else "nothing was changed; with --yes it is done",
    ]
    return Answer(data, tuple(lines))


def _lost_lines(plan: Plan, data: dict[str, Any]) -> Iterator[str]:
    """What nobody has, stream by stream."""
    if not data["lost"]:
        return
    yield f"{data['lost']} records are known as text only; what needs one has no proof until it is brought"
    for stream in data["streams"]:
        if stream["lost"]:
            kinds = ", ".join(f"{count} {kind}" for kind, count in stream["types"].items())
            yield f"  {stream['stream']}: {kinds}, recorded {stream['from']} to {stream['to']}"
    for stream, devices in plan.devices.items():
        yield f"  {stream}: {', '.join(devices)} may have kept some; what is sent again takes its old place"


def _by_stream(plan: Plan) -> list[dict[str, Any]]:
    streams: dict[str, list[Piece]] = {}
    for piece in plan.pieces:
        streams.setdefault(piece.wanted.stream, []).append(piece)
    return [_stream(uri, pieces) for uri, pieces in sorted(streams.items())]


def _stream(uri: str, pieces: Sequence[Piece]) -> dict[str, Any]:
    lost = [piece.wanted for piece in pieces if piece.given is None]
    times = [piece.wanted.time_ms for piece in pieces]
    kinds = Counter(wanted.media_type.removeprefix(PREFIX).partition("+")[0] for wanted in lost)
    return {
        "stream": uri,
        "given_back": len(pieces) - len(lost),
        "lost": len(lost),
        "types": dict(sorted(kinds.items())),
        "from": format_time(min(times)),
        "to": format_time(max(times)),
    }
