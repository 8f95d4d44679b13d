"""Sensors deviate as their data sheets say, and their calibration takes it back."""

from __future__ import annotations

from statistics import fmean, pstdev

import pytest

from firmware_sim.physics.sensor import DAY_MS, Battery, Calibration, Probe, Sensor, Spike, Stuck

BEGUN_MS = 20_000 * DAY_MS
ERROR = Calibration(gain=1.02, offset=-0.4)


def sensor(probe, *faults):
    return Sensor(probe, 1, "sensor air", BEGUN_MS, faults)


def times(count, every_ms=10_000):
    return [BEGUN_MS + n * every_ms for n in range(count)]


def test_uncalibrated_sensor_shows_its_gain_and_offset():
    probe = sensor(Probe(error=ERROR))
    assert probe.read(10.0, BEGUN_MS) == pytest.approx(9.8)


def test_calibration_gives_the_truth_within_the_resolution():
    probe = sensor(Probe(error=ERROR, applied=ERROR, step=0.0625))
    for n, at_ms in enumerate(times(400)):
        truth = -20 + n * 0.1
        assert abs(probe.read(truth, at_ms) - truth) <= 0.0625 / 2 / 1.02 + 0.0005 + 1e-9


def test_readings_are_multiples_of_the_resolution():
    probe = sensor(Probe(noise=0.3, step=0.0625))
    shown = {probe.read(4.0, at_ms) for at_ms in times(200)}
    assert all(value * 16 == int(value * 16) for value in shown)
    assert len(shown) > 5


def test_noise_has_its_size_and_no_bias():
    probe = sensor(Probe(noise=0.2))
    shown = [probe.read(4.0, at_ms) for at_ms in times(2000)]
    assert fmean(shown) == pytest.approx(4.0, abs=0.02)
    assert pstdev(shown) == pytest.approx(0.2, rel=0.1)


def test_lag_takes_63_percent_of_a_step_in_its_time():
    probe = sensor(Probe(lag_s=300.0))
    probe.feel(0.0, BEGUN_MS)
    shown = [probe.read(10.0, at_ms) for at_ms in times(200)[1:]]
    assert shown[29] == pytest.approx(6.3, abs=0.15)
    assert shown[-1] == pytest.approx(10.0, abs=0.05)


def test_drift_adds_up_by_the_day():
    probe = sensor(Probe(drift_per_day=0.01))
    assert probe.read(4.0, BEGUN_MS + 30 * DAY_MS) == pytest.approx(4.3)


def test_stuck_sensor_repeats_itself_and_then_goes_on():
    fault = Stuck(BEGUN_MS + 100_000, BEGUN_MS + 200_000)
    probe = sensor(Probe(noise=0.1), fault)
    shown = [probe.read(n, at_ms) for n, at_ms in enumerate(times(30))]
    assert len(set(shown[9:20])) == 1
    assert len(set(shown[20:])) == 10
    assert shown[20] == pytest.approx(20, abs=0.5)


def test_spike_is_off_by_what_was_said_and_only_then():
    probe = sensor(Probe(), Spike(BEGUN_MS + 10_000, BEGUN_MS + 20_000, 40.0))
    assert [probe.read(4.0, at_ms) for at_ms in times(3)] == [4.0, 44.0, 4.0]


def test_same_seed_reads_the_same_and_another_name_another():
    one, same, other = (Sensor(Probe(noise=0.1), 1, n, BEGUN_MS) for n in ("a", "a", "b"))
    assert one.read(4.0, BEGUN_MS) == same.read(4.0, BEGUN_MS) != other.read(4.0, BEGUN_MS)


def test_battery_runs_down_and_gives_less_in_the_cold():
    battery = Battery(3.6, 3.0, 100 * DAY_MS, begun=0.5)
    assert battery.voltage(battery.used(0), 20.0) == pytest.approx(3.3)
    assert battery.voltage(battery.used(50 * DAY_MS), 20.0) == pytest.approx(3.0)
    assert battery.voltage(0, -20.0) < battery.voltage(0, 20.0)
