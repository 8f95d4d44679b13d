"""A drill from its opening to the first answer: a row in every table of the recall workspace."""

from __future__ import annotations

from traceability.operations.accounts.trail import Actor
from traceability.operations.node import Node
from traceability.operations.recalling.answers import Fate, answer
from traceability.operations.recalling.cases import look_at, open_case
from traceability.operations.recalling.contacts import add_contact
from traceability.operations.recalling.notices import acknowledge
from traceability.operations.recalling.people import Participant
from traceability.operations.recalling.proposals import approve, propose
from traceability.operations.recallscope import Notice
from traceability.store.engine import Store
from traceability.supply.recall import State


def taking_part(user: str, party: str, **more: bool) -> Participant:
    """Somebody of a party, as the web knows them."""
    return Participant(user, party, Actor(None, party, "web"), **more)


def practise(store: Store, node: Node, party: str, lot: str) -> None:
    """Drill the recall of a lot of a party that has it still."""
    one, other = taking_part("one", party), taking_part("other", party)
    add_contact(store, one.actor, party, "quality@example.org")
    case = open_case(store, node, one, [lot], drill=True, mailing=True)
    notice = Notice(1, {"en": "Salmonella", "zh": "沙门氏菌"}, {"en": "Do not eat", "zh": "请勿食用"})
    with store.reading() as connection:
        seen = look_at(connection, node, case).digest(notice, State.ISSUED)
    propose(store, node, one, case.id, notice, seen)
    approve(store, node, other, case.id, seen)
    acknowledge(store, other, case.id)
    answer(store, other, case.id, lot, {Fate.QUARANTINED: "1"})
