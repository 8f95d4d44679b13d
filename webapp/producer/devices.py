"""Devices of a firm: how they do, enrolment by code and fingerprint; each change is shown first."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from traceability.errors import MalformedError, RefusedError, TraceabilityError, UnknownSubjectError
from traceability.identifiers import parse_device_id
from traceability.operations.accounts.roles import Right
from traceability.operations.codes import Applicant, applicants, approve, new_code, reject
from traceability.operations.farewell import plan_farewell, say_farewell
from traceability.operations.install import install_device
from traceability.operations.masterdata import Asset, list_items
from traceability.operations.owndevices import Health, find_health, list_health, remove_device
from traceability.operations.replace import replace_device
from traceability.sensing.channels import Role
from traceability.supply.scanned import read_asset, read_batch
from webapp.api.access import node, store
from webapp.database import snapshot
from webapp.i18n import language, noted, translate
from webapp.producer.blueprint import console, own_party
from webapp.producer.entry import MOST
from webapp.regulator.batches import CALIBRATED
from webapp.signedin import requires, say, visitor

ROLES: Final = {
    "": noted("not said"),
    Role.AIR_RETURN: noted("the air that comes back from the goods"),
    Role.AIR_SUPPLY: noted("the air that is blown in"),
    Role.PRODUCT: noted("the goods"),
    Role.AMBIENT: noted("the surroundings"),
    Role.OTHER: noted("something else"),
}
DONE: Final = {
    "install": noted("The device is installed."),
    "remove": noted("The device is removed."),
    "replace": noted("The device is replaced."),
    "end": noted("The device is ended: nothing that it says is taken any more."),
}


@dataclass(frozen=True, slots=True)
class Planned:
    """What a change would do, as operations say it; ``fields`` are sent again to do it."""

    do: str
    plan: Any
    fields: dict[str, str]


@console.get("/console/devices")
@requires(Right.DEVICES)
def devices() -> str:
    """All of them, and those that wait for approval."""
    return _list()


@console.post("/console/devices")
@requires(Right.DEVICES)
def enrol() -> str | tuple[str, int] | BaseResponse:
    """Make a code, which this page shows and no other; approve or turn away who applied with one."""
    do, device = request.form.get("do", ""), _digits(request.form.get("device", ""))
    actor, party = visitor().actor, own_party()
    try:
        if do == "code":
            model = request.form.get("model", "").strip()
            code, until_ms = new_code(store(), node(), party=party, model=model, actor=actor)
            return _list(code=code, until_ms=until_ms, model=model)
        _require_waiting(device)
        if do == "approve":
            approve(store(), node(), device, actor)
            say(translate("The device is enrolled. It fetches its key and password by itself."))
        else:
            reject(store(), device, actor)
            say(translate("The device was turned away. Its code is spent."))
    except (MalformedError, RefusedError) as error:
        return _list(error), 409
    return redirect(url_for("console.devices", lang=language()), 303)


@console.get("/console/devices/<device>")
@requires(Right.DEVICES)
def device(device: str) -> str:
    """One device, and what can be done with it."""
    return _page(_own(device))


@console.post("/console/devices/<device>")
@requires(Right.DEVICES)
def change(device: str) -> str | tuple[str, int] | BaseResponse:
    """Show what a change would do; do it, once that was seen."""
    shown, do = _own(device), request.form.get("do", "")
    if do not in _CHANGES:
        return _page(shown), 400
    confirmed = "confirm" in request.form
    try:
        plan = _CHANGES[do](shown, not confirmed)
    except (MalformedError, RefusedError) as error:
        return _page(shown, error), 409
    if confirmed:
        say(translate(DONE[do]))
        return redirect(url_for("console.device", device=device, lang=language()), 303)
    fields = {name: text for name, text in request.form.items() if name != "csrf"}
    return _page(shown, planned=Planned(do, plan, fields))


def _install(shown: Health, preview: bool) -> Any:
    roles = {name: Role(text) for name in shown.channels if (text := request.form.get(f"role-{name}", ""))}
    return install_device(
        store(),
        node(),
        shown.device,
        _target(request.form.get("target", ""), request.form.get("batch", "")),
        store().clock(),
        roles,
        preview=preview,
        actor=visitor().actor,
    )


def _remove(shown: Health, preview: bool) -> Any:
    place = shown.place or ""
    remove_device(store(), node(), visitor().actor, shown.device, place, store().clock(), preview=preview)
    return place


def _replace(shown: Health, preview: bool) -> Any:
    new = _own(request.form.get("by", "")).device
    now_ms, actor = store().clock(), visitor().actor
    return replace_device(store(), node(), shown.device, new, now_ms, preview=preview, actor=actor)


def _end(shown: Health, preview: bool) -> Any:
    if not preview:
        return say_farewell(store(), node(), shown.device, actor=visitor().actor)
    with store().reading() as connection:
        return plan_farewell(connection, node(), shown.device)


_CHANGES: Final[dict[str, Callable[[Health, bool], Any]]] = {
    "install": _install,
    "remove": _remove,
    "replace": _replace,
    "end": _end,
}


def fingerprint(device: str) -> str:
    """A device's id in groups, as a person compares it."""
    return "-".join(device[at : at + 4] for at in range(0, len(device), 4))


def _digits(text: str) -> str:
    return re.sub(r"[\s-]", "", text).lower()


def _target(asset: str, batch: str) -> str:
    return read_batch(batch).uri(node().name) if batch.strip() else read_asset(asset, node().name)


def _own(device: str) -> Health:
    # Not in the snapshot of the page: a change waits until nobody reads what was there before it.
    with store().reading() as connection:
        return find_health(connection, node(), own_party(), parse_device_id(_digits(device)), store().clock())


def _waiting() -> list[Applicant]:
    with store().reading() as connection:
        return [a for a in applicants(connection, store().clock()) if a.owner == own_party()]


def _require_waiting(device: str) -> None:
    """Raises UnknownSubjectError for what is not a device of this party that waits."""
    if device not in {each.device for each in _waiting()}:
        raise UnknownSubjectError(
            "no device of yours with this fingerprint waits", remedy="Compare it digit by digit."
        )


def _list(error: TraceabilityError | None = None, **shown: object) -> str:
    return render_template(
        "producer/devices.html",
        devices=list_health(snapshot(), node(), own_party(), store().clock()),
        waiting=_waiting(),
        error=error,
        standings=CALIBRATED,
        fingerprint=fingerprint,
        given=request.form,
        **shown,
    )


def _page(shown: Health, error: TraceabilityError | None = None, planned: Planned | None = None) -> str:
    party, now_ms = own_party(), store().clock()
    others = [] if not shown.place else list_health(snapshot(), node(), party, now_ms)
    return render_template(
        "producer/device.html",
        device=shown,
        error=error,
        planned=planned,
        assets=list_items(snapshot(), party, Asset, limit=MOST),
        free=[each.device for each in others if not each.place and not each.ended],
        roles=ROLES,
        standings=CALIBRATED,
        fingerprint=fingerprint,
        given=request.form,
    )
