"""What the people of the demonstration have at hand: an inspection, a recall, a drill, a shopper's report.

Each is done by the operations that the site uses, in the name of one of them, and each looks first how far
it is: whoever is ended in between goes on there, and whatever a visitor did meanwhile stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from traceability.errors import ConflictError
from traceability.identifiers import Batch
from traceability.operations.accounts.people import Person
from traceability.operations.accounts.roles import PartyKind, Right
from traceability.operations.accounts.trail import Actor
from traceability.operations.deposit import deposit, describe
from traceability.operations.inspecting import add_result, ask_laboratory, plan, sign, take_sample
from traceability.operations.inspections import inspections_of
from traceability.operations.node import Node
from traceability.operations.recalling.answers import Fate, answer
from traceability.operations.recalling.cases import Case, Stage, list_cases, look_at, open_case
from traceability.operations.recalling.notices import acknowledge, items_of, notice_to
from traceability.operations.recalling.people import Participant
from traceability.operations.recalling.proposals import approve, proposals_of, propose
from traceability.operations.recallscope import Notice
from traceability.operations.visitors.reports import Kind, Told, file_report, list_reports
from traceability.running.demo.market import Market, goods_of
from traceability.store.engine import Store
from traceability.supply.inspection import Conformity, Outcome
from traceability.supply.notice import Purpose
from traceability.supply.recall import State

VIA: Final = "demonstration"
SPINACH_DAY: Final = -3
"""The lot of that day went into a salad mix and rice bowls, which a supermarket and a canteen have."""
PORK_DAY: Final = -4
TOMATO_DAY: Final = -2

RECALL: Final = Notice(
    2,
    {
        "en": "Residues of the pesticide chlorpyrifos above the limit (invented)",
        "zh": "农药毒死蜱残留超标（虚构）",
    },
    {
        "en": "Do not eat it. Bring it back to the shop; you get your money back.",
        "zh": "请勿食用。请退回门店，全额退款。",
    },
)
DRILL: Final = Notice(
    1,
    {"en": "Drill: Salmonella in chilled pork (invented)", "zh": "演练：冷鲜猪肉检出沙门氏菌（虚构）"},
    {"en": "This is a drill. Say what you would put aside.", "zh": "这是演练。请说明您将封存多少。"},
)
REPORT: Final = {
    "reason": "Plan of inspections of leafy vegetables (invented)\n叶类蔬菜抽检计划（虚构）",
    "findings": "The store was clean and cold. Two samples were taken.\n仓库清洁、温度合格。抽样两份。",
    "verdict": Outcome.FOLLOW_UP.value,
}
RESULT: Final = {
    "analyte": "Chlorpyrifos 毒死蜱",
    "method": "GB 23200.113-2018",
    "value": "0.31",
    "unit": "mg/kg",
    "limit": "0.02",
    "verdict": Conformity.DOES_NOT_CONFORM.value,
    "accreditation": "CNAS L0000 (invented 虚构)",
}
CERTIFICATE: Final = """\
An invented certificate for a demonstration / 演示用的虚构合格证

Commitment of the producer, lot {lot}: no banned pesticide was used.
生产者承诺（批号 {lot}）：未使用禁用农药。
"""
COMPLAINT: Final = "Two of the tomatoes were mouldy, one day after I bought them. 买回第二天就有两个发霉了。"


@dataclass(frozen=True, slots=True)
class Casework:
    """The people at work; ``parties`` are URIs, and both are by key."""

    store: Store
    node: Node
    parties: Mapping[str, str]
    people: Mapping[str, Person]
    market: Market

    def do(self) -> None:
        """Do all of it that is not done yet."""
        self._deposit()
        self._inspect()
        self._recall()
        self._drill()
        self._complain()

    def lot(self, goods: str, day: int) -> Batch:
        """The newest lot of a product that was begun on a day or before."""
        return self.market.batch(goods_of(goods), self.market.begun(goods_of(goods), day))

    def _deposit(self) -> None:
        lot, party = self.lot("spinach", SPINACH_DAY), self.parties["greens"]
        data = CERTIFICATE.format(lot=lot.lot).encode()
        notice = describe(data, f"{lot.lot} 承诺达标合格证.txt", self._uri(lot), Purpose.CERTIFICATE)
        deposit(self.store, self.node, party, data, notice)

    def _inspect(self) -> None:
        """An inspector samples spinach twice; the laboratory has answered about one of the samples."""
        about, inspector = self._uri(self.lot("spinach", SPINACH_DAY)), self._actor("inspector")
        with self.store.reading() as connection:
            if any(each.document for each in inspections_of(connection, about)):
                return
        store, node, name = self.store, self.node, self.people["inspector"].name
        told = REPORT | {"inspector": name, "day": self._day()}
        number = plan(store, node, inspector, about, told).id
        for mark in ("A", "B"):
            sample = take_sample(store, node, inspector, number, self._sample(mark)).id
            sign(store, node, inspector, sample)
            ask_laboratory(store, node, inspector, sample, self.parties["laboratory"])
            if mark == "A":
                chemist = self._actor("laboratory")
                found = add_result(store, node, chemist, sample, RESULT | {"day": self._day()})
                sign(store, node, chemist, found.id)
        sign(store, node, inspector, number)  # last: an inspection that is signed is whole

    def _recall(self) -> None:
        """The spinach is recalled; the supermarket has answered, the canteen and others not yet."""
        case = self._case("spinach", SPINACH_DAY, drill=False)
        case = self._proposed(case, RECALL)
        if case.stage is Stage.PROPOSED:
            chief = self._participant("authority")
            with self.store.reading() as connection:
                made = proposals_of(connection, case.id)[-1]
                seen = look_at(connection, self.node, case).digest(made.notice, State.ISSUED)
            case = approve(self.store, self.node, chief, case.id, seen)
        if case.stage is Stage.ISSUED:
            self._answer(case)

    def _answer(self, case: Case) -> None:
        seller = self._participant("retailer")
        with self.store.reading() as connection:
            if notice_to(connection, case.id, seller.party).acknowledged_ms is not None:
                return
            held = items_of(connection, case.id, seller.party)
        for each in held:
            said = {Fate.QUARANTINED: "88", Fate.SOLD: "112"}  # it got 200 packs of salad
            answer(self.store, seller, case.id, each.thing, said)
        acknowledge(self.store, seller, case.id)

    def _drill(self) -> None:
        """A drill is proposed, and waits for somebody who approves it."""
        self._proposed(self._case("pork", PORK_DAY, drill=True), DRILL)

    def _complain(self) -> None:
        lot = self.lot("tomatoes", TOMATO_DAY)
        with self.store.reading() as connection:
            known = {each.batch for each in list_reports(connection, self.parties["greens"])}
        if self._uri(lot) not in known:
            file_report(self.store, self.node, lot, Told(Kind.SPOILED, COMPLAINT), None)

    def _case(self, goods: str, day: int, *, drill: bool) -> Case:
        person, lot = self._participant("inspector"), self._uri(self.lot(goods, day))
        with self.store.reading() as connection:
            for case in list_cases(connection, person):
                if case.origin == (lot,) and case.drill == drill:
                    return case
        return open_case(self.store, self.node, person, [lot], drill=drill)

    def _proposed(self, case: Case, notice: Notice) -> Case:
        if case.stage is not Stage.OPEN:
            return case
        person = self._participant("inspector")
        with self.store.reading() as connection:
            if proposals_of(connection, case.id):
                return case  # a visitor took it back
            seen = look_at(connection, self.node, case).digest(notice, State.ISSUED)
        propose(self.store, self.node, person, case.id, notice, seen)
        with self.store.reading() as connection:
            return next(each for each in list_cases(connection, person) if each.id == case.id)

    def _sample(self, mark: str) -> dict[str, str]:
        lot = self.lot("spinach", SPINACH_DAY)
        at = datetime.fromtimestamp(self.store.clock() // 1000, UTC)
        own = {"mark": f"{lot.lot}-{mark}", "what": "Spinach leaves 菠菜叶", "quantity": "1.5", "unit": "kg"}
        return own | {"takenAt": f"{at:%Y-%m-%dT%H:%M:%SZ}", "seal": f"SEAL-{mark}"}

    def _day(self) -> str:
        return datetime.fromtimestamp(self.store.clock() // 1000, UTC).date().isoformat()

    def _uri(self, lot: Batch) -> str:
        return lot.uri(self.node.name)

    def _actor(self, key: str) -> Actor:
        return Actor(self.people[key].id, self.people[key].party, VIA)

    def _participant(self, key: str) -> Participant:
        person = self.people[key]
        if person.party is None:
            raise ConflictError(f"{person.login} belongs to no party")
        rights, regulator = person.rights, person.kind is PartyKind.AUTHORITY
        recalls = Right.RECALL in rights
        allowed = {"recalls": recalls, "approves": Right.APPROVE in rights if regulator else recalls}
        return Participant(person.login, person.party, self._actor(key), regulator=regulator, **allowed)
