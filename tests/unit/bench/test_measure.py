"""What the benchmarks print, and what they work on."""

from __future__ import annotations

from itertools import islice

from bench.measure import Table, median, ratio
from bench.world import FRAME_MS, handfuls, measurements, stay
from tests.support.world import START_MS, make_world
from traceability.operations.ingest import Message
from traceability.verification.verdict import check


def test_table_is_markdown_with_aligned_columns():
    table = Table("Speed", ["what", "1"], [["here", "10"], ["there", "2,000"]], "Twice.")
    assert table.text().splitlines() == [
        "## Speed",
        "",
        "| what  |     1 |",
        "| ----- | ----: |",
        "| here  |    10 |",
        "| there | 2,000 |",
        "",
        "Twice.",
    ]


def test_median_comes_with_its_bounds():
    assert median([3.0, 1000.0, 2.0]) == "3 (2 to 1,000)"
    assert median([0.0015], 1, 1e3) == "1.5 (1.5 to 1.5)"


def test_ratio_compares_round_with_round():
    assert ratio([1.0, 100.0, 30.0], [1.0, 50.0, 10.0]) == "2.00 (1.00 to 3.00)"


def test_measurements_follow_one_another():
    first, second = islice(measurements(1, 60), 2)
    assert len(first) == len(second) == 60
    assert second[0].at_ms - first[0].at_ms == FRAME_MS
    (later,) = islice(measurements(1, 10, START_MS + 9 * 86_400_000), 1)
    assert later[0].at_ms >= START_MS + 9 * 86_400_000


def test_handfuls_keep_order_and_lose_nothing():
    messages = [Message("t", bytes([i])) for i in range(25)]
    taken = handfuls(messages, 10)
    assert [len(h) for h in taken] == [10, 10, 5]
    assert [m for h in taken for m in h] == messages


def test_stays_one_after_the_other_are_complete(tmp_path):
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    for days in (1, 2):
        verdict = check(world.bundle(stay(world, days)), world.node.policy)
        assert verdict.failure is None
        assert verdict.exit_code == 0
        assert verdict.journey is not None
        assert verdict.journey.stays[0].frames >= days * 144
    world.store.close()
