"""A scenario as a plan: what the people of a node enrol, install and record while its devices speak."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from firmware_sim.cast import CHINA
from firmware_sim.plan import (
    Asset,
    BatchPlan,
    ConfigPlan,
    DevicePlan,
    Fault,
    Input,
    Party,
    Plan,
    StepPlan,
    Text,
)
from firmware_sim.staging.model import Goods, Scenario
from traceability.identifiers import Batch, asset_uri, check_digit, party_uri

PREFIX: Final = "9529000"
"""A company prefix that GS1 keeps for demonstrations (952); the journey's parties have others."""
PARTY: Final = "party"
CHINA_REGION: Final = Text("China", "中国")
STEP_MS: Final = 60_000
ROLES: Final[Mapping[str, str]] = {
    "air": "air-return",
    "supply": "air-supply",
    "product": "product",
    "outside": "ambient",
    "soil": "other",
}
"""What whoever installs a device says of its temperatures, by what they measure."""


def plan_of(scenario: Scenario, node: str) -> Plan:
    """The plan of a scenario on a node: one firm does everything."""
    batches = {name: _batch(scenario, node, name) for name in scenario.goods}
    steps = [*_installs(scenario), *(s for name in scenario.goods for s in _moves(scenario, name))]
    steps += [
        StepPlan(
            scenario.at_ms(a.revoked_s),
            PARTY,
            "remove",
            CHINA_REGION,
            asset=scenario.devices[a.device].asset,
            device=a.device,
        )
        for a in scenario.attacks
        if a.kind == "stolen-key"
    ]
    gln = f"{PREFIX}00001" + check_digit(f"{PREFIX}00001")
    shown = scenario.show.goods
    return Plan(
        seed=scenario.seed,
        node=node,
        start_ms=scenario.start_ms,
        now_ms=scenario.end_ms,
        parties=(Party(PARTY, scenario.party, gln, party_uri(node, gln), PREFIX),),
        assets=tuple(asset_of(scenario, name) for name in scenario.assets),
        devices=tuple(_device(scenario, name) for name in scenario.devices),
        batches=(batches[shown], *(b for key, b in batches.items() if key != shown)),
        steps=tuple(sorted(steps, key=lambda step: step.at_ms)),
        faults=tuple(
            Fault(t.kind, str(t.asset or t.device), scenario.at_ms(t.from_s), scenario.at_ms(t.until_s))
            for t in scenario.troubles
        ),
        configs=tuple(
            ConfigPlan(scenario.at_ms(o.from_s), o.device, o.reading_s, o.frame_s, dict(o.limits))
            for o in sorted(scenario.orders, key=lambda order: order.from_s)
        ),
    )


def asset_of(scenario: Scenario, name: str) -> Asset:
    """An asset with its number."""
    giai = PREFIX + name.upper()
    return Asset(
        name, scenario.assets[name].names, scenario.assets[name].profile, PARTY, giai, asset_uri(giai)
    )


def _batch(scenario: Scenario, node: str, name: str) -> BatchPlan:
    goods = scenario.goods[name]
    product = scenario.library.products[goods.product]
    digits = f"0{PREFIX}{list(scenario.goods).index(name) + 1:05d}"
    day = datetime.fromtimestamp(scenario.at_ms(goods.begins_s) / 1000, UTC).astimezone(CHINA)
    made = Batch(digits + check_digit(digits), f"{name[:12].upper()}-{day:%m%d}")
    return BatchPlan(
        key=name,
        gtin=made.gtin,
        lot=made.lot,
        uri=made.uri(node),
        product=product.names,
        low_milli_c=round(product.low_c * 1000),
        high_milli_c=round(product.high_c * 1000),
        max_gap_s=product.max_gap_s,
        best_before=f"{day + timedelta(days=product.keeps_days):%Y-%m-%d}",
        quantity=goods.mass_kg,
        uom="KGM",
        dated="productionDate",
    )


def _device(scenario: Scenario, name: str) -> DevicePlan:
    fitted, profile = scenario.devices[name], scenario.profile(name)
    from_ms, until_ms = scenario.at_ms(fitted.from_s), scenario.at_ms(scenario.until_s(name))
    measured = {channel: each.measures for channel, each in profile.channels.items()}
    roles = {channel: ROLES[what] for channel, what in measured.items() if what in ROLES}
    return DevicePlan(name, profile.model, PARTY, fitted.asset, from_ms, until_ms, roles)


def _installs(scenario: Scenario) -> list[StepPlan]:
    return [
        StepPlan(scenario.at_ms(f.from_s), PARTY, "install", CHINA_REGION, asset=f.asset, device=name)
        for name, f in scenario.devices.items()
    ]


def _moves(scenario: Scenario, name: str) -> list[StepPlan]:
    """A batch comes to be, and enters and leaves assets, each step at least a minute after the last."""
    goods = scenario.goods[name]
    begun = StepPlan(
        scenario.at_ms(goods.begins_s),
        PARTY,
        "make" if goods.made_of else "harvest",
        CHINA_REGION,
        batch=name,
        quantity=goods.mass_kg,
        inputs=tuple(Input(key, mass) for key, mass in goods.made_of.items()),
    )
    steps = [begun]
    for stay in goods.stays:
        words = ("load", "unload") if scenario.assets[stay.asset].route else ("store", "retrieve")
        for word, at_s in zip(words, (stay.from_s, stay.until_s), strict=True):
            at_ms = max(scenario.at_ms(at_s), steps[-1].at_ms + STEP_MS)
            steps.append(_move(word, at_ms, name, stay.asset, goods))
    return steps


def _move(word: str, at_ms: int, name: str, asset: str, goods: Goods) -> StepPlan:
    return StepPlan(at_ms, PARTY, word, CHINA_REGION, batch=name, asset=asset, quantity=goods.mass_kg)
