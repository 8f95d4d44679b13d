"""``witness init``, ``trust``, ``run``, ``show``: cosign the checkpoints of other people's logs."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Final

from traceability.commands.verb import Answer, Verbs, add_group, add_verb
from traceability.errors import ConflictError, SettingsError
from traceability.ledger.lines import encode_base64
from traceability.ledger.note import COSIGNATURE_V1, VerifierKey, parse_vkey
from traceability.witness import pages
from traceability.witness.folder import alone, init_witness, load_key, open_memory
from traceability.witness.server import Server
from traceability.witness.service import Service

PROGRAM: Final = "witness"
LOOPBACK: Final = "127.0.0.1"


def add(verbs: Verbs) -> None:
    """Add these verbs to the command line."""
    group = add_group(
        verbs,
        "witness",
        does="Cosign the checkpoints of a neighbour's log, and remember them",
        example="traceability witness run --data ./witness --port 8100",
    ).add_subparsers(metavar="WHAT", required=True)
    _add_init(group)
    _add_trust(group)
    _add_run(group)
    show = add_verb(
        group,
        "show",
        _show,
        does="Show who the witness is, where the logs stand that it watches, and what it holds against them",
        example="traceability witness show --data ./witness",
    )
    _add_data(show)


def _add_init(group: Verbs) -> None:
    verb = add_verb(
        group,
        "init",
        _init,
        does="Make a witness: a key and an empty memory, once and for ever",
        example="traceability witness init --data ./witness --name witness.chengdu.example/w1",
    )
    _add_data(verb)
    verb.add_argument(
        "--name", required=True, help="its name, a URL without its scheme: no spaces and no plus sign"
    )
    verb.add_argument(
        "--full", action="store_true", help="a full one: it checks what the logs hold, and keeps a copy"
    )


def _add_trust(group: Verbs) -> None:
    verb = add_verb(
        group,
        "trust",
        _trust,
        does="Watch a log, or take one more key of it",
        example="traceability witness trust --data ./witness node.example/log+5c1f6d4a+AX8w...",
    )
    _add_data(verb)
    verb.add_argument("vkey", metavar="VKEY", help="name+id+key, from the log's operator or its policy")
    verb.add_argument(
        "--url", metavar="URL", help="where the log's checkpoint and tiles are; a full witness reads them"
    )


def _add_run(group: Verbs) -> None:
    verb = add_verb(
        group,
        "run",
        _run,
        does="Answer requests until Ctrl-C",
        example="traceability witness run --data ./witness --port 8100",
    )
    _add_data(verb)
    verb.add_argument("--port", required=True, type=_port, metavar="N", help="0: any that is free")
    verb.add_argument("--host", default=LOOPBACK, help=f"where to listen (default: {LOOPBACK})")


def _add_data(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--data", required=True, type=Path, metavar="DIR", help="the witness's own folder")


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text) > 65_535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return int(text)


def _init(args: argparse.Namespace) -> Answer:
    vkey = init_witness(args.data, args.name, full=args.full).vkey()
    told = "the logs it shall watch: traceability witness trust --help"
    return Answer({"name": args.name, "vkey": vkey, "full": args.full}, (vkey, told))


def _trust(args: argparse.Namespace) -> Answer:
    verifier = parse_vkey(args.vkey)
    if verifier.key == load_key(args.data).public:
        raise ConflictError(
            "this is the witness's own key", remedy="Give the vkey of the log: it stands in the log's policy."
        )
    with open_memory(args.data) as memory:
        new = memory.trust(verifier, args.url)
    line = f"{'watching' if new else 'watched already:'} {verifier.name}, key {verifier.key_id.hex()}"
    return Answer({"origin": verifier.name, "vkey": verifier.vkey(), "new": new}, (line,))


def _show(args: argparse.Namespace) -> Answer:
    key = load_key(args.data)
    with open_memory(args.data) as memory:
        verifier = VerifierKey(memory.name, COSIGNATURE_V1, key.public)
        lines = (*pages.about(verifier, memory), *pages.evidence(memory).splitlines())
        logs = {}
        for origin, keys in memory.logs().items():
            held = memory.held(origin)
            cosigned = {"size": held.size, "root": encode_base64(held.root), "time_s": held.time_s}
            refused = {kind.value: n for (log, kind), n in memory.refused().items() if log == origin}
            logs[origin] = {
                "vkeys": [each.vkey() for each in keys],
                "cosigned": cosigned if held.note else None,
                "refused": refused,
            }
    return Answer({"name": verifier.name, "vkey": verifier.vkey(), "logs": logs}, lines)


def _run(args: argparse.Namespace) -> Answer:
    key, stop = load_key(args.data), threading.Event()
    with alone(args.data), open_memory(args.data, checkpoints=True) as memory:
        service = Service(memory.name, key, memory, lambda: int(time.time()), _say)
        try:
            server = Server(args.host, args.port, service)
        except OSError as error:
            raise SettingsError(
                f"cannot listen on {args.host} port {args.port}: {error.strerror}",
                remedy="Choose another --port or --host, or end the program that has it.",
            ) from error
        with server:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: stop.set())
            serving = threading.Thread(target=server.serve_forever, name="witness")
            serving.start()
            address = server.address
            _say("info", "listening", address=address, vkey=service.verifier.vkey())
            stop.wait()
            server.shutdown()
            serving.join()
    return Answer({"address": address}, ())


def _say(level: str, message: str, **more: object) -> None:
    """One JSON line on stderr."""
    at = pages.format_s(int(time.time()))
    entry = {"time": at, "level": level, "program": PROGRAM, "message": message}
    print(json.dumps(entry | more), file=sys.stderr, flush=True)
