"""A small trade with people in it: two of the farm, two of an authority, and those who hold something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.support.practice import taking_part
from tests.support.recalls import NOTICE, A, chain
from tests.support.world import World
from traceability.operations.recalling.cases import Case, find_case, look_at, open_case
from traceability.operations.recalling.people import Participant
from traceability.operations.recalling.proposals import approve, propose
from traceability.operations.recallscope import Notice
from traceability.supply.recall import State


@dataclass
class Office:
    """Who works on recalls, and what they do with defaults."""

    world: World

    def __post_init__(self) -> None:
        self.farm, self.packer, self.dairy = chain(self.world)
        authority = self.world.party("Food Authority")
        self.ada, self.ben = (
            taking_part(name, authority, regulator=True, approves=name == "ben") for name in ("ada", "ben")
        )
        self.fay, self.fred = (taking_part(name, self.farm) for name in ("fay", "fred"))
        self.pat, self.dan = taking_part("pat", self.packer), taking_part("dan", self.dairy)

    def open(self, person: Participant | None = None, *lots: str, **more: Any) -> Case:
        """A case about lot A."""
        return open_case(self.world.store, self.world.node, person or self.ada, lots or (A,), **more)

    def digest(self, case: Case, notice: Notice = NOTICE, state: State = State.ISSUED) -> str:
        """What somebody who looks at the case now would confirm."""
        with self.world.store.reading() as connection:
            return look_at(connection, self.world.node, case).digest(notice, state)

    def propose(self, case: Case, person: Participant | None = None, notice: Notice = NOTICE) -> Any:
        who = person or self.ada
        return propose(self.world.store, self.world.node, who, case.id, notice, self.digest(case, notice))

    def approve(self, case: Case, person: Participant | None = None, notice: Notice = NOTICE) -> Case:
        who = person or self.ben
        return approve(self.world.store, self.world.node, who, case.id, self.digest(case, notice))

    def issued(self, **more: Any) -> Case:
        """A case that was proposed and approved."""
        case = self.open(**more)
        self.propose(case)
        return self.approve(case)

    def now(self, case: Case) -> Case:
        with self.world.store.reading() as connection:
            return find_case(connection, case.id)
