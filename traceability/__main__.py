"""The command line: ``traceability VERB ...``.

Exit codes: 0 what was asked is done or holds; 1 refused, failed or does not match (the code
is in square brackets, or under ``error`` with ``--json``); 2 not a command, or not known.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Final

from traceability.commands.verb import Answer
from traceability.errors import TraceabilityError

VERBS: Final[Mapping[str, tuple[str, ...]]] = {
    "running": ("run", "demo"),
    "node": ("init", "enrol", "install", "remove"),
    "device": ("device",),
    "calibration": ("calibration",),
    "broker": ("broker",),
    "keys": ("key",),
    "prefix": ("prefix",),
    "token": ("token",),
    "people": ("people",),
    "batches": ("batch", "record"),
    "importing": ("import",),
    "label": ("label",),
    "deposit": ("deposit",),
    "readings": ("readings",),
    "alarm": ("alarm",),
    "config": ("config",),
    "trace": ("trace",),
    "fsma": ("fsma",),
    "recall": ("recall",),
    "evidence": ("evidence",),
    "disclosure": ("policy", "erase"),
    "publisher": ("publish",),
    "proof": ("verify", "export", "audit"),
    "recover": ("backup", "recover"),
    "witness": ("witness",),
    "doctor": ("doctor",),
}
"""The modules of ``commands`` with their verbs, in the order in which ``--help`` lists them.

Only that of the verb that was typed is imported: what one of them needs would make all others wait.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Do one verb and say what came of it."""
    words = sys.argv[1:] if argv is None else list(argv)
    args = build_parser(words[0] if words else None).parse_args(words)
    try:
        answer: Answer = args.handler(args)
    except TraceabilityError as error:
        _print_error(error, as_json=args.json)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    if args.only is not None:
        return _print_only(answer, args.only)
    if args.json:
        print(json.dumps(answer.data, ensure_ascii=False, indent=2, default=str))
    else:
        print("".join(f"{line}\n" for line in answer.lines), end="")
    return answer.exit_code


def build_parser(verb: str | None = None) -> argparse.ArgumentParser:
    """The verbs of one module, if this is a verb of it; else all, as the documentation is compared with."""
    parser = argparse.ArgumentParser(
        prog="traceability",
        description="Run a traceability node, record what happens to batches, verify what others recorded.",
        epilog="`traceability VERB --help` shows an example of each. Settings come from FT_... variables.",
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True, title="verbs")
    named = [module for module, its in VERBS.items() if verb in its]
    for module in named or VERBS:
        import_module(f"traceability.commands.{module}").add(verbs)
    return parser


def _print_only(answer: Answer, member: str) -> int:
    if member not in answer.data:
        print(f"no member {member!r}; there are {', '.join(sorted(answer.data))}", file=sys.stderr)
        return 2
    value = answer.data[member]
    print(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))
    return answer.exit_code


def _print_error(error: TraceabilityError, *, as_json: bool) -> None:
    if as_json:
        shown = {"error": error.code, "message": str(error), "remedy": error.remedy()}
        print(json.dumps(shown, ensure_ascii=False), file=sys.stderr)
    else:
        print(f"error: {error} [{error.code}]\n  {error.remedy()}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
