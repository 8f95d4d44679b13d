"""Each unsafe route of the site, used once with success: what ``tests/attacks/test_trail.py`` goes through.

A new unsafe route fails there until it has its row in ``ACTS``, or stands in ``WITHOUT`` with a reason.
"""

from __future__ import annotations

import base64
import secrets
import uuid
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from pyotp import TOTP
from werkzeug.test import TestResponse

from tests.support import objects
from tests.support.epcis import document, event
from tests.support.matrix import Make
from tests.support.people import held
from tests.support.recalls import SAID, order
from tests.support.stage import HAZARD, Stage, cases
from tests.unit.supply.test_inspection import REPORT, SAMPLE
from traceability.operations.accounts.links import Purpose
from traceability.operations.accounts.own import app_secret
from traceability.operations.accounts.roles import PartyKind
from traceability.operations.accounts.sessions import find_session
from traceability.operations.recall import Issuer, issue
from traceability.operations.recall import hold as hold_lots
from traceability.operations.tokens import Scope
from traceability.supply.epcis.events import CONTEXT
from traceability.supply.recall import State

Act: TypeAlias = "Callable[[Stage], TestResponse]"
PASSWORD: Final = "seven hens in a barn at dusk"
PRODUCT: Final = {"name_en": "Pears", "name_zh": "梨", "low_c": "0", "high_c": "5", "gap_min": "30"}
NAMED: Final = {"name_en": "Shed", "name_zh": "库"}
WHEN: Final = {"at": "2026-01-01T00:00:00", "offset": "+00:00"}
WITHOUT: Final[Mapping[str, str]] = {
    "enrol.application": "a device asks for itself; who made its code and who approved it is in the trail",
    "accounts.forgot": "anybody may ask; the link that is mailed is in the trail when it is made",
    "recalls.Preview": "it records nothing",
}
"""Unsafe routes that need no row of the trail, and why."""


def _app(stage: Stage) -> TestResponse:
    text = held(stage.clients["firm"])
    with stage.store.reading() as connection:
        session = find_session(connection, stage.node, str(text), stage.store.clock())
    assert session is not None
    secret = base64.b32encode(app_secret(stage.node, session)).decode()
    code = TOTP(secret).at(stage.store.clock() // 1000)
    return stage.post("firm", "accounts.app", code=code)


def _end_one(stage: Stage) -> TestResponse:
    return stage.post("lab", "accounts.end_one", short=stage.another_session("lab").short)


def _end_others(stage: Stage) -> TestResponse:
    stage.another_session("firm")
    return stage.post("firm", "accounts.end_others")


def _person(endpoint: str, **fields: str) -> Act:
    def act(stage: Stage) -> TestResponse:
        return stage.post("firm", endpoint, **stage.at(objects.a_person, "firm"), **fields)

    return act


def _on(make: Make, who: str, endpoint: str, **fields: str) -> Act:
    """A form about a new object of somebody."""
    return lambda stage: stage.post(who, endpoint, **{**stage.at(make, who), **fields})


def _by(who: str, endpoint: str, **fields: str) -> Act:
    return lambda stage: stage.post(who, endpoint, **fields)


def _case(who: str, name: str, **fields: str) -> Act:
    """A form about a new case of somebody."""

    def act(stage: Stage) -> TestResponse:
        case_id = stage.case(who)
        return stage.post(who, cases(who, name), case_id=case_id, seen=stage.reach(case_id), **fields)

    return act


def _closed(who: str) -> Act:
    def act(stage: Stage) -> TestResponse:
        case_id = stage.case(who)
        seen = stage.reach(case_id)
        stage.post(who, cases(who, "hold"), case_id=case_id, seen=seen, **HAZARD)
        return stage.post(who, cases(who, "closed"), case_id=case_id, outcome="safe", note="")

    return act


def _withdrawn(who: str) -> Act:
    return lambda stage: stage.post(who, cases(who, "withdrawn"), case_id=stage.proposed(who))


def _approved(who: str, other: str) -> Act:
    def act(stage: Stage) -> TestResponse:
        case_id = stage.proposed(who)
        digest = stage.digest(case_id)
        return stage.post(other, cases(who, "approved"), case_id=case_id, digest=digest)

    return act


def _works(who: str, other: str) -> dict[str, Act]:
    return {
        cases(who, "opened"): lambda stage: stage.post(who, cases(who, "opened"), lots=stage.lot(who)),
        cases(who, "hold"): _case(who, "hold", **HAZARD),
        cases(who, "proposed"): _case(who, "proposed", **HAZARD),
        cases(who, "withdrawn"): _withdrawn(who),
        cases(who, "approved"): _approved(who, other),
        cases(who, "closed"): _closed(who),
        cases(who, "dropped"): _case(who, "dropped", note=""),
    }


def _recall(stage: Stage) -> dict[str, object]:
    """What holds a new lot, as the interface of recalls wants it said."""
    lot = stage.lot("firm")
    asked = order(stage.site.world, lot, state=State.HOLD)
    return {"state": "hold", "origin": [lot], "scope": asked.confirm, **SAID}


def _issue(stage: Stage) -> TestResponse:
    lot = stage.lot("firm")
    asked = order(stage.site.world, lot, state=State.HOLD)
    hold_lots(stage.store, stage.node, Issuer(stage.party("firm")), asked)
    again = order(stage.site.world, lot, recall_id=asked.id)
    said = {"scope": again.confirm, **SAID}
    return stage.ask("POST", "recalls.Issue", Scope.RECALL, said, recall_id=asked.id)


def _close(stage: Stage) -> TestResponse:
    asked = order(stage.site.world, stage.lot("firm"))
    issue(stage.store, stage.node, Issuer(stage.party("firm")), asked)
    return stage.ask("POST", "recalls.Close", Scope.RECALL, {"outcome": "removed"}, recall_id=asked.id)


def _forget_query(stage: Stage) -> TestResponse:
    stage.ask("POST", "epcis.Queries", Scope.QUERY, {"name": "gone", "query": {}})
    return stage.ask("DELETE", "epcis.Query", Scope.QUERY, None, query_name="gone")


def _ask_laboratory(stage: Stage) -> TestResponse:
    number = stage.at(objects.a_sample, "office")["number"]
    says = {k: v for k, v in SAMPLE.items() if k != "inspection"}
    stage.post("office", "regulator.write_paper", number=number, do="sign", **says)
    return stage.post("office", "regulator.ask", number=number, laboratory=stage.party("lab"))


def _harvest(stage: Stage) -> TestResponse:
    kept = objects.a_product(stage.site, stage.party("firm"))
    sent = {"gtin": kept["number"], "lot": secrets.token_hex(4), "quantity": "5", "uom": "KGM"}
    sent |= {"event_id": f"urn:uuid:{uuid.uuid4()}"}
    return stage.post("firm", "console.record", name="harvest", sign="1", **WHEN, **sent)


def _bring(stage: Stage) -> TestResponse:
    gtin = objects.a_product(stage.site, stage.party("firm"))["number"]
    head, row = "step,product,lot,quantity,unit,time,partner", f"harvest,{gtin},{secrets.token_hex(4)},5,KGM"
    table = f"{head}\n{row},2026-01-01 00:00,"
    return stage.post("firm", "console.bring", table=table, offset="+00:00", record="1")


def _install(stage: Stage) -> TestResponse:
    device, room = (stage.at(make, "firm") for make in (objects.a_device, objects.an_asset))
    return stage.post("firm", "console.change", do="install", confirm="1", target=room["number"], **device)


def _report(stage: Stage) -> TestResponse:
    lot = stage.at(objects.a_lot, "firm")
    return stage.post("stranger", "reporting.send", **lot, kind="spoiled", words="It smells")


ACTS: Final[Mapping[str, Act]] = {
    "accounts.sign_in": lambda s: s.post(
        "stranger", "accounts.sign_in", login=s.people["mate"].login, password=PASSWORD
    ),
    "accounts.sign_out": _by("third", "accounts.sign_out"),
    "accounts.join": lambda s: s.post(
        "stranger",
        "accounts.join",
        token=s.link(Purpose.INVITE),
        name="Mei",
        password=PASSWORD,
        again=PASSWORD,
    ),
    "accounts.reset": lambda s: s.post(
        "stranger", "accounts.reset", token=s.link(Purpose.RESET), password=PASSWORD, again=PASSWORD
    ),
    "accounts.enter": lambda s: s.post("stranger", "accounts.enter", token=s.link(Purpose.DEMO)),
    "accounts.password": _by("firm", "accounts.password", current="x", password=PASSWORD, again=PASSWORD),
    "accounts.app": _app,
    "accounts.codes": _by("firm", "accounts.codes"),
    "accounts.remove_app": _by("firm", "accounts.remove_app"),
    "accounts.end_one": _end_one,
    "accounts.end_others": _end_others,
    "accounts.invite": _by("firm", "accounts.invite", login="mei@farm.example", name="Mei", role="worker"),
    "accounts.renew_link": _person("accounts.renew_link"),
    "accounts.change_role": _person("accounts.change_role", role="viewer"),
    "accounts.disable": _person("accounts.disable"),
    "accounts.enable": _person("accounts.enable"),
    "accounts.forget_app": _person("accounts.forget_app"),
    "accounts.make": _by("firm", "accounts.make", name="erp", scope="query", days="1"),
    "accounts.revoke": _on(objects.a_token, "firm", "accounts.revoke"),
    "accounts.enrol": _by("admin", "accounts.enrol", name_en="Dairy", name_zh="乳厂", kind="processor"),
    "accounts.change_kind": lambda s: s.post(
        "admin", "accounts.change_kind", party=s.site.others[PartyKind.PRODUCER], kind="processor"
    ),
    "console.add_item": _by("firm", "console.add_item", kind="products", **PRODUCT),
    "console.change_item": _on(objects.a_place, "firm", "console.change_item", **NAMED),
    "console.bring": _bring,
    "console.act": lambda s: s.post("firm", "console.act", do="see", note="", **s.alarm),
    "console.enrol": _by("firm", "console.enrol", do="code", model="FT-1"),
    "console.change": _install,
    "console.disclose": _by(
        "firm", "console.disclose", confirm="1", part="readPoint", audience="partner", product=""
    ),
    "console.record": _harvest,
    "console.take_back": _on(objects.a_mistake, "firm", "console.take_back"),
    "recall_notices.acknowledged": _on(objects.a_notice, "firm", "recall_notices.acknowledged"),
    "recall_notices.answered": _on(objects.a_notice, "firm", "recall_notices.answered", sold="1", note=""),
    "reports.answer": _on(objects.a_report, "firm", "reports.answer", answer="Thank you"),
    "reports.erase": _on(objects.a_report, "firm", "reports.erase"),
    "reporting.send": _report,
    **_works("office", "clerk"),
    **_works("firm", "mate"),
    "regulator.plan_inspection": lambda s: s.post(
        "office", "regulator.plan_inspection", about=s.lot("office")
    ),
    "regulator.new_sample": _on(objects.an_inspection, "office", "regulator.new_sample"),
    "regulator.ask": _ask_laboratory,
    "regulator.new_result": _on(objects.an_asked_sample, "lab", "regulator.new_result"),
    "regulator.write_paper": _on(objects.an_inspection, "office", "regulator.write_paper", **REPORT),
    "regulator.lend": lambda s: s.post(
        "office", "regulator.lend", view="batch", subject=s.lot("office"), days="1"
    ),
    "regulator.take_back": _on(objects.a_lent_link, "firm", "regulator.take_back"),
    "epcis.Captures": lambda s: s.ask("POST", "epcis.Captures", Scope.CAPTURE, document(event(1))),
    "epcis.Events": lambda s: s.ask("POST", "epcis.Events", Scope.CAPTURE, {"@context": CONTEXT, **event(2)}),
    "epcis.Queries": lambda s: s.ask("POST", "epcis.Queries", Scope.QUERY, {"name": "mine", "query": {}}),
    "epcis.Query": _forget_query,
    "recalls.Recalls": lambda s: s.ask("POST", "recalls.Recalls", Scope.RECALL, _recall(s)),
    "recalls.Issue": _issue,
    "recalls.Close": _close,
}
