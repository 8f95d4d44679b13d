"""Labels on the site: who may print them, what the page shows, and the file that comes out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from tests.support.people import sign_in
from tests.support.printed import pages, read
from tests.support.web import site_of
from tests.support.world import GTIN, World, make_world
from traceability.operations.accounts.roles import PartyKind, Role

PAGE, PDF, SVG = (f"/console/labels{kind}/01/{GTIN}/10/L%2F1" for kind in ("", ".pdf", ".svg"))
BASE_URL = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, str, str]]:
    folder = tmp_path_factory.mktemp("printing")
    world = make_world(folder / "node", f"sqlite:///{folder / 'store.sqlite'}")
    farm, other = world.party("Farm"), world.party("Other")
    world.harvest(farm, "L/1")
    world.publish()
    yield world, farm, other
    world.store.close()


@pytest.fixture
def client(place: tuple[World, str, str]) -> Iterator[FlaskClient]:
    world, farm, _ = place
    with site_of(world) as app:
        yield sign_in(app.test_client(), world.store, world.node, farm)


def test_a_firm_prints_labels_of_its_own_lots_and_nobody_else_does(place: tuple[World, str, str]):
    world, farm, other = place
    with site_of(world) as app:
        for path in (PAGE, PDF, SVG):
            assert app.test_client().get(path).status_code == 303
            stranger = sign_in(app.test_client(), world.store, world.node, other)
            assert stranger.get(path).status_code == 404
            viewer = sign_in(app.test_client(), world.store, world.node, farm, role=Role.VIEWER)
            assert viewer.get(path).status_code == 403
            court = sign_in(app.test_client(), world.store, world.node, other, PartyKind.AUTHORITY)
            assert court.get(path).status_code in {403, 404}


def test_one_press_gives_the_file(client: FlaskClient):
    answer = client.get(PDF, query_string={"paper": "L7165", "start": "7", "serials": "order", "first": "41"})
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert answer.headers["Content-Disposition"] == f"attachment; filename=labels-{GTIN}-L_1.pdf"
    (page,) = pages(answer.data)
    link = f"{BASE_URL}/01/{GTIN}/10/L%2F1/21/0000"
    assert sorted(read(page)) == [f"{link}41", f"{link}42"]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_page_shows_the_label_and_keeps_what_was_typed(client: FlaskClient, lang: str):
    answer = client.get(PAGE, query_string={"paper": "roll-50x30", "count": "40", "lang": lang})
    assert answer.status_code == 200
    assert 'value="roll-50x30" checked' in answer.text
    assert 'name="count" inputmode="numeric" maxlength="9" value="40"' in answer.text
    assert {"en": "40 labels, from place 1", "zh": "40 枚标签，从第 1 位开始"}[lang] in answer.text
    picture = client.get(SVG, query_string={"paper": "roll-50x30", "tongue": lang})
    assert picture.mimetype == "image/svg+xml"
    assert {"en": "Strawberries", "zh": "草莓"}[lang] in picture.text
    assert client.get("/console/papers/L7160.svg").text.count("<rect") == 22
    assert client.get("/console/papers/A7.svg").status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"paper": "A7"},
        {"start": "22"},
        {"start": "0"},
        {"count": "501"},
        {"count": "<b>"},
        {"count": "9" * 30},
        {"serials": "guess"},
        {"tongue": "xx"},
        {"serials": "order", "first": "0"},
    ],
)
def test_what_cannot_be_printed_is_said_and_what_was_typed_stays(client: FlaskClient, wrong: dict[str, str]):
    answer = client.get(PAGE, query_string=wrong)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert "<b>" not in answer.text
    assert client.get(PDF, query_string=wrong).status_code == 400
