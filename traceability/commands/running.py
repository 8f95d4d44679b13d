"""``run`` and ``demo``: the whole node under one supervisor, and the people of the demo journey."""

from __future__ import annotations

import argparse
import os

from traceability.commands.verb import Answer, Verbs, add_verb, opened
from traceability.errors import SettingsError
from traceability.settings import SETTINGS, RunSettings, load, runs_own_broker
from traceability.sitecertificate import make_local


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
    demo = "Record what the people of the demo journey say"
    add_verb(verbs, "demo", _demo, does=demo, example="traceability demo", hidden=True)


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


def _demo(_: argparse.Namespace) -> Answer:
    from traceability.running.demo.journey import play

    with opened() as here:
        recorded = play(here.store, here.node)
    return Answer({"recorded": recorded}, (f"recorded {recorded} steps",))
