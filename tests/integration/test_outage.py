"""Word that the database is away."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.outage import AWAY_S, Outage
from gateway.watchman import Watchman
from tests.support.sensor import make_world
from traceability.errors import StoreFullError, StoreUnavailableError, UnreachableError
from traceability.operations.outbox import Letter
from traceability.operations.watching import Watch

GONE = StoreUnavailableError("gone")


class Told:
    """A way of telling that can fail, and a clock."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.works, self.now_s = True, 0.0

    def send(self, letter: Letter) -> None:
        if not self.works:
            raise UnreachableError("nobody there")
        self.letters.append(letter)

    @property
    def events(self) -> list[object]:
        return [letter.data["event"] for letter in self.letters]


@pytest.fixture
def told() -> Told:
    return Told()


def test_it_is_told_once_and_so_is_its_end(told: Told):
    outage = Outage({"webhook": told.send}, lambda: told.now_s)
    for told.now_s in (0.0, AWAY_S, AWAY_S + 10, AWAY_S + 20):
        assert outage.away(StoreFullError("full")) == []
    assert told.events == ["raised"]
    assert "Make room on the disk" in told.letters[0].text
    assert told.letters[0].data["detail"] == {"code": "store-full"}
    for _ in range(2):
        assert outage.back() == []
    assert told.events == ["raised", "ended"]
    assert told.letters[0].data["id"] == told.letters[1].data["id"]
    assert told.letters[0].key != told.letters[1].key


def test_what_lasts_no_longer_than_a_start_is_not_told(told: Told):
    outage = Outage({"webhook": told.send}, lambda: told.now_s)
    for told.now_s in (0.0, AWAY_S - 1):
        outage.away(GONE)
    outage.back()
    told.now_s = AWAY_S
    outage.away(GONE)
    outage.back()
    assert told.letters == []


def test_a_way_that_fails_is_tried_again_and_keeps_no_other_waiting(told: Told):
    other = Told()
    outage = Outage({"webhook": told.send, "email": other.send}, lambda: told.now_s)
    outage.away(GONE)
    told.works, told.now_s = False, AWAY_S
    assert [error.code for error in outage.away(GONE)] == [UnreachableError.code]
    assert (told.events, other.events) == ([], ["raised"])
    told.works = True
    outage.away(GONE)
    assert (told.events, other.events) == (["raised"], ["raised"])
    other.works = False
    assert len(outage.back()) == 1
    other.works = True
    assert outage.back() == []
    assert (told.events, other.events) == (["raised", "ended"], ["raised", "ended"])


def test_a_short_one_behind_an_end_that_was_not_told_everywhere_is_no_news(told: Told):
    other = Told()
    outage = Outage({"webhook": told.send, "email": other.send}, lambda: told.now_s)
    for told.now_s in (0.0, AWAY_S):
        outage.away(GONE)
    other.works = False
    outage.back()
    outage.away(GONE)
    other.works = True
    assert (told.events, other.events) == (["raised", "ended"], ["raised"])
    outage.back()
    assert (told.events, other.events) == (["raised", "ended"], ["raised", "ended"])
    assert other.letters[0].data["id"] == other.letters[1].data["id"]


def test_the_watchman_tells_it_and_goes_on(told: Told, tmp_path: Path):
    """The database here is a file, and it is away when there is a folder in its place."""
    path = tmp_path / "node.sqlite"
    world = make_world(tmp_path / "node", f"sqlite:///{path}")
    watchman = Watchman(world.store, {"webhook": told.send}, Watch())
    watchman._outage = Outage({"webhook": told.send}, lambda: told.now_s)
    world.store.close()
    path.rename(tmp_path / "kept")
    path.mkdir()
    for told.now_s in (0.0, AWAY_S):
        watchman.turn()
    assert told.events == ["raised"]
    path.rmdir()
    (tmp_path / "kept").rename(path)
    watchman.turn()
    assert told.events == ["raised", "ended"]
    world.store.close()
