"""The page on who can cheat names a test for each attack; each of these exists, and each file is named."""

from __future__ import annotations

import ast
import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "security.md"
HEADING = "## Attack by attack"
NAMED = re.compile(r"`(tests/[a-z0-9_/]+\.py)::(test_[a-z0-9_]+)`")
NOT_YET = "not yet"


def rows() -> list[list[str]]:
    """The table's rows, each as its four cells."""
    text = PAGE.read_text(encoding="utf-8").partition(f"{HEADING}\n")[2].partition("\n## ")[0]
    lines = [line for line in text.split("\n") if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return cells[1:]


def names_in(path: Path) -> set[str]:
    """The names of the tests of a module, by its text: nothing is run."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name[:5] == "test_"}


def test_every_attack_of_the_page_has_a_test_that_exists():
    for attack, stops, notices, tests in rows():
        named = NAMED.findall(tests)
        assert all((attack, stops, notices)), attack
        assert named or NOT_YET in tests, f"{attack}: no test, and no word that there is none"
        assert NAMED.sub("", tests).replace("<br>", "").strip() in {"", NOT_YET}, f"{attack}: {tests}"
        for path, name in named:
            assert name in names_in(REPOSITORY / path), f"{attack}: there is no {path}::{name}"
    assert len(rows()) > 30


def test_every_file_of_attacks_is_named_on_the_page():
    """Who adds an attack says in the table what stops it and who notices."""
    named = {path for row in rows() for path, _ in NAMED.findall(row[3])}
    files = {f"tests/attacks/{path.name}" for path in Path(__file__).parent.glob("test_*.py")}
    assert files - named == {f"tests/attacks/{Path(__file__).name}"}
