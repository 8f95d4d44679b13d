"""The console of firms, by requests alone: recorded in three screens, corrected, listed; nobody else's."""

from __future__ import annotations

import csv
import io
import re
from html import unescape

import pytest
from PIL import Image
from sqlalchemy import func, select

from tests.support.people import form, sign_in
from tests.support.web import site_of
from tests.support.world import GTIN, make_world
from traceability.operations.accounts.roles import PartyKind, Role
from traceability.operations.audit import audit
from traceability.operations.deposit import deposit, describe
from traceability.store import models
from traceability.supply.notice import Purpose

PRODUCT = {"name_en": "Strawberries", "name_zh": "草莓", "number": GTIN, "low_c": "0", "high_c": "5"}
PRODUCT |= {"gap_min": "30", "days": "7", "uom": "KGM", "profile": "", "picture": ""}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("console")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    parties = {name: world.party(name) for name in ("Farm", "Shop", "Court")}
    with site_of(world) as app:
        yield world, app, parties
    world.store.close()


@pytest.fixture
def farm(place):
    world, app, parties = place
    return sign_in(app.test_client(), world.store, world.node, parties["Farm"])


def fields_in(page: str) -> dict[str, str]:
    """What a form would send as it stands."""
    main = page[page.index("<main") :]
    found = {}
    for tag in re.findall(r"<input[^>]*>", main):
        got = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        if "name" in got and got.get("type") not in {"file", "checkbox"}:
            found[got["name"]] = unescape(got.get("value", ""))
    for name, body in re.findall(r'<select name="(\w+)"[^>]*>(.*?)</select>', main, re.DOTALL):
        options = re.findall(r'<option value="([^"]*)"( selected)?', body)
        chosen = next((v for v, selected in options if selected), options[0][0] if options else "")
        found[name] = unescape(chosen)
    return found


def keep(client, kind, fields, path="new"):
    return client.post(f"/console/{kind}/{path}?lang=en", data=form(client, **fields))


def do(client, address, **changes):
    """Open a form, change some fields, sign it."""
    page = client.get(address)
    assert page.status_code == 200, page.text
    sent = fields_in(page.text) | {"sign": "1"} | changes
    return client.post(address.partition("?")[0] + "?lang=en", data=form(client, **sent))


def harvest(client, lot, quantity="100"):
    answer = do(client, f"/console/record/harvest?gtin={GTIN}", lot=lot, quantity=quantity)
    assert answer.status_code == 303, answer.text
    return answer


def count(world):
    with world.store.reading() as connection:
        return connection.execute(select(func.count()).select_from(models.Record)).scalar_one()


@pytest.fixture
def product(place, farm):
    assert keep(farm, "products", PRODUCT).status_code == 303
    return GTIN


def test_an_empty_console_says_what_to_do_first(place):
    world, app, parties = place
    client = sign_in(app.test_client(), world.store, world.node, parties["Shop"])
    page = client.get("/console?lang=en").text
    assert page.index("Name what you grow") < page.index("Name where you are") < page.index("first harvest")
    for kind in ("products", "places", "assets"):
        assert "Name " in client.get(f"/console/{kind}?lang=en").text
    assert "No batch is recorded yet" in client.get("/console/batches?lang=en").text
    assert client.get("/console/record?lang=zh").status_code == 200


def test_a_step_is_recorded_in_three_screens_and_seen_by_all(place, farm, product):
    world, app, parties = place
    assert keep(
        farm, "places", {"name_en": "Shed", "name_zh": "库", "region_en": "Dali", "region_zh": "大理"}
    )
    harvest(farm, "A-1")
    first = farm.get("/console/record?lang=en")
    assert "A-1" in first.text
    assert "wasm-unsafe-eval" in first.headers["Content-Security-Policy"]
    second = farm.get(f"/console/record/step?code=%5DC101{GTIN}10A-1&lang=en")
    assert second.text.index(">Cool<") < second.text.index(">Ship<")
    assert "left: 100 kg" in second.text
    assert "wasm" not in second.headers["Content-Security-Policy"]
    assert second.headers["Permissions-Policy"].startswith("camera=()")
    address = f"/console/record/ship?code={GTIN}/A-1&lang=en"
    third = farm.get(address)
    assert 'value="100"' in third.text
    sees = third.text[third.text.index('id="sees"') :]
    assert sees.index("Everybody") < sees.index("Dali") < sees.index("Also partners") < sees.index("Quantity")
    answer = do(farm, address, quantity="40", partner=parties["Shop"])
    assert answer.status_code == 303
    page = farm.get(answer.location).text
    assert "Recorded: Shipped." in page
    assert "60 kg" in page
    assert "Show temperature and places" in page
    assert "No temperature" not in page, "who has just recorded something waits for no check of everything"
    world.publish()
    assert "Shipped" in app.test_client().get(f"/01/{GTIN}/10/A-1?lang=en").text


def test_what_was_entered_last_is_offered(place, farm, product):
    _, _, parties = place
    harvest(farm, "LAST-1")
    do(farm, f"/console/record/ship?code={GTIN}/LAST-1", quantity="1", partner=parties["Court"])
    offered = fields_in(farm.get(f"/console/record/ship?code={GTIN}/LAST-1").text)
    assert offered["partner"] == parties["Court"]
    assert (offered["quantity"], offered["uom"]) == ("99", "KGM")


def test_a_form_sent_twice_records_once_and_another_under_its_name_is_refused(place, farm, product):
    world, _, _ = place
    harvest(farm, "TWICE")
    address = f"/console/record/pack?code={GTIN}/TWICE"
    sent = fields_in(farm.get(address).text) | {"sign": "1"}
    first = farm.post("/console/record/pack", data=form(farm, **sent))
    before = count(world)
    again = farm.post("/console/record/pack", data=form(farm, **sent))
    assert (first.status_code, again.status_code) == (303, 303)
    assert count(world) == before
    other = farm.post("/console/record/pack", data=form(farm, **sent | {"quantity": "7"}))
    assert other.status_code == 409
    assert count(world) == before


def test_more_than_is_left_is_warned_of_once_and_then_signed(place, farm, product):
    world, _, _ = place
    harvest(farm, "OVER", "10")
    before = count(world)
    answer = do(farm, f"/console/record/ship?code={GTIN}/OVER&lang=en", quantity="11")
    assert answer.status_code == 409
    assert "more than you have left" in answer.text
    assert count(world) == before
    sent = fields_in(answer.text)
    assert sent["quantity"] == "11"
    assert farm.post("/console/record/ship", data=form(farm, **sent)).status_code == 303
    assert count(world) == before + 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"quantity": "a lot"}, "A number such as"),
        ({"quantity": "-1"}, "A number such as"),
        ({"quantity": "1e9999"}, "A number such as"),
        ({"at": "yesterday"}, "A time such as"),
        ({"at": ""}, "This is needed"),
        ({"event_id": "mine"}, "open it again"),
        ({"at": "2999-01-01T00:00:00"}, "future"),
        ({"offset": "+99:99", "at": "x"}, "A time such as"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_what_was_typed_stays(place, farm, product, changes, said):
    world, _, _ = place
    if "WRONG" not in farm.get("/console/batches?q=WRONG").text:
        harvest(farm, "WRONG", "10")
    before = count(world)
    answer = do(farm, f"/console/record/pack?code={GTIN}/WRONG&lang=en", **changes)
    assert answer.status_code in {400, 409}
    assert said in answer.text
    assert fields_in(answer.text)["code"] == f"{GTIN}/WRONG"
    assert count(world) == before


def test_a_mistake_is_taken_back_or_put_right_in_one_flow(place, farm, product):
    world, app, _ = place
    harvest(farm, "FIX", "100")
    world.wait(minutes=1)
    do(farm, f"/console/record/ship?code={GTIN}/FIX", quantity="90")
    page = farm.get(f"/console/batches/01/{GTIN}/10/FIX?lang=en").text
    link = unescape(re.findall(r'href="(/console/correct\?[^"]+)"', page)[0])
    shown = farm.get(link)
    assert "It never happened" in shown.text
    sent = fields_in(shown.text) | {"instead": "1", "quantity": "9"}
    preview = farm.post("/console/correct?lang=en", data=form(farm, **{**sent, "check": "1"}))
    assert preview.status_code == 200, preview.text
    answer = farm.post("/console/correct?lang=en", data=form(farm, **sent))
    assert answer.status_code == 303, answer.text
    page = farm.get(answer.location).text
    assert "Put right." in page
    assert "91 kg" in page
    assert "was an error" in page
    link = unescape(re.findall(r'href="(/console/correct\?[^"]+)"', page)[0])
    sent = fields_in(farm.get(link).text) | {"undo": "1"}
    answer = farm.post("/console/correct?lang=en", data=form(farm, **sent))
    assert answer.status_code == 303
    assert "100 kg" in farm.get(answer.location).text
    world.publish()
    assert app.test_client().get(f"/01/{GTIN}/10/FIX").status_code == 200


def test_something_is_made_of_others(place, farm, product):
    harvest(farm, "IN-1", "50")
    changes = {"input0": f"{GTIN}/IN-1", "amount0": "20", "unit0": "KGM", "lot": "JAM", "quantity": "15"}
    answer = do(farm, f"/console/record/make?code={GTIN}/IN-1&lang=en", **changes)
    assert answer.status_code == 303, answer.text
    assert "30 kg" in farm.get(f"/console/batches/01/{GTIN}/10/IN-1?lang=en").text


def test_a_batch_goes_into_a_room_and_comes_out_of_the_one_it_is_in(place, farm, product):
    world, _, parties = place
    keep(farm, "assets", {"name_en": "Room", "name_zh": "冷库", "number": "ROOM-1"})
    world.install(parties["Farm"], world.device(parties["Farm"]), world.asset("ROOM-1"))
    harvest(farm, "COLD")
    answer = do(farm, f"/console/record/store?code={GTIN}/COLD", asset=world.asset("ROOM-1"))
    assert answer.status_code == 303, answer.text
    second = farm.get(f"/console/record/step?code={GTIN}/COLD&lang=en").text
    assert "Record first that it left" in second
    world.wait(minutes=1)
    assert do(farm, f"/console/record/retrieve?code={GTIN}/COLD").status_code == 303


@pytest.mark.parametrize(
    ("code", "said"),
    [("nonsense", "14 digits"), (f"{GTIN}/NOPE-{'x' * 30}", "no lot"), ("09520000000012/X", "check digit")],
)
def test_a_code_that_names_nothing_keeps_what_was_typed(farm, product, code, said):
    answer = farm.get("/console/record/step", query_string={"code": code, "lang": "en"})
    assert answer.status_code == 400
    assert said in answer.text
    assert fields_in(answer.text)["code"] == code


def test_where_the_decoder_was_not_fetched_the_page_says_so_and_how_to_get_it(
    place, farm, tmp_path, monkeypatch
):
    _, app, _ = place
    monkeypatch.setattr(app, "static_folder", str(tmp_path))
    page = farm.get("/console/record?lang=en").text
    assert "make scanner" in page
    assert "zxing" not in page
    assert 'name="code"' in page


def test_a_code_of_an_own_product_begins_a_batch_and_a_stranger_s_lot_does_not(farm, product):
    answer = farm.get(f"/console/record/step?code={GTIN}/NEW-1")
    assert answer.status_code == 303
    assert "/console/record/harvest" in answer.location
    assert fields_in(farm.get(answer.location).text)["lot"] == "NEW-1"
    answer = farm.get("/console/record/step?code=09520000000028/X")
    assert answer.status_code == 400


def test_a_lot_that_nobody_recorded_here_is_received_once_the_firm_says_that_it_is_new(place, product):
    world, app, parties = place
    shop = sign_in(app.test_client(), world.store, world.node, parties["Shop"], PartyKind.RETAILER)
    code = "09520000000028/FOREIGN"
    answer = shop.get("/console/record/step", query_string={"code": code, "lang": "en"})
    assert answer.status_code == 400
    link = unescape(re.findall(r'href="(/console/record/receive[^"]+)"', answer.text)[0])
    before = count(world)
    unsaid = do(shop, link, quantity="7", uom="KGM")
    assert unsaid.status_code == 400
    assert "Say that it is new here" in unsaid.text
    assert count(world) == before
    assert do(shop, link, quantity="7", uom="KGM", arrives="1").status_code == 303
    assert count(world) == before + 1
    with world.store.reading() as connection:
        known = select(models.Batch.begun).join(models.Stream).where(models.Stream.uri.endswith("/FOREIGN"))
        assert connection.execute(known).scalar_one() is False
    world.publish()
    assert audit(world.store, world.node).ok
    page = shop.get("/01/09520000000028/10/FOREIGN?lang=en").text
    assert "How this lot came to be is not recorded here." in page
    own = shop.get("/console/batches/01/09520000000028/10/FOREIGN?lang=en").text
    assert "/console/labels/" not in own, "a label is its maker's"
    assert "Received" in own
    again = shop.get(link).text
    assert 'name="arrives"' not in again, "it is known now"


def test_what_is_new_here_begins_with_nothing_but_its_receiving(place, product):
    world, app, parties = place
    shop = sign_in(app.test_client(), world.store, world.node, parties["Shop"], PartyKind.RETAILER)
    for step in ("ship", "sell", "destroy"):
        page = shop.get(f"/console/record/{step}?code=09520000000028/NOWHERE")
        if page.status_code != 200:
            continue
        sent = fields_in(page.text) | {"sign": "1", "arrives": "1", "seen": ""}
        answer = shop.post(f"/console/record/{step}?lang=en", data=form(shop, **sent))
        assert answer.status_code in {400, 404, 409}
    with world.store.reading() as connection:
        known = select(models.Stream.uri).where(models.Stream.uri.endswith("/NOWHERE"))
        assert connection.execute(known).first() is None


def test_lists_are_searched_paged_and_files_hold_no_formula(place, farm, product):
    world, _, _ = place
    for lot in ("=SUM(1)", "+1", "B-2"):
        harvest(farm, lot)
        world.wait(minutes=1)
    page = farm.get("/console/batches?lang=en&q=B-").text
    assert "B-2" in page
    assert "=SUM" not in page
    assert "B-2" not in farm.get("/console/batches?q=%25").text
    assert "B-2" in farm.get("/console/batches?from=2026-01-01&step=creating_class_instance").text
    assert "B-2" not in farm.get("/console/batches?to=2025-12-31").text
    assert "day such as" in farm.get("/console/batches?to=tomorrow&lang=en").text
    answer = farm.get("/console/batches.csv")
    assert answer.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    lots = {row["lot"] for row in rows}
    assert {"'=SUM(1)", "'+1", "B-2"} <= lots
    keep(farm, "places", {"name_en": "=HYPERLINK(1)", "name_zh": "@库", "number": ""})
    assert "'=HYPERLINK(1)" in farm.get("/console/places.csv").text


def test_a_picture_is_made_small_and_clean_and_a_bomb_is_refused(place, farm, product):
    world, app, _ = place
    data = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    Image.new("RGB", (3000, 2000), "red").save(data, "JPEG", exif=exif)
    sent = PRODUCT | {"picture": (io.BytesIO(data.getvalue()), "berry.jpg")}
    answer = farm.post(f"/console/products/{GTIN}", data=form(farm, **sent))
    assert answer.status_code == 303, answer.text
    page = farm.get(f"/console/products/{GTIN}").text
    address = re.findall(r'src="(/picture/[0-9a-f]{32}\.jpg)"', page)[0]
    shown = app.test_client().get(address)
    assert shown.mimetype == "image/jpeg"
    assert shown.headers["Content-Security-Policy"].startswith("default-src 'none'; sandbox")
    with Image.open(io.BytesIO(shown.data)) as picture:
        assert picture.size == (480, 320)
        assert not picture.getexif()
    (kept,) = (world.node.folder / "pictures").iterdir()
    assert b"secret" not in kept.read_bytes()
    assert b"secret" not in shown.data
    for bad in (b"GIF89a", b"<svg/>", _bomb(8_000, 7_500), _bomb(20_000, 20_000)):
        sent = PRODUCT | {"picture": (io.BytesIO(bad), "x.png")}
        answer = farm.post(f"/console/products/{GTIN}?lang=en", data=form(farm, **sent))
        assert answer.status_code == 200
        assert "no picture that can be opened" in answer.text or "pixels" in answer.text
    without = form(farm, **PRODUCT, no_picture="1")
    assert farm.post(f"/console/products/{GTIN}", data=without).status_code == 303
    assert app.test_client().get(address).status_code == 404
    assert not list((world.node.folder / "pictures").iterdir())


def test_the_picture_of_a_product_is_shown_on_its_lots_and_not_called_signed(place, farm, product):
    world, app, parties = place
    harvest(farm, "PICTURED")
    world.publish()
    page = f"/01/{GTIN}/10/PICTURED?lang=en"
    assert "/picture/" not in farm.get(page).text
    keep(farm, "products", PRODUCT | {"picture": (_picture("red"), "berry.jpg")}, GTIN)
    rival = sign_in(app.test_client(), world.store, world.node, parties["Shop"])
    assert keep(rival, "products", PRODUCT | {"picture": (_picture("blue"), "x.jpg")}).status_code == 303
    shown = farm.get(page).text
    (address,) = re.findall(r'src="(/picture/[0-9a-f]{32}\.jpg)"', shown)
    assert "it is not signed" in shown
    with Image.open(io.BytesIO(app.test_client().get(address).data)) as picture:
        red, blue = (picture.getchannel(channel).tobytes() for channel in "RB")
    keep(rival, "products", PRODUCT | {"forget": "1"}, GTIN)
    assert red > blue, "another firm's picture of the same GTIN is not shown"
    data = _picture("green").getvalue()
    notice = describe(data, "lot.jpg", world.batch("PICTURED"), Purpose.PICTURE)
    deposit(world.store, world.node, parties["Farm"], data, notice)
    world.publish()
    deposited = farm.get(page).text
    assert re.findall(r'src="/picture/[0-9a-f]{64}\.jpg"', deposited)
    assert "it is not signed" not in deposited


def _picture(colour: str) -> io.BytesIO:
    data = io.BytesIO()
    Image.new("RGB", (300, 200), colour).save(data, "JPEG")
    data.seek(0)
    return data


def _bomb(width: int, height: int) -> bytes:
    """A picture of many million pixels in some kilobytes."""
    data = io.BytesIO()
    Image.new("1", (width, height)).save(data, "PNG")
    return data.getvalue()


def test_what_is_wrong_with_a_product_is_said_and_nothing_is_kept(place, farm):
    for changes, said in (
        ({"low_c": "6"}, "colder than the coldest"),
        ({"high_c": ""}, "go together"),
        ({"number": "09520000000012"}, "check digit"),
        ({"name_zh": ""}, "This is needed"),
        ({"uom": "furlong"}, "Choose one"),
        ({"days": "1.5"}, "A number such as"),
    ):
        answer = keep(farm, "products", PRODUCT | {"name_en": "Kept nowhere"} | changes)
        assert answer.status_code == 200
        assert said in answer.text
        assert "Kept nowhere" in answer.text
    assert "Kept nowhere" not in farm.get("/console/products").text


def test_numbers_of_the_node_s_own_are_given_once_to_all_firms(place, farm):
    world, app, parties = place
    shop = sign_in(app.test_client(), world.store, world.node, parties["Shop"])
    numbers = set()
    for client in (farm, shop):
        fields = PRODUCT | {"number": "", "name_en": "Own"}
        assert keep(client, "products", fields).status_code == 303
        page = client.get("/console/products?q=Own").text
        numbers |= set(re.findall(r'href="/console/products/(\d{14})', page))
    assert len(numbers) == 2


def test_what_is_another_s_is_not_there_and_who_may_not_is_refused(place, farm, product):
    world, app, parties = place
    harvest(farm, "MINE")
    made = farm.get(f"/console/batches/01/{GTIN}/10/MINE").text
    link = unescape(re.findall(r'href="(/console/correct\?[^"]+)"', made)[0])
    shop = sign_in(app.test_client(), world.store, world.node, parties["Shop"])
    for address in (f"/console/products/{GTIN}", f"/console/batches/01/{GTIN}/10/MINE", link):
        assert farm.get(address).status_code == 200
        assert shop.get(address).status_code == 404
    viewer = sign_in(app.test_client(), world.store, world.node, parties["Farm"], role=Role.VIEWER)
    worker = sign_in(app.test_client(), world.store, world.node, parties["Farm"], role=Role.WORKER)
    court = sign_in(app.test_client(), world.store, world.node, parties["Court"], PartyKind.AUTHORITY)
    for client in (viewer, court):
        assert client.get("/console/record").status_code == 403
        assert client.post("/console/record/pack", data=form(client)).status_code == 403
    assert worker.get("/console/record").status_code == 200
    assert keep(worker, "products", PRODUCT).status_code == 403
    sent = fields_in(farm.get(f"/console/record/pack?code={GTIN}/MINE").text) | {"sign": "1"}
    del sent["csrf"]
    assert farm.post("/console/record/pack", data=sent).status_code == 403, "without the text of the session"
    assert app.test_client().get("/console").status_code == 303
