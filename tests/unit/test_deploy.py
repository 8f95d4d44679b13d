"""What ``deploy/systemd`` starts is there (``test_units`` starts it); brokers start in ``test_brokers``."""

from __future__ import annotations

import configparser
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from traceability.__main__ import build_parser
from traceability.broker import DEFAULT_ACK_WAIT_S, MAX_PAYLOAD_BYTES, MAX_SUBSCRIPTIONS, MAX_UNACKNOWLEDGED

DEPLOY = Path(__file__).parents[2] / "deploy"
OPERATIONS = (DEPLOY.parent / "docs" / "operations.md").read_text("utf-8")
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
INSTALLED = "/opt/food-traceability/.venv/bin/"
BESIDE = Path(sys.executable).parent


def read(unit: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(unit.read_text("utf-8"))
    return parser


def test_every_program_of_a_node_has_a_unit():
    names = {unit.stem.removeprefix("food-traceability-") for unit in UNITS}
    assert names == {"node", "broker", "doorkeeper", "gateway", "publisher", "web", "witness"}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_starts_something_that_exists(unit: Path):
    read_unit = read(unit)
    program, *words = shlex.split(read_unit["Service"]["ExecStart"])
    assert program.startswith(INSTALLED)
    name = program.removeprefix(INSTALLED)
    assert (BESIDE / name).exists()
    if name == "traceability":
        build_parser().parse_args(words)  # ends the program at a verb or an option that is not there
    elif name == "python":
        assert words[0] == "-m"
        assert (DEPLOY.parent / words[1] / "__main__.py").is_file()
    for file in (word for word in words if word.startswith("/etc/food-traceability/")):
        assert (DEPLOY / Path(file).relative_to("/etc/food-traceability")).is_file()
    settings = read_unit["Service"].get("EnvironmentFile")
    assert settings is None or f"`{settings}`" in OPERATIONS, "without that file systemd starts nothing"
    for after in read_unit["Unit"]["After"].split():
        assert after == "network-online.target" or (unit.parent / after).is_file()


@pytest.mark.parametrize(
    ("file", "lines"),
    [
        (
            "nats/node.conf",
            (
                f"max_payload: {MAX_PAYLOAD_BYTES}",
                f'ack_wait: "{DEFAULT_ACK_WAIT_S}s"',
                f"max_ack_pending: {MAX_UNACKNOWLEDGED}",
                f"limits {{ default_max_consumers: {MAX_SUBSCRIPTIONS} }}",
            ),
        ),
        (
            "mosquitto/mosquitto.conf",
            (
                f"max_packet_size {MAX_PAYLOAD_BYTES}",
                f"max_inflight_messages {MAX_UNACKNOWLEDGED}",
                "max_queued_messages 0",
            ),
        ),
    ],
    ids=["nats", "mosquitto"],
)
def test_a_broker_of_its_own_has_the_window_and_limits_of_the_embedded_one(file: str, lines: tuple[str, ...]):
    written = [line.strip() for line in (DEPLOY / file).read_text("utf-8").splitlines()]
    assert not [line for line in lines if line not in written]


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        return  # the parts are looked at above
    for unit in UNITS:
        (tmp_path / unit.name).write_text(unit.read_text("utf-8").replace(INSTALLED, f"{BESIDE}/"), "utf-8")
    done = subprocess.run(
        [analyze, "verify", "--man=no", "--recursive-errors=no", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True, text=True, check=False, env=os.environ | {"SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not [line for line in done.stderr.splitlines() if "food-traceability" in line]
