"""The web site over a real store: what a page says, in two languages, also when something is wrong."""

from __future__ import annotations

import gzip
import io
import json
import re
import sqlite3
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import zxingcpp
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import delete, select, update

from tests.support.broker import Broker
from tests.support.web import BASE_URL, site_of
from tests.support.world import GTIN, LIMITS, MINUTE_MS, make_world, tell_story
from traceability import media
from traceability.identifiers import Batch
from traceability.ledger import merkle, note, tiles
from traceability.operations.heartbeat import beat
from traceability.store import models
from traceability.store.engine import system_clock
from traceability.verification.policy import parse_policy
from traceability.verification.verdict import check
from webapp import database, i18n
from webapp.consumer import journeys

CLEAR = {"en": "Unchanged since they were recorded", "zh": "自登记以来未被更改"}
MISMATCH = {"en": "Does not match: do not rely on it", "zh": "不一致：请勿采信"}
DOWN = {"en": "Could not check", "zh": "无法核对"}
UNKNOWN = {"en": "No lot with this number was recorded", "zh": "本节点没有登记过这个批号"}
PENDING = {"en": "recorded moments ago and is not in the log yet", "zh": "尚未写入公共日志"}
TOO_LARGE = {"en": "it is not an all-clear", "zh": "也不表示没有问题"}
LANGUAGES = ("en", "zh")
PATH = Batch(GTIN, "L1").path


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder = tmp_path_factory.mktemp("web")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    yield tell_story(world)
    world.store.close()


@pytest.fixture(scope="module")
def site(told):
    with site_of(told.world) as app:
        yield app.test_client()


@pytest.fixture
def fresh(world):
    """A site of its own over one published batch with readings, on either database."""
    batch_with_readings(world)
    with site_of(world) as app:
        yield app.test_client()


@pytest.fixture
def local(tmp_path):
    """The same on SQLite alone, with its world."""
    made = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    batch_with_readings(made)
    with site_of(made) as app:
        yield made, app.test_client()
    made.store.close()


def batch_with_readings(world, **ilmd):
    farm, truck = world.party("Farm"), world.asset("TRUCK1")
    probe = world.device(farm)
    world.install(farm, probe, truck)
    batch = world.harvest(farm, "L1", **ilmd)
    world.event("load", farm, batch, asset=truck)
    for _ in range(3):
        world.wait(minutes=10)
        world.measure(probe, 4.5)
    world.event("unload", farm, batch, asset=truck)
    world.wait(minutes=1)
    world.measure(probe, 4.5)
    world.publish()


class Page(HTMLParser):
    """The links and the text of a page."""

    def __init__(self, html):
        super().__init__()
        self.links, self.lang, self.words = [], None, []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.lang = named["lang"] if tag == "html" else self.lang
        if tag == "a":
            self.links.append(named["href"])

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


def get(site, path, lang="en", status=200):
    answer = site.get(path, query_string={"lang": lang})
    assert answer.status_code == status, answer.text[:500]
    assert Page(answer.text).lang == {"en": "en", "zh": "zh-Hans"}[lang]
    return answer


# What the page says.


def test_the_page_tells_the_journey_in_english(site, told):
    text = Page(get(site, PATH).text).text
    assert "No recall for this lot" in text
    assert "Strawberries" in text
    assert "The batch begins" in text
    assert "Measured between" in text
    assert "2 times outside its limits, the longest" in text
    assert CLEAR["en"] in text
    assert "entered by Farm, signed by the node for it" in text


def test_the_page_tells_the_journey_in_chinese(site):
    page = Page(get(site, PATH, "zh").text)
    told = ("这一批没有召回", "草莓", "批次建立", "有 2 次超出范围", CLEAR["zh"], "Farm（中）")
    for words in told:
        assert words in page.text
    left = [text for text in i18n.catalog("zh") if len(text) > 5 and text in page.text]
    assert left == []


def test_a_harvest_is_told_only_where_the_producer_says_so(tmp_path):
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    farm = world.party("Farm")
    picked_on: dict[str, Any] = {"cbvmda:harvestStartDate": "2026-01-01"}
    world.harvest(farm, "L1", **picked_on)
    world.harvest(farm, "L2")
    world.publish()
    with site_of(world) as app:
        picked, other = (get(app.test_client(), Batch(GTIN, lot).path).text for lot in ("L1", "L2"))
    assert "Harvested" in picked
    assert "Harvested" not in other
    assert "The batch begins" in other
    assert "every temperature" not in other, "nothing was measured, so nothing is said of temperatures"
    world.store.close()


def test_a_single_reading_outside_the_limits_is_not_called_none(tmp_path):
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    farm = world.party("Farm")
    batch, probe = world.harvest(farm, "L1"), world.device(farm)
    world.install(farm, probe, batch)
    world.measure(probe, 9.7)
    world.publish()
    with site_of(world) as app:
        page = get(app.test_client(), PATH).text
    assert "Once outside its limits, for less than 1 min." in page
    assert '<strong class="warn">less than 1 min</strong>' in page
    points = re.search(r'<polyline class="line dot" points="([^"]+)"', page)
    assert points is not None
    assert len(points[1].split()) == 2, "one reading is drawn as a dot"
    assert "Sensor put in" in page
    world.store.close()


def test_an_open_stay_is_still_there_and_its_end_is_not_called_a_gap(tmp_path):
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    farm, truck = world.party("Farm"), world.asset("TRUCK1")
    probe = world.device(farm)
    world.install(farm, probe, truck)
    batch = world.harvest(farm, "L1")
    world.measure(probe, 2.0)
    world.event("load", farm, batch, asset=truck)
    world.wait(minutes=10)
    world.measure(probe, 2.0)
    world.wait(minutes=25)
    world.publish()
    with site_of(world) as app:
        page = get(app.test_client(), PATH).text
        assert "still there" in page
        assert "No gap over 30 min." in page
        assert 'class="unknown"' not in page
        assert "Within its limits (0.0 °C to 5.0 °C) for 100 % of the monitored time." in page
        world.wait(minutes=10)
        world.publish()
        world.event("ship", farm, batch)
        world.publish()
        page = get(app.test_client(), PATH).text
        assert "the longest gap 35 min" in page
        assert 'class="unknown"' in page
    world.store.close()


def test_the_end_of_a_stay_without_data_is_a_gap_once_the_batch_has_left(tmp_path):
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    farm, truck = world.party("Farm"), world.asset("TRUCK1")
    probe = world.device(farm)
    world.install(farm, probe, truck)
    batch = world.harvest(farm, "L1")
    world.measure(probe, 2.0)
    world.event("load", farm, batch, asset=truck)
    world.wait(minutes=20)
    world.event("unload", farm, batch, asset=truck)
    world.publish()
    with site_of(world) as app:
        assert "the longest gap 20 min" in get(app.test_client(), PATH).text
    world.store.close()


def test_a_sensor_packed_with_the_goods_is_on_the_page(tmp_path):
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    farm = world.party("Farm")
    batch = world.harvest(farm, "L1")
    probe = world.device(farm)
    world.install(farm, probe, batch)
    world.wait(minutes=5)
    world.measure(probe, 3.7)
    world.publish()
    with site_of(world) as app:
        text = Page(get(app.test_client(), PATH).text).text
        assert "Measured: 3.7 °C." in text
        assert "Sensor packed with the goods" in text
        assert "0 % of the monitored time" not in text
        assert "Signed messages of sensors: 1; sensors: 1" in text
        assert "All of the sensors’ messages were signed before" in text
        world.wait(minutes=10)
        world.measure(probe, 9.0, beacon=world.beacon())
        world.wait(minutes=600)
        world.remove(farm, probe)
        world.event("sell", farm, batch)
        world.publish()
        text = Page(get(app.test_client(), PATH).text).text
        assert "Measured between 3.7 °C and 9.0 °C." in text
        assert "Once outside its limits" in text
        assert "the longest gap 10 h 0 min" in text
        assert "Of 2 messages of sensors, 1 were signed after 1 Jan 2026, 00:05 and before" in text
        assert "known to within 10 h 11 min. Of the others only the end is known." in text
        assert (
            "2 条消息中，有 1 条是在 2026年1月1日 00:05 之后"
            in Page(get(app.test_client(), PATH, "zh").text).text
        )
    world.store.close()


@pytest.mark.parametrize(
    ("lang", "said"), [("en", "mean kinetic temperature 4.5 °C"), ("zh", "平均动力学温度 4.5 °C")]
)
def test_what_is_estimated_is_said_as_such_where_the_product_is_known(tmp_path, lang, said):
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    batch_with_readings(world, **{"ft:temperature": LIMITS | {"profile": "fresh-fish"}})
    with site_of(world) as app:
        assert said in Page(get(app.test_client(), PATH, lang).text).text
    world.store.close()


def test_hidden_parts_are_not_on_the_page_nor_in_the_log(site, told):
    shown = get(site, PATH).text
    size = int(site.get("/log/checkpoint").text.splitlines()[1])
    entries = b"".join(read_entries(site, size))
    for words in ("KGM", "Strawberries", "草莓"):
        assert words not in entries.decode("utf-8")
    assert "KGM" not in shown


# What it says when something is wrong.


@pytest.mark.parametrize("lang", LANGUAGES)
def test_an_unknown_lot_is_told_in_plain_words(site, lang):
    page = get(site, Batch(GTIN, "l1").path, lang, 404).text
    assert UNKNOWN[lang] in page
    assert "l1</bdi>" in page
    assert CLEAR[lang] not in page


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    "path",
    [
        "/01/9520000000011/10/L1",
        "/01/09520000000012/10/L1",
        "/01/0952000000001X/10/L1",
        f"/01/{GTIN}/10/{'x' * 21}",
        f"/01/{GTIN}/10/%C3%A9",
        f"/01/{GTIN}/10/..%00",
        f"/01/{GTIN}/10/",
        f"/01/{GTIN}",
        "/01/x/y/z",
        f"/qr/01/{GTIN}/10/{'x' * 21}.png",
        "/bundle/01/1/10/L1",
    ],
)
def test_a_broken_address_is_400_and_says_what_a_code_looks_like(site, path, lang):
    page = get(site, path, lang, 400).text
    assert {"en": "Its last digit is computed from the others", "zh": "最后一位由其余各位计算得出"}[
        lang
    ] in page


def test_a_wrong_check_digit_is_named(site):
    assert "has check digit 2, it should be 1" in unescape(
        get(site, "/01/09520000000012/10/L1", status=400).text
    )


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_batch_that_is_not_in_the_log_yet_says_so_and_is_not_listed(world, fresh, lang):
    world.harvest(world.party("Other"), "L2")
    answer = get(fresh, Batch(GTIN, "L2").path, lang, 503)
    assert PENDING[lang] in answer.text
    assert int(answer.headers["Retry-After"]) > 0
    assert [p for p in Page(get(fresh, "/").text).links if p.startswith("/01/")] == [f"{PATH}?lang=en"]
    world.publish()
    get(fresh, Batch(GTIN, "L2").path, lang)
    assert len([p for p in Page(get(fresh, "/").text).links if p.startswith("/01/")]) == 2


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_lot_too_large_to_be_checked_is_neither_cleared_nor_called_false(local, monkeypatch, lang):
    monkeypatch.setattr(journeys, "MAX_BYTES", 1_000)
    for path in (PATH, f"/bundle{PATH}"):
        answer = get(local[1], path, lang, 503)
        assert answer.headers["Retry-After"] == "600"
        assert TOO_LARGE[lang] in answer.text
        assert "L1" in Page(answer.text).text
        assert not [words for words in (CLEAR, MISMATCH) if words[lang] in answer.text]


def assert_down(site):
    for path in (PATH, "/", f"/bundle{PATH}", "/log/checkpoint"):
        for lang in LANGUAGES:
            answer = get(site, path, lang, 503)
            assert DOWN[lang] in answer.text
            assert CLEAR[lang] not in answer.text
            assert "Strawberries" not in answer.text
            assert "Retry-After" in answer.headers
    assert b"%PNG"[1:] in site.get(f"/qr{PATH}.png").data[:8]


def test_a_database_file_that_is_gone_is_told_and_not_made_anew(tmp_path):
    file = tmp_path / "node.sqlite"
    world = make_world(tmp_path / "node", f"sqlite:///{file}")
    batch_with_readings(world)
    world.store.close()
    with site_of(world) as app:
        get(app.test_client(), "/")
        for path in tmp_path.glob("node.sqlite*"):
            path.rename(tmp_path / f"away-{path.name}")
        assert_down(app.test_client())
        assert not file.exists()
        file.write_bytes(b"not a database at all" * 100)
        assert_down(app.test_client())
        for path in tmp_path.glob("away-node.sqlite*"):
            path.rename(tmp_path / path.name.removeprefix("away-"))
        assert CLEAR["en"] in get(app.test_client(), PATH).text


def test_a_locked_database_is_told_and_not_waited_for_long(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "PATIENCE_S", 0)
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    batch_with_readings(world)
    world.store.close()
    holder = sqlite3.connect(tmp_path / "node.sqlite", isolation_level=None)
    with site_of(world) as app:
        for statement in ("PRAGMA locking_mode=EXCLUSIVE", "BEGIN EXCLUSIVE"):
            holder.execute(statement)
        assert_down(app.test_client())
        holder.close()
        get(app.test_client(), PATH)


def test_a_stopped_database_server_is_told_and_its_return_is_noticed(tmp_path, postgres):
    with postgres.fresh_database() as url:
        world = make_world(tmp_path / "node", url)
        batch_with_readings(world)
        world.store.close()
        with site_of(world) as app:
            get(app.test_client(), PATH)
            postgres.stop()
            try:
                assert_down(app.test_client())
                health = app.test_client().get("/healthz")
                assert health.get_json()["parts"]["store"]["ok"] is False
                assert "socket" not in health.text
            finally:
                postgres.start()
            assert CLEAR["en"] in get(app.test_client(), PATH).text


def flip(data, at=-1):
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


def tampered(world, change):
    """Change rows behind the node's back."""
    with world.store.transaction() as tx:
        change(tx.connection)


def a_statement(connection, media_type):
    """The oldest of a frame, or of an event on a batch: the one that made it known."""
    record = models.Record
    query = select(models.Statement.sha256, models.Statement.body).join(record).order_by(record.time_ms)
    if media_type == media.EVENT:
        query = query.where(record.stream.in_(select(models.Batch.stream)))
    return connection.execute(query.where(record.media_type == media_type)).first()


def change_body(media_type, edit):
    def change(connection):
        table, row = models.Statement, a_statement(connection, media_type)
        query = update(table).where(table.sha256 == row.sha256)
        connection.execute(query.values(body=edit(row.body)))

    return change


def change_disclosure(connection):
    table = models.Disclosures
    event = a_statement(connection, media.EVENT).sha256
    texts = connection.execute(select(table.texts).where(table.statement == event)).scalar_one()
    changed = texts[:-2] + ("A" if texts[-2] != "A" else "B") + texts[-1]
    connection.execute(update(table).where(table.statement == event).values(texts=changed))


def change_time(connection):
    connection.execute(update(models.Record).where(models.Record.seq == 1).values(time_ms=1))


def drop_record(connection):
    record = models.Record
    row = connection.execute(select(record).where(record.media_type == media.FRAME)).first()
    connection.execute(delete(record).where(record.stream == row.stream, record.seq == row.seq))


TAMPERINGS = {
    "a bit of a frame": change_body(media.FRAME, flip),
    "a bit of a frame's reading": change_body(media.FRAME, lambda b: flip(b, len(b) // 2)),
    "a frame cut short": change_body(media.FRAME, lambda b: b[:10]),
    "a frame emptied": change_body(media.FRAME, lambda b: b""),
    "a bit of an event": change_body(media.EVENT, flip),
    "an event that is no text": change_body(media.EVENT, lambda b: b"\xff\xfe" + b),
    "a disclosure": change_disclosure,
    "a record's time": change_time,
    "a record gone": drop_record,
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_tampered_store_is_told_and_nothing_of_the_journey_is_shown(local, name):
    world, fresh = local
    assert CLEAR["en"] in get(fresh, PATH).text
    tampered(world, TAMPERINGS[name])
    world.harvest(world.party("Other"), "L2")
    world.publish() if name != "a record's time" else fresh.application.extensions["journeys"]._kept.clear()
    for lang in LANGUAGES:
        answer = get(fresh, PATH, lang, 200)
        assert MISMATCH[lang] in answer.text
        assert "no-store" in answer.headers["Cache-Control"]
        for words in (CLEAR[lang], "Farm", "4.5", "TRUCK1", "The batch begins", "批次建立"):
            assert words not in answer.text
        get(fresh, "/", lang)
    proof = fresh.get(f"/bundle{PATH}")
    assert proof.status_code == 500 or check(proof.data, world.node.policy).exit_code == 1


# Languages and links.


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    "start",
    [PATH, "/", Batch(GTIN, "NOPE").path, "/01/1/10/x", "/nothing", f"/?gtin=1&lot=x%2Fy&lang={'%s'}"],
)
def test_every_link_to_a_page_keeps_the_language(site, start, lang):
    address = start.replace("%s", lang) if "%s" in start else f"{start}?lang={lang}"
    page = Page(site.get(address).text)
    other = [link for link in page.links if "lang=" + ("zh" if lang == "en" else "en") in link]
    assert len(other) == 1
    assert urlsplit(other[0]).path == (urlsplit(start).path if start != "/nothing" else "/")
    assert "x%2Fy" not in start or parse_qs(urlsplit(other[0]).query)["lot"] == ["x/y"]
    assert len(page.links) > 2
    for link in set(page.links) - set(other):
        assert urlsplit(link).netloc == ""
        if link.startswith("#"):
            continue
        answer = site.get(link)
        assert answer.status_code in {200, 404, 400}, link
        if answer.mimetype == "text/html":
            assert parse_qs(urlsplit(link).query)["lang"] == [lang], link


def test_the_browsers_language_is_used_and_nothing_is_remembered(site):
    answer = site.get(PATH, headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    assert Page(answer.text).lang == "zh-Hans"
    assert answer.headers["Content-Language"] == "zh"
    assert "Accept-Language" in answer.headers["Vary"]
    assert "Set-Cookie" not in answer.headers
    assert Page(site.get(PATH, query_string={"lang": "xx"}).text).lang == "en"


@pytest.mark.parametrize(
    ("gtin", "lot"),
    [(GTIN, "L1"), (GTIN[1:], "L1"), (f" {GTIN[:4]} {GTIN[4:]} ", " L1 "), ("０" + GTIN[1:], "Ｌ１")],
)
def test_a_code_typed_in_by_hand_leads_to_its_page(site, gtin, lot):
    answer = site.get("/", query_string={"gtin": gtin, "lot": lot, "lang": "zh"})
    assert (answer.status_code, answer.location) == (303, f"{PATH}?lang=zh")


def test_what_was_typed_wrongly_stands_in_the_form_again(site):
    page = site.get("/", query_string={"gtin": "123", "lot": 'a"<b'}).text
    assert 'value="123"' in page
    assert 'value="a&#34;&lt;b"' in page


def test_an_empty_node_says_what_to_do_first(tmp_path):
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    with site_of(world) as app:
        for lang, words in (
            ("en", "No product has been recorded here yet"),
            ("zh", "这里还没有任何产品记录"),
        ):
            assert words in get(app.test_client(), "/", lang).text
    world.store.close()


# The code for a label, the proof, the policy.


@pytest.mark.parametrize("lot", ["L1", "a/../b%2F", "\"<&'>+?", "_" * 20])
def test_the_qr_code_is_the_pages_address_and_nothing_more(site, lot):
    path = Batch(GTIN, lot).path
    png = site.get(f"/qr{path}.png?lang=zh")
    picture = Image.open(io.BytesIO(png.data)).convert("L")
    half = picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.BILINEAR)
    for shown in (picture, half, picture.rotate(90), picture.rotate(17, expand=True, fillcolor=255)):
        (code,) = zxingcpp.read_barcodes(shown)
        assert code.text == BASE_URL + path
        assert code.ec_level == "Q"
    assert (png.mimetype, png.headers["Cache-Control"]) == ("image/png", "public, max-age=86400")
    svg = site.get(f"/qr{path}.svg")
    assert (svg.mimetype, svg.headers["Cache-Control"]) == ("image/svg+xml", "public, max-age=86400")
    assert svg.text.count("<path") == 1


def test_the_proof_is_verified_offline_with_the_nodes_policy(site, told):
    proof = site.get(f"/bundle{PATH}")
    assert proof.mimetype == media.BUNDLE
    assert proof.headers["Content-Disposition"] == f"attachment; filename={GTIN}-L1.bundle.json"
    assert check(proof.data, parse_policy(site.get("/policy").text)).exit_code == 0
    page = get(site, PATH).text
    assert f"traceability verify {GTIN}-L1.bundle.json --policy policy" in page


# The log.


def read_entries(site, size):
    """All entries below a size, by a client that knows only the C2SP paths."""
    for first in range(0, size, 256):
        width = min(256, size - first)
        path = tiles.entries_path(first // 256, width)
        yield from tiles.parse_bundle(site.get(f"/log/{path}").data)


def read_checkpoint(site, policy):
    answer = site.get("/log/checkpoint")
    assert (answer.mimetype, answer.headers["Cache-Control"]) == ("text/plain", "no-cache")
    signed = note.parse_note(answer.data)
    note.verify(signed, [policy.log])
    return note.parse_checkpoint(signed.text)


def test_a_stranger_reads_the_whole_log_and_comes_to_the_signed_root(site, told):
    policy = told.world.node.policy
    checkpoint = read_checkpoint(site, policy)
    entries = list(read_entries(site, checkpoint.size))
    hashes = [merkle.leaf_hash(e) for e in entries]
    assert merkle.root(hashes) == checkpoint.root
    with told.world.store.reading() as connection:
        published = connection.execute(select(models.Checkpoint.size)).scalars().all()
    assert len(published) > 3
    for size in published:
        got = site.get(f"/log/{tiles.tile_path(0, 0, size)}")
        assert got.data == b"".join(hashes[:size])
        assert set(got.headers["Cache-Control"].split(", ")) == {"public", "max-age=31536000", "immutable"}
    for path in (tiles.tile_path(0, 0, checkpoint.size + 1), tiles.entries_path(0, checkpoint.size + 1)):
        assert site.get(f"/log/{path}").status_code == 404


def check_kept_for_ever(site, address):
    """What tlog-tiles asks for, so that a cache in front may answer: long-lived, the same for everybody."""
    entries = "entries" in address
    plain = site.get(address)
    packed = site.get(address, headers={"Accept-Encoding": "gzip", "Cookie": "a=b", "Accept-Language": "zh"})
    for answer in (plain, packed):
        assert answer.headers["Content-Type"] == "application/octet-stream"
        kept = set(answer.headers["Cache-Control"].split(", "))
        assert kept == {"public", "max-age=31536000", "immutable"}
        assert "Set-Cookie" not in answer.headers
        assert answer.headers.get("Vary") == ("Accept-Encoding" if entries else None)
    assert packed.content_encoding == ("gzip" if entries else None)
    assert (gzip.decompress(packed.data) if entries else packed.data) == plain.data


def test_whole_tiles_and_their_partial_forms_agree(tmp_path):
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    farm, truck = world.party("Farm"), world.asset("TRUCK1")
    probe = world.device(farm)
    world.install(farm, probe, truck)
    bodies = []
    for _ in range(300):
        world.wait(minutes=1)
        bodies.append(world.frame(probe, 4.0))
    world.take(probe, *bodies)
    world.publish()
    with site_of(world) as app:
        site = app.test_client()
        checkpoint = read_checkpoint(site, world.node.policy)
        hashes = [merkle.leaf_hash(e) for e in read_entries(site, checkpoint.size)]
        assert merkle.root(hashes) == checkpoint.root
        whole = site.get("/log/tile/0/000").data
        assert whole == b"".join(hashes[:256])
        for width in (1, 17, 255):
            assert site.get(f"/log/tile/0/000.p/{width}").data == whole[: 32 * width]
        assert site.get("/log/tile/1/000.p/1").data == merkle.root(hashes[:256])
        rest = checkpoint.size - 256
        assert site.get(f"/log/tile/0/001.p/{rest}").data == b"".join(hashes[256:])
        for path in (f"tile/0/001.p/{rest + 1}", "tile/0/001", "tile/1/000.p/2", "tile/2/000.p/1"):
            answer = site.get(f"/log/{path}")
            assert (answer.status_code, answer.headers["Cache-Control"]) == (404, "no-store"), path
        for path in ("0/000", "0/000.p/9", f"0/001.p/{rest}", "1/000.p/1", "entries/000", "entries/000.p/9"):
            check_kept_for_ever(site, f"/log/tile/{path}")
        kind = site.get("/log/checkpoint").headers["Content-Type"]
        assert kind == "text/plain; charset=utf-8"
    world.store.close()


# Health and metrics.


@pytest.fixture(scope="module")
def broker():
    running = Broker()
    running.start()
    yield running
    running.close()


@pytest.fixture
def watched(tmp_path, broker):
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    batch_with_readings(world)
    world.now[0] = system_clock()
    for program in ("gateway", "publisher"):
        beat(world.store, program, {"error": None})
    with site_of(world, mqtt_url=broker.url) as app:
        yield world, app.test_client()
    world.store.close()


def broken_parts(site):
    answer = site.get("/healthz")
    parts = answer.get_json()["parts"]
    wrong = {name for name, part in parts.items() if not part["ok"]}
    assert parts.keys() == {"broker", "gateway", "publisher", "store"}
    assert answer.status_code == (503 if wrong else 200)
    assert answer.get_json()["ok"] is not bool(wrong)
    assert all(parts[name]["error"] for name in wrong)
    return wrong


def test_healthy_is_200_with_ages_that_alone_never_make_it_fail(watched):
    _, site = watched
    assert broken_parts(site) == set()
    parts = site.get("/healthz").get_json()["parts"]
    assert parts["gateway"]["newest_frame_age_s"] > 86_400
    assert parts["publisher"]["newest_checkpoint_age_s"] > 86_400


@pytest.mark.parametrize("program", ["gateway", "publisher"])
def test_a_program_that_is_silent_hindered_or_never_ran_is_named(watched, program):
    world, site = watched
    beat(world.store, program, {"error": "store-unavailable"})
    assert broken_parts(site) == {program}
    for away_ms in (-MINUTE_MS, MINUTE_MS):
        world.now[0] = system_clock() + away_ms
        beat(world.store, program, {"error": None})
        assert broken_parts(site) == {program}
    tampered(world, lambda c: c.execute(delete(models.Heartbeat).where(models.Heartbeat.program == program)))
    assert broken_parts(site) == {program}
    world.now[0] = system_clock()
    beat(world.store, program, {"error": None})
    assert broken_parts(site) == set()


def test_a_stopped_broker_is_named(watched, broker):
    _, site = watched
    broker.stop()
    try:
        assert broken_parts(site) == {"broker"}
    finally:
        broker.start()
    assert broken_parts(site) == set()


def read_metrics(site):
    answer = site.get("/metrics")
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.text)
    return {(s.name, *sorted(s.labels.values())): s.value for f in families for s in f.samples}


def test_metrics_are_prometheus_and_add_up(site, told):
    values = read_metrics(site)
    outcomes = {key[1]: value for key, value in values.items() if key[0] == "ft_messages_total"}
    assert outcomes.keys() == {"accepted", "duplicate", "rejected", "quarantined", "flooded"}
    assert values["ft_messages_received_total",] == sum(outcomes.values())
    assert min(outcomes["accepted"], outcomes["duplicate"], outcomes["quarantined"]) > 0
    assert sum(v for k, v in values.items() if k[0] == "ft_quarantined") > 0
    assert values["ft_log_size",] == int(site.get("/log/checkpoint").text.splitlines()[1])
    assert values["ft_up", "store"] == 1
    assert values["ft_up", "publisher"] == 0


def test_without_the_store_health_and_metrics_still_answer(watched, tmp_path):
    _, site = watched
    for path in tmp_path.glob("node.sqlite*"):
        path.rename(tmp_path / f"away-{path.name}")
    assert "store" in broken_parts(site)
    assert "broker" not in broken_parts(site)
    assert "node.sqlite" not in json.dumps(site.get("/healthz").get_json())
    assert read_metrics(site) == {("ft_up", "store"): 0}
