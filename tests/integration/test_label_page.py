"""The page behind the QR code compares the code on a label with the records that it shows."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.web import site_of
from tests.support.world import GTIN, World, make_world
from traceability.identifiers import Batch
from traceability.ledger.tracecode import TraceCode, trace_code
from traceability.operations.tracecode import read_trace_code

PATH = Batch(GTIN, "L1").path
FITS, NO = {"en": "It fits.", "zh": "一致。"}, {"en": "do not rely on this page", "zh": "请勿采信本页"}
NO_CODE = {"en": "not a trace code", "zh": "不是溯源码"}
CLEAR, UNCHECKED = "No recall for this lot", "Could not check whether this lot is recalled"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("label")
    made = make_world(folder / "node", f"sqlite:///{folder}/node.sqlite")
    farm = made.party("Farm")
    made.harvest(farm, "L1", "L2")
    made.event("ship", farm, made.batch("L1"))
    made.publish()
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def site(world: World) -> Iterator[FlaskClient]:
    with site_of(world) as app:
        yield app.test_client()


def code_of(world: World, lot: str, at: int | None = None) -> TraceCode:
    with world.store.reading() as connection:
        return read_trace_code(connection, world.node, world.batch(lot), world.now_ms, at)


def page(site: FlaskClient, code: str | None = None, lang: str = "en") -> str:
    typed: dict[str, Any] = {} if code is None else {"code": code}
    answer = site.get(PATH, query_string={"lang": lang} | typed)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    return unescape(answer.text)


def test_the_code_to_print_stands_beside_the_qr_code(world: World, site: FlaskClient):
    text = code_of(world, "L1").text
    assert text.startswith("2-")
    assert f'<span class="code">{text}</span>' in page(site)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_label_of_these_records_fits_however_it_is_typed(world: World, site: FlaskClient, lang: str):
    for at in (1, 2):
        text = code_of(world, "L1", at).text
        for typed in (text, text.lower().replace("-", " "), f" {text.replace('0', 'O')}"):
            said = page(site, typed, lang)
            assert FITS[lang] in said
            assert NO[lang] not in said
            assert NO_CODE[lang] not in said


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_another_chain_is_told_plainly_and_gives_no_all_clear(world: World, site: FlaskClient, lang: str):
    for other in (code_of(world, "L2"), trace_code(2, bytes(32)), trace_code(3, bytes(32))):
        said = page(site, other.text, lang)
        assert NO[lang] in said
        assert FITS[lang] not in said
        assert 'class="card good"' not in said
    assert 'class="card good"' in page(site, lang=lang)
    assert (CLEAR in page(site), UNCHECKED in page(site, other.text)) == (True, True)
    assert CLEAR not in page(site, other.text)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_what_is_no_code_is_refused_with_what_was_expected(world: World, site: FlaskClient, lang: str):
    text = code_of(world, "L1").text
    for typed in (text[:-1], "U" + text[1:], f"{text}<b>", "x" * 500):
        said = page(site, typed, lang)
        assert NO_CODE[lang] in said
        assert {"en": "eight groups of four", "zh": "八组（每组四个）"}[lang] in said
        assert FITS[lang] not in said
        assert NO[lang] not in said
    assert NO_CODE[lang] not in page(site, " ", lang)
    raw = site.get(PATH, query_string={"code": '"><b>'}).text
    assert '"><b>' not in raw


def test_what_one_visitor_typed_is_not_shown_to_the_next(world: World, site: FlaskClient):
    before = page(site)
    typed = page(site, trace_code(7, bytes(32)).text)
    assert "7-0000" in typed
    assert page(site) == before
    assert "7-0000" not in before


def test_the_other_language_keeps_the_code(world: World, site: FlaskClient):
    text = code_of(world, "L1").text
    assert f"code={text}&lang=zh" in page(site, text) or f"lang=zh&code={text}" in page(site, text)
