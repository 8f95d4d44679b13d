"""What each is shown of each member of each kind of event, compared with a table that people can read.

tests/fixtures/visibility.txt is the table. Who changes on purpose what somebody sees writes it anew and
reads the difference before it is committed:

    python -m tests.attacks.test_visibility
"""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.matrix import site_with
from tests.support.visibility import Planted, plant, table
from traceability.operations.accounts.roles import PartyKind
from traceability.operations.policies import reset_exceptions, set_exception
from traceability.signing.disclosure import Audience

TABLE = Path(__file__).parent.parent / "fixtures" / "visibility.txt"


@pytest.fixture(scope="module")
def planted(tmp_path_factory) -> Iterator[Planted]:
    with site_with(tmp_path_factory.mktemp("visibility")) as site:
        yield plant(site)


def differences(planted: Planted) -> list[str]:
    """Lines that are more (+) or fewer (-) than in the table."""
    kept, now = TABLE.read_text(encoding="utf-8"), table(planted)
    lines = difflib.unified_diff(kept.splitlines(), now.splitlines(), "table", "now", n=2, lineterm="")
    return list(lines)


def test_everybody_sees_of_every_member_what_the_table_says(planted: Planted):
    assert "\n".join(differences(planted)) == ""


def test_a_part_that_is_opened_shows_as_a_difference(planted: Planted):
    store, maker = planted.site.world.store, planted.site.own[PartyKind.PRODUCER]
    set_exception(store, maker, "x:note", Audience.PUBLIC)
    try:
        found = differences(planted)
    finally:
        reset_exceptions(store, maker, part="x:note")
    assert any(line.startswith("+    events: stranger") for line in found), found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, site_with(Path(folder)) as made:
        TABLE.write_text(table(plant(made)), encoding="utf-8")
