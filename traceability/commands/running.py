"""``run`` and ``demo``: the whole node under one supervisor, and the demonstration, played and deleted."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from traceability.commands.verb import Answer, Opened, Verbs, add_verb, opened
from traceability.errors import SettingsError
from traceability.hosts import sign_in_url
from traceability.running.address import with_address
from traceability.settings import SETTINGS, RunSettings, load, runs_own_broker
from traceability.sitecertificate import make_local

if TYPE_CHECKING:
    from traceability.running.demo.deletion import Contents

SHOWN: Final = 20
"""Things that are not of the demonstration, of which a preview shows so many."""


def add(verbs: Verbs) -> None:
    """Add these verbs to the command line."""
    run = add_verb(
        verbs,
        "run",
        _run,
        does="Run the whole node: broker, gateway, publisher, web site and the demo journey; Ctrl-C ends it",
        example="FT_HOST=0.0.0.0 traceability run",
    )
    run.add_argument(
        "--tls",
        action="store_true",
        help="serve https with a certificate of a local authority, which is made if there is none",
    )
    settings = "\n".join(f"  FT_{name.upper():<13} {setting.help}" for name, setting in SETTINGS.items())
    run.epilog = f"{run.epilog}\n\nsettings, from the environment:\n{settings}"
    demo = add_verb(
        verbs,
        "demo",
        _demo,
        does="Play the people of the demonstration, which `run` does too; or delete it, to begin for real",
        example="traceability demo --delete",
    )
    what = demo.add_mutually_exclusive_group()
    what.add_argument("--links", action="store_true", help="print new links to look around by, nothing else")
    what.add_argument(
        "--delete", action="store_true", help="show what goes with the demonstration; with --yes it goes"
    )
    demo.add_argument("--yes", action="store_true", help="delete this node: its log, keys and database")
    demo.add_argument("--everything", action="store_true", help="also what is not of the demonstration")


def _run(args: argparse.Namespace) -> Answer:
    from traceability.running.supervisor import supervise

    settings = load(RunSettings, os.environ)
    if args.tls:
        if settings.tls_cert is not None:
            raise SettingsError("run --tls makes its own certificate: leave FT_TLS_CERT and FT_TLS_KEY out")
        files = zip(("FT_TLS_CERT", "FT_TLS_KEY"), map(str, make_local(settings)), strict=True)
        os.environ.update(files)
        settings = load(RunSettings, os.environ)
    supervise(settings, embedded_broker=runs_own_broker(os.environ))
    return Answer({"ended": True}, ("everything has ended",))


def _demo(args: argparse.Namespace) -> Answer:
    if args.delete:
        return _delete(args)
    if args.yes or args.everything:
        raise SettingsError("--yes and --everything belong to --delete")
    with opened() as here:
        if args.links:
            return _links(here)
        from traceability.running.demo.world import play

        recorded = play(here.store, here.node)
    return Answer({"recorded": recorded}, (f"recorded {recorded} steps",))


def _links(here: Opened) -> Answer:
    from traceability.operations.accounts.letters import address_of
    from traceability.operations.accounts.links import Purpose
    from traceability.running.announcement import people_lines
    from traceability.running.demo.people import new_links

    settings = load(RunSettings, with_address(os.environ))
    if not settings.demo:
        raise SettingsError("this node is not to show the demonstration: FT_DEMO=0")
    site = sign_in_url(settings.base_url, settings.port)
    made = new_links(here.store, here.node)
    links = {each.key: address_of(site, Purpose.DEMO, text) for each, text in made}
    return Answer({"links": links}, tuple(people_lines(site, made)))


def _delete(args: argparse.Namespace) -> Answer:
    from traceability.running.demo.deletion import delete, held_still, look

    with opened() as here, held_still(here.node.folder):
        found = look(here.store, here.node)
        if args.yes:
            delete(here.store, here.node, found, everything=args.everything)
        data = asdict(found) | {"node": here.node.name, "deleted": args.yes}
        return Answer(data, _deletion_lines(here, found, deleted=args.yes))


def _deletion_lines(here: Opened, found: Contents, *, deleted: bool) -> tuple[str, ...]:
    folder, counted = here.node.folder, f"{found.parties} parties, {found.batches} batches"
    lines = [
        f"{'deleted' if deleted else 'to be deleted:'} node {here.node.name} in {folder}, for good:",
        f"  {counted}, {found.records:,} records of its log, {found.people} people,",
        f"  {found.files:,} files, {found.size / 1e6:.1f} MB: its log, its keys, its database",
    ]
    if found.kept:
        lines.append(f"what stays in the folder: {', '.join(found.kept)}")
    if deleted:
        return (*lines, "to begin for real: FT_DEMO=0 make run; its link lets in the first administrator")
    lines += [f"not of the demonstration: {each}" for each in found.foreign[:SHOWN]]
    more = " --everything" if found.foreign else ""
    return (*lines, f"nothing is deleted yet; to do it: traceability demo --delete --yes{more}")
