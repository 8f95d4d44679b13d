"""How many messages one commit takes: what waits, at most a handful, and nothing is waited for meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from gateway.flood import Limits
from gateway.service import HANDFUL
from tests.support.sensor import World, make_world
from tests.support.wire import Gated, Wire
from traceability.operations.ingest import Ingest, Ingested, Message
from traceability.operations.tally import NOTHING

OPEN = Limits(1_000_000, 1_000_000)
DEVICES, EACH = 11, 60
"""More than one handful holds; of each device fewer than one takes."""


class Committed(Ingest):
    """Remembers how many messages each commit took."""

    sizes: list[int]

    def ingest(self, messages: Sequence[Message], flooded: Mapping[str, int] = NOTHING) -> Ingested:
        done = super().ingest(messages, flooded)
        self.sizes.append(len(messages))
        return done


class Timed(Wire):
    """Remembers how long it was told to wait for the network, and how much waited then."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[int, float]] = []

    def turn(self, wait_s: float, enough: int) -> None:
        self.told.append((len(self.waiting), wait_s))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    yield made
    made.store.close()


@pytest.fixture
def gated(world: World) -> Gated:
    made = Gated(world, OPEN, Timed())
    made.gateway.ingest = Committed(world.store, world.node)
    made.gateway.ingest.sizes = []
    return made


def seen(gated: Gated) -> tuple[list[int], list[tuple[int, float]]]:
    assert isinstance(gated.gateway.ingest, Committed)
    assert isinstance(gated.wire, Timed)
    return gated.gateway.ingest.sizes, gated.wire.told


def test_a_frame_that_is_alone_waits_for_no_other(world: World, gated: Gated):
    sensor = world.sensor()
    gated.wire.put(sensor.message(sensor.frame()))
    gated.turns(2)
    sizes, told = seen(gated)
    assert (sizes, gated.wire.acknowledged, len(gated.wire.receipts[sensor.device])) == ([1], [1], 1)
    assert told[0] == (1, 0.0), "it was there, so the network was not waited for"
    assert told[1][0] == 0
    assert told[1][1] > 0, "with nothing to do it is, and costs no time of the processor"


def test_what_waits_is_committed_together_up_to_a_handful_and_acknowledged_in_order(
    world: World, gated: Gated
):
    sensors = [world.sensor() for _ in range(DEVICES)]
    gated.wire.put(*(s.message(s.frame()) for _ in range(EACH) for s in sensors))
    gated.turns(3)
    sizes, told = seen(gated)
    assert sizes == [HANDFUL, DEVICES * EACH - HANDFUL]
    assert [wait_s for waiting, wait_s in told if waiting] == [0.0]
    assert told[1][1] == 0.0, "nor is it before the rest of them"
    assert gated.wire.acknowledged == list(range(1, DEVICES * EACH + 1))
    assert all(world.accepted(sensor) == sensor.made for sensor in sensors)
    assert all(len(gated.wire.receipts[s.device]) == 2 for s in sensors), "one a commit, not one a frame"
