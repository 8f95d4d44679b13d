"""The publisher dies at each of its steps on store and lock, once and once more during recovery.

A step is a statement, a commit, or a use of the lock. It fails before it is done, or after: "failed
but persisted". Whatever could have been seen outside, in the lock or as published, must stay part
of one history, and in the end everything that was recorded is published.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.support.witnessed import Witnessed
from tests.support.world import World
from traceability.operations.audit import audit
from traceability.operations.lock import Lock
from traceability.operations.publish import publish
from traceability.store import models


class Died(BaseException):
    """The publisher died here: no ``except Exception`` holds it up."""


class Failpoints:
    """Counts the steps, and dies at one of them."""

    def __init__(self, patch: pytest.MonkeyPatch, world: World) -> None:
        self.count, self.at, self.persisted = 0, 0, False
        dialect = world.store.engine.dialect
        for name in ("do_execute", "do_executemany", "do_commit"):
            patch.setattr(dialect, name, self._around(getattr(dialect, name)))
        for name in ("newest", "swap"):
            patch.setattr(Lock, name, self._around(getattr(Lock, name)))

    def arm(self, at: int, *, persisted: bool) -> None:
        """Die at this step, counted from now on; 0 is never."""
        self.count, self.at, self.persisted = 0, at, persisted

    def _around(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def step(of: Any, *args: Any, **options: Any) -> Any:
            self.count += 1
            dies = self.count == self.at
            result = work(of, *args, **options) if self.persisted or not dies else None
            if dies:
                roll_back(of)
                raise Died
            return result

        return step


def roll_back(of: Any) -> None:
    """What becomes of a dead process's transaction; ``of`` is a cursor, what the pool lends, or the lock."""
    if hasattr(of, "driver_connection"):
        of.driver_connection.rollback()
    elif not isinstance(of, Lock):
        connection = of.connection
        of.close()
        connection.rollback()


def dies(world: World, points: Failpoints, at: int, *, persisted: bool) -> bool:
    """Publish with a failure at a step; whether it came that far."""
    points.arm(at, persisted=persisted)
    world.wait(ms=1000)
    try:
        publish(world.store, world.node)
    except Died:
        return True
    finally:
        points.arm(0, persisted=False)
    return False


@pytest.mark.parametrize(("seed", "persisted"), [(None, False), (None, True), (1, False), (2, True)])
def test_one_history_survives_a_publisher_that_dies_at_any_step(
    world: World, monkeypatch: pytest.MonkeyPatch, seed: int | None, persisted: bool
):
    stride = 1 if world.store.engine.dialect.name == "sqlite" else 7
    points, chance = Failpoints(monkeypatch, world), random.Random(seed)
    seen = Witnessed(world.store, world.node)
    farm, at, died = world.party("Farm"), 0, True
    while died:
        at += stride
        world.harvest(farm, f"L{at}")
        died = dies(world, points, at, persisted=persisted)
        seen.look()
        if seed is not None:
            dies(world, points, chance.randint(1, at + 5), persisted=chance.random() < 0.5)
            seen.look()
        world.publish()
        seen.look()
    assert at > 20, "a publish has more steps than this"
    assert seen.strays() == 0
    unpublished = select(func.count()).where(models.Record.log_index.is_(None))
    with world.store.reading() as connection:
        assert connection.execute(unpublished).scalar_one() == 0
    assert audit(world.store, world.node).lines()[:-1] == []
