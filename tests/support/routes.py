"""Who may use which route: one row for each endpoint of the site, to be checked for everybody.

A new route fails ``tests/attacks/test_matrix.py`` until it has its row here:

    PUBLIC   pages for anybody: what their addresses name
    API      what is answered by token: for each method the scopes that open it, or ANYBODY
    PAGES    pages for who is signed in (``tests/support/matrix.page``)
"""

from __future__ import annotations

from typing import Final

from tests.support import objects
from tests.support.matrix import ANYBODY, CODE, REGULATOR, Given, Make, Needs, Page, page, scopes
from traceability.operations.accounts.roles import Right
from traceability.operations.tokens import Scope

_PEOPLE: Final = page(Right.PEOPLE, of=objects.a_person, over=(Right.ADMINISTER,))
_ACCOUNTS: Final[dict[str, Page]] = {
    "accounts.begin": page(leads=True),
    "accounts.account": page(),
    "accounts.password": page(),
    "accounts.app": page(),
    "accounts.remove_app": page(),
    "accounts.codes": page(),
    "accounts.end_one": page(of=objects.a_session, only=()),
    "accounts.end_others": page(),
    "accounts.people": page(Right.PEOPLE),
    "accounts.invite": page(Right.PEOPLE),
    "accounts.renew_link": _PEOPLE,
    "accounts.change_role": _PEOPLE,
    "accounts.disable": _PEOPLE,
    "accounts.enable": _PEOPLE,
    "accounts.forget_app": _PEOPLE,
    "accounts.tokens": page(Right.TOKENS),
    "accounts.make": page(Right.TOKENS),
    "accounts.revoke": page(Right.TOKENS, of=objects.a_token),
    "accounts.trail": page(Right.PEOPLE),
    "accounts.trail_csv": page(Right.PEOPLE),
    "accounts.parties": page(Right.ADMINISTER),
    "accounts.enrol": page(Right.ADMINISTER),
    "accounts.change_kind": page(Right.ADMINISTER),
}

_LOOKS: Final = (Right.RECORD, Right.PRODUCTS)
_ITEMS: Final = (objects.a_product, objects.a_place, objects.an_asset)
_CONSOLE: Final[dict[str, Page]] = {
    "console.home": page(Right.READ),
    "console.here": page(Right.RECORD),
    "console.products": page(*_LOOKS),
    "console.places": page(*_LOOKS),
    "console.assets": page(*_LOOKS),
    "console.items_file": page(*_LOOKS, given={"kind": "products"}),
    "console.new_item": page(Right.PRODUCTS, given={"kind": "places"}),
    "console.add_item": page(Right.PRODUCTS, given={"kind": "assets"}),
    "console.item": page(*_LOOKS, of=_ITEMS),
    "console.change_item": page(Right.PRODUCTS, of=_ITEMS),
    "console.lots": page(Right.READ),
    "console.lots_file": page(Right.READ),
    "console.lot": page(Right.READ, of=objects.a_lot),
    "console.sheet": page(Right.RECORD),
    "console.bring": page(Right.RECORD),
    "console.sheet_template": page(Right.RECORD, given={"tongue": "en"}),
    "console.alarms": page(Right.ALARMS),
    "console.alarms_file": page(Right.ALARMS),
    "console.alarm": page(Right.ALARMS, of=objects.an_alarm),
    "console.act": page(Right.ALARMS, of=objects.an_alarm),
    "console.devices": page(Right.DEVICES),
    "console.enrol": page(Right.DEVICES),
    "console.device": page(Right.DEVICES, of=objects.a_device),
    "console.change": page(Right.DEVICES, of=objects.a_device),
    "console.disclosure": page(Right.DISCLOSE),
    "console.disclose": page(Right.DISCLOSE),
    "console.choose": page(Right.RECORD),
    "console.step": page(Right.RECORD),
    "console.confirm": page(Right.RECORD, given={"name": "harvest"}),
    "console.record": page(Right.RECORD, given={"name": "harvest"}),
    "console.mistake": page(Right.RECORD, of=objects.a_mistake),
    "console.take_back": page(Right.RECORD, of=objects.a_mistake),
    "printing.form": page(Right.LABEL, of=objects.a_lot),
    "printing.preview": page(Right.LABEL, of=objects.a_lot),
    "printing.sheets": page(Right.LABEL, of=objects.a_lot),
    "printing.paper": page(Right.LABEL, given={"name": "70x37"}),
    "recall_notices.listed": page(Right.RECORD),
    "recall_notices.notice": page(Right.RECORD, of=objects.a_notice),
    "recall_notices.acknowledged": page(Right.RECORD, of=objects.a_notice),
    "recall_notices.answered": page(Right.RECORD, of=objects.a_notice),
    "live.listen": page(of=objects.a_subject, over=(Right.TRACE,), only=(Right.READ, Right.TRACE)),
    "temperature.measured": page(Right.READ, Right.TRACE, of=objects.a_lot, over=(Right.TRACE,)),
    "reports.own": page(Right.READ),
    "reports.every": page(Right.TRACE),
    "reports.photo": page(Right.READ, Right.TRACE, of=objects.a_report, over=(Right.TRACE,)),
    "reports.answer": page(Right.RECORD, Right.INSPECT, of=objects.a_report, over=(Right.TRACE,)),
    "reports.erase": page(Right.RECORD, Right.INSPECT, of=objects.a_report_to_erase, over=(Right.TRACE,)),
}

_SEES: Final = page(Right.RECALL, Right.TRACE, of=objects.a_case, over=(Right.TRACE,))
_WORKS: Final = page(Right.RECALL, of=objects.a_case, over=(Right.TRACE,))
_CASES: Final[dict[str, Page]] = {
    "listed": page(Right.RECALL, Right.TRACE),
    "opened": page(Right.RECALL),
    "case": _SEES,
    "scope_file": _SEES,
    "report": _SEES,
    "hold": _WORKS,
    "proposed": _WORKS,
    "withdrawn": _WORKS,
    "approved": page(Right.RECALL, Right.APPROVE, of=objects.a_case, over=(Right.TRACE,)),
    "closed": _WORKS,
    "dropped": _WORKS,
}

_AUTHORITY: Final = (Right.TRACE,)
"""A laboratory may inspect as well, and is shown nothing of these."""
_REGULATOR: Final[dict[str, Page]] = {
    "start": page(Right.TRACE),
    "batch": page(Right.TRACE, of=objects.a_lot, over=_AUTHORITY),
    "place": page(Right.TRACE, of=objects.a_known_place, over=_AUTHORITY),
    "firm": page(Right.TRACE, of=objects.a_firm, over=_AUTHORITY),
    "device": page(Right.TRACE, of=objects.a_device, over=_AUTHORITY),
    "trace": page(Right.TRACE),
    "records": page(Right.TRACE),
    "records_glossary": page(Right.TRACE),
    "evidence": page(Right.TRACE),
    "status": page(Right.TRACE),
    "inspections": page(Right.INSPECT),
    "plan_inspection": page(Right.INSPECT, only=_AUTHORITY),
    "inspection": page(Right.INSPECT, of=objects.an_inspection, over=_AUTHORITY, only=_AUTHORITY),
    "new_sample": page(Right.INSPECT, of=objects.an_inspection),
    "ask": page(Right.INSPECT, of=objects.a_sample),
    "new_result": page(Right.INSPECT, of=objects.an_asked_sample),
    "paper": page(Right.INSPECT, of=(objects.an_inspection, objects.a_sample)),
    "write_paper": page(Right.INSPECT, of=(objects.an_inspection, objects.a_sample)),
    "links": page(Right.TRACE, Right.READ),
    "lend": page(Right.TRACE, Right.RECORD),
    "take_back": page(Right.TRACE, Right.RECORD, of=objects.a_lent_link),
}

PAGES: Final[dict[str, Page]] = {
    **_ACCOUNTS,
    **_CONSOLE,
    **{f"office_recalls.{name}": row for name, row in _CASES.items()},
    **{f"firm_recalls.{name}": row for name, row in _CASES.items()},
    **{f"regulator.{name}": row for name, row in _REGULATOR.items()},
}

_ITEM: Final = {"gtin": "09520000000011", "lot": "L1", "serial": "7"}
PUBLIC: Final[dict[str, Given | Make]] = {
    "static": {"filename": "site.css"},
    "consumer.start": {},
    "consumer.batch": objects.a_lot,
    "consumer.item": _ITEM,
    "consumer.incomplete": {"rest": "x"},
    "consumer.qr_svg": objects.a_lot,
    "consumer.qr_png": objects.a_lot,
    "consumer.bundle": objects.a_lot,
    "consumer.policy": {},
    "checking.any_bundle": {},
    "checking.bundle_of": objects.a_lot,
    "pictures.picture": {"name": "0" * 64},
    "documents.file": {"notice": "0" * 64},
    "notices.every": {},
    "notices.one": {"recall": "R-20260101-AAAAAA"},
    "notices.atom": {},
    "notices.json_feed": {},
    "reporting.form": objects.a_lot,
    "reporting.send": objects.a_lot,
    "reporting.told": objects.a_report,
    "sharing.shared": objects.an_open_link,
    "log.checkpoint": {},
    "log.proof": {},
    "log.tile": {"path": "tile/0/000"},
    "health.healthz": {},
    "health.metrics": {},
    "accounts.sign_in": {},
    "accounts.sign_out": {},
    "accounts.join": {"token": "x" * 43},
    "accounts.forgot": {},
    "accounts.reset": {"token": "x" * 43},
    "accounts.enter": {"token": "x" * 43},
}

API: Final[dict[str, tuple[Given, dict[str, Needs]]]] = {
    "enrol.application": ({}, {"POST": CODE}),
    "epcis.Top": ({}, {"GET": ANYBODY}),
    "epcis.Description": ({}, {"GET": ANYBODY}),
    "epcis.Captures": ({}, {"GET": scopes(Scope.CAPTURE), "POST": scopes(Scope.CAPTURE)}),
    "epcis.CaptureJob": ({"capture_id": "x"}, {"GET": scopes(Scope.CAPTURE)}),
    "epcis.Events": ({}, {"GET": ANYBODY, "POST": scopes(Scope.CAPTURE)}),
    "epcis.Event": ({"event_id": "x"}, {"GET": ANYBODY}),
    "epcis.Queries": ({}, {"GET": scopes(Scope.QUERY), "POST": scopes(Scope.QUERY)}),
    "epcis.Query": ({"query_name": "x"}, {"GET": scopes(Scope.QUERY), "DELETE": scopes(Scope.QUERY)}),
    "epcis.QueryEvents": ({"query_name": "x"}, {"GET": scopes(Scope.QUERY)}),
    "recalls.Recalls": ({}, {"GET": ANYBODY, "POST": scopes(Scope.RECALL)}),
    "recalls.Preview": ({}, {"POST": scopes(Scope.RECALL)}),
    "recalls.OneRecall": ({"recall_id": "x"}, {"GET": ANYBODY}),
    "recalls.Issue": ({"recall_id": "x"}, {"POST": scopes(Scope.RECALL)}),
    "recalls.Close": ({"recall_id": "x"}, {"POST": scopes(Scope.RECALL)}),
    "traces.Traces": ({}, {"GET": REGULATOR}),
    "traces.RecordsOfTheRule": ({}, {"GET": REGULATOR}),
}
