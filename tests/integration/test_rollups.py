"""Cells in the store: the same in any order of frames, as exact as the frames, and rebuilt where missing."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from itertools import count, pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, update

from tests.support.world import LIMITS, MINUTE_MS, START_MS, Probe, World, make_world
from traceability.__main__ import main
from traceability.errors import ReadingsError
from traceability.operations.audit import audit, records
from traceability.operations.inforce import InForce, Outside, limits_in_force, outside_by
from traceability.operations.measured import (
    HOUR_MS,
    Summary,
    cells_in,
    channels_on,
    exposure_of,
    summaries,
)
from traceability.operations.rollups import fold_missing
from traceability.sensing.coldchain import Limits, Sample, exposure, milli
from traceability.sensing.frame import Clock
from traceability.sensing.rollup import CELL_MS, Cell, cells_of
from traceability.sensing.senml import Columns, Reading
from traceability.store.readings import Rollup, Series

INSTALLED_MS = START_MS + 10 * MINUTE_MS


@pytest.fixture
def bench(tmp_path, database_url) -> Iterator[tuple[World, Probe, str]]:
    world = make_world(tmp_path / "node", database_url)
    farm, room = world.party("Farm"), world.asset("ROOM1")
    probe = world.device(farm)
    world.install(farm, probe, room)
    world.wait(minutes=24 * 60)
    yield world, probe, room
    world.store.close()


def channel(world: World, room: str, name: str):
    with world.store.reading() as connection:
        return next(c for c in channels_on(connection, room, "Cel") if c.name == name)


def stored(world: World, room: str, name: str) -> dict[int, Cell]:
    with world.store.reading() as connection:
        rows = cells_in(connection, channel(world, room, name), 0, world.now_ms)
        return {row.from_ms: Cell(*row[2:]) for row in rows}


def expected(readings: list[Reading]) -> dict[int, Cell]:
    return {at: cell for _, _, at, cell in cells_of(Columns(*zip(*readings, strict=True)))}


times = st.lists(
    st.tuples(st.integers(0, 90 * 60), st.integers(-30, 100)),
    min_size=1,
    max_size=14,
    unique_by=lambda p: p[0],
)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(times, st.data())
def test_late_repeated_and_shuffled_frames_give_the_same_cells_and_the_exact_times(bench, points, data):
    world, probe, room = bench
    name = f"t{secrets.token_hex(8)}"
    readings = [Reading(name, "Cel", INSTALLED_MS + s * 1000, v / 10) for s, v in sorted(points)]
    cuts = sorted(data.draw(st.sets(st.integers(1, len(readings)), max_size=4)) | {0, len(readings)})
    frames = [probe.frame(readings[a:b]) for a, b in pairwise(cuts)]
    sent = data.draw(st.permutations([*frames, *data.draw(st.lists(st.sampled_from(frames), max_size=3))]))
    half = data.draw(st.integers(0, len(sent)))
    for handful in (sent[:half], sent[half:]):
        if handful:
            world.take(probe, *handful)
    assert stored(world, room, name) == expected(readings)
    low = data.draw(st.integers(-2000, 4000))
    limits = Limits(low, low + data.draw(st.integers(0, 5000)), data.draw(st.integers(60, 2400)) * 1000)
    from_ms = INSTALLED_MS + data.draw(st.integers(0, 5400)) * 1000
    window = from_ms, from_ms + data.draw(st.integers(0, 5400)) * 1000
    samples = [Sample(r.at_ms, milli(r.value)) for r in readings]
    with world.store.reading() as connection:
        found = exposure_of(connection, channel(world, room, name), limits, *window)
    assert found == exposure(samples, limits, *window)


def test_what_is_refused_or_has_no_clock_is_in_no_cell(bench):
    world, probe, room = bench
    world.measure(probe, 4.0)
    world.take(probe, probe.frame([Reading("air", "Cel", world.now_ms + 60 * MINUTE_MS, 9.0)]))
    adrift = {"clock": Clock.UNSYNCHRONISED, "issued_at": None}
    world.take(probe, probe.frame([Reading("air", "Cel", 1000, 9.0)], **adrift))
    (cell,) = stored(world, room, "air").values()
    assert (cell.n, cell.high_milli) == (1, 4000)


def test_a_handful_that_was_rolled_back_leaves_nothing_behind_and_comes_again(bench, monkeypatch):
    world, probe, room = bench
    body = world.frame(probe, 4.0)

    def fails(*_):
        raise RuntimeError("in the middle")

    with monkeypatch.context() as patched:
        patched.setattr(world.ingesting, "_settle", fails)
        with pytest.raises(RuntimeError):
            world.take(probe, body)
    world.take(probe, body)
    assert [cell.n for cell in stored(world, room, "air").values()] == [1]


def test_hours_are_added_up_from_cells_with_what_is_covered(bench):
    world, probe, room = bench
    hour = START_MS + 2 * HOUR_MS
    minutes = [*range(-10, 40, 2), *range(75, 100, 5)]
    readings = [Reading("air", "Cel", hour + m * MINUTE_MS, (m % 7) - 3) for m in minutes]
    world.take(probe, probe.frame(readings))
    own = [r for r in readings if hour <= r.at_ms < hour + HOUR_MS]
    values = [milli(r.value) for r in own]
    with world.store.reading() as connection:
        air = channel(world, room, "air")
        first, second = summaries(connection, air, HOUR_MS, hour, hour + 2 * HOUR_MS, 30 * MINUTE_MS)
        bridged, _ = summaries(connection, air, HOUR_MS, hour, hour + 2 * HOUR_MS, 40 * MINUTE_MS)
        for every, to_ms, gap in ((HOUR_MS, hour + 1, HOUR_MS), (7, hour, HOUR_MS), (HOUR_MS, hour, 1000)):
            with pytest.raises(ReadingsError):
                summaries(connection, air, every, hour, to_ms, gap)
    assert first == Summary(hour, len(own), min(values), max(values), sum(values), 38 * MINUTE_MS)
    assert first.mean_milli == sum(values) // len(own)
    assert (second.n, second.covered_ms) == (5, 20 * MINUTE_MS)
    assert bridged.covered_ms == 60 * MINUTE_MS


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(times, st.integers(-2000, 4000), st.integers(0, 5000))
def test_time_outside_cut_into_intervals_is_that_of_each_interval(bench, points, low, wide):
    samples = [Sample(INSTALLED_MS + s * 1000, v * 100) for s, v in sorted(points)]
    limits, end_ms = Limits(low, low + wide, 40 * MINUTE_MS), INSTALLED_MS + 2 * HOUR_MS
    cut = outside_by([exposure(samples, limits, INSTALLED_MS, end_ms)], CELL_MS)
    for begin in range(INSTALLED_MS, end_ms, CELL_MS):
        alone = exposure(samples, limits, begin, begin + CELL_MS)
        assert cut.get(begin, Outside()) == Outside(alone.above_ms, alone.below_ms)


def test_the_limits_in_force_are_the_narrowest_of_the_lots_that_are_there(bench):
    world, _, room = bench
    farm = world.party("Owner")

    def lot(name, low, high):
        borne = LIMITS | {"lowMilliCelsius": low, "highMilliCelsius": high}
        return world.harvest(farm, name, **{"ft:temperature": borne})

    warm, cold = lot("W", 2000, 12_000), lot("C", -1000, 4000)
    frozen, ends = lot("F", -40_000, -18_000), []
    for batch, step in ((warm, "store"), (cold, "store"), (warm, "retrieve"), (frozen, "store")):
        world.wait(minutes=10)
        world.event(step, farm, batch, asset=room)
        ends.append(world.now_ms)
    world.wait(minutes=10)
    gap_ms = LIMITS["maxGapSeconds"] * 1000
    with world.store.reading() as connection:
        found = limits_in_force(connection, room, ends[0] - 1, world.now_ms)
        assert limits_in_force(connection, room, ends[0] - 2, ends[0] - 1) == []
        later = limits_in_force(connection, room, ends[2] + 5, ends[2] + 9)
    assert found == [
        InForce(ends[0], ends[1], Limits(2000, 12_000, gap_ms)),
        InForce(ends[1], ends[2], Limits(2000, 4000, gap_ms)),
        InForce(ends[2], ends[3], Limits(-1000, 4000, gap_ms)),
        InForce(ends[3], world.now_ms, Limits(-18_000, -18_000, gap_ms)),
    ]
    assert later == [InForce(ends[2] + 5, ends[2] + 9, Limits(-1000, 4000, gap_ms))]


def test_a_gap_inside_a_cell_is_a_gap_and_a_crossing_inside_one_is_found(bench):
    world, probe, room = bench
    cell_ms = INSTALLED_MS - INSTALLED_MS % CELL_MS + CELL_MS
    readings = [
        Reading("air", "Cel", cell_ms + s * 1000, v) for s, v in ((0, 1), (100, 9), (200, 1), (290, 1))
    ]
    world.take(probe, probe.frame(readings))
    samples = [Sample(r.at_ms, milli(r.value)) for r in readings]
    with world.store.reading() as connection:
        for limits in (Limits(0, 10_000, 95_000), Limits(0, 5000, 600_000), Limits(0, 500, 600_000)):
            found = exposure_of(connection, channel(world, room, "air"), limits, cell_ms, cell_ms + CELL_MS)
            assert found == exposure(samples, limits, cell_ms, cell_ms + CELL_MS)


def test_only_temperatures_have_limits(bench):
    world, probe, room = bench
    world.take(probe, probe.frame([Reading("humidity", "%RH", world.now_ms, 90)]))
    with world.store.reading() as connection:
        (humidity,) = channels_on(connection, room)
        with pytest.raises(ReadingsError):
            exposure_of(connection, humidity, Limits(0, 1, 1), 0, 1)


def test_a_store_from_before_there_were_cells_is_folded_once(bench):
    world, probe, room = bench
    for number in count():
        world.wait(minutes=7)
        world.measure(probe, number, number + 1, number + 2)
        if number == 5:
            break
    before = stored(world, room, "air")
    with world.store.transaction() as tx:
        tx.connection.execute(delete(Rollup))
        tx.connection.execute(delete(Series))
    assert not audit(world.store, world.node).ok
    assert fold_missing(world.store) == 6
    assert fold_missing(world.store) == 0
    assert stored(world, room, "air") == before
    assert audit(world.store, world.node).ok


def test_the_audit_names_a_cell_that_no_frame_gives(bench):
    world, probe, _ = bench
    world.measure(probe, 4.0)
    with world.store.transaction() as tx:
        row = dict(tx.connection.execute(select(Rollup.__table__)).mappings().one())
        tx.connection.execute(insert(Rollup).values(row | {"series": 7}))
    (finding,) = audit(world.store, world.node).findings
    assert (finding.code, finding.where) == ("rollup", "rollups of series 7")


@pytest.mark.parametrize("records_each", [records.RANGE, 2], ids=["one-part", "several-parts"])
def test_a_false_and_a_missing_cell_are_named_whoever_reads_their_stream(bench, monkeypatch, records_each):
    world, probe, _ = bench
    monkeypatch.setattr(records, "RANGE", records_each)
    for number in range(6):
        world.wait(minutes=7)
        world.measure(probe, number, number + 1)
    assert audit(world.store, world.node).ok
    with world.store.transaction() as tx:
        first, *_, last = tx.connection.execute(select(Rollup).order_by(Rollup.from_ms)).all()
        (of_first, of_last) = ((Rollup.from_ms == row.from_ms) for row in (first, last))
        tx.connection.execute(update(Rollup).where(of_first).values(n=first.n + 1))
        tx.connection.execute(delete(Rollup).where(of_last))
    said = {(f.code, f.where, f.text) for f in audit(world.store, world.node).findings}
    assert said == {
        ("rollup", f"rollup {first.series} {first.from_ms}", f"n should be {first.n}, is {first.n + 1}"),
        ("rollup", f"rollup {last.series} {last.from_ms}", "this row is missing"),
    }


def test_the_command_line_says_what_was_measured_and_what_of_it_was_too_warm(tmp_path, monkeypatch, capsys):
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node' / 'node.sqlite'}")
    farm, room = world.party("Farm"), world.asset("ROOM1")
    probe = world.device(farm)
    world.install(farm, probe, room)
    world.now[0] = int(time.time() * 1000) - HOUR_MS
    world.measure(probe, *[4.0] * 20, *[6.0] * 11)
    monkeypatch.setenv("FT_DATA", str(tmp_path / "node"))
    assert main(["readings", "ROOM1", "--last", "3", "--high", "5", "--low", "0", "--json"]) == 0
    (air,) = json.loads(capsys.readouterr().out)["channels"]
    assert (air["device"], air["name"], air["unit"]) == (probe.device, "air", "Cel")
    assert sum(row["n"] for row in air["intervals"]) == 31
    assert sum(row["covered_ms"] for row in air["intervals"]) == 30 * MINUTE_MS
    assert air["exposure"]["above_ms"] == 10.5 * MINUTE_MS
    assert sum(row["above_ms"] for row in air["intervals"]) == 10.5 * MINUTE_MS
    assert {row["below_ms"] for row in air["intervals"]} == {0}
    assert main(["readings", "ROOM1", "--profile", "red-meat", "--by", "day", "--last", "2"]) == 0
    assert "above for 0 min" in capsys.readouterr().out
    assert main(["readings", "ROOM1", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["limits"] == [], "no lot is there, so none are in force"
    assert all("above_ms" not in row for row in said["channels"][0]["intervals"])
    batch = world.harvest(farm, "L1", at_ms=world.now_ms - 50 * MINUTE_MS)
    world.event("store", farm, batch, asset=room, at_ms=world.now_ms - 5 * MINUTE_MS)
    world.store.close()
    assert main(["readings", "ROOM1", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    (limits,) = (each["limits"] for each in said["limits"])
    assert limits["high_milli_c"] == LIMITS["highMilliCelsius"]
    assert sum(row["above_ms"] for row in said["channels"][0]["intervals"]) == 5 * MINUTE_MS
    assert said["channels"][0]["exposure"] is None
    assert main(["readings", "ROOM1"]) == 0
    assert "above for 5 min, below for 0 min" in capsys.readouterr().out
    assert main(["readings", "ROOM9"]) == 0
    assert "nothing was measured" in capsys.readouterr().out
    assert main(["readings", "ROOM1", "--low", "1"]) == 1
    assert main(["readings", "ROOM1", "--last", "0"]) == 1
