"""The command line: ``traceability VERB ...``.

Exit codes: 0 what was asked is done or holds; 1 refused, failed or does not match (the code
is in square brackets, or under ``error`` with ``--json``); 2 not a command, or not known.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from traceability.commands import (
    alarm,
    batches,
    broker,
    calibration,
    config,
    deposit,
    device,
    disclosure,
    doctor,
    evidence,
    fsma,
    keys,
    label,
    node,
    prefix,
    proof,
    publisher,
    readings,
    recall,
    recover,
    running,
    token,
    trace,
    witness,
)
from traceability.commands.verb import Answer
from traceability.errors import TraceabilityError

MODULES = (
    running,
    node,
    device,
    calibration,
    broker,
    keys,
    prefix,
    token,
    batches,
    label,
    deposit,
    readings,
    alarm,
    config,
    trace,
    fsma,
    recall,
    evidence,
    disclosure,
    publisher,
    proof,
    recover,
    witness,
    doctor,
)
"""In the order in which ``--help`` lists their verbs."""


def main(argv: Sequence[str] | None = None) -> int:
    """Do one verb and say what came of it."""
    args = build_parser().parse_args(argv)
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


def build_parser() -> argparse.ArgumentParser:
    """All verbs; also what the documentation is compared with."""
    parser = argparse.ArgumentParser(
        prog="traceability",
        description="Run a traceability node, record what happens to batches, verify what others recorded.",
        epilog="`traceability VERB --help` shows an example of each. Settings come from FT_... variables.",
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True, title="verbs")
    for module in MODULES:
        module.add(verbs)
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
