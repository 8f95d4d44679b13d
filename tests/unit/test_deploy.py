"""What ``deploy/systemd`` starts is there. The brokers' own files are started in ``test_brokers``."""

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

DEPLOY = Path(__file__).parents[2] / "deploy"
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
    for after in read_unit["Unit"]["After"].split():
        assert after == "network-online.target" or (unit.parent / after).is_file()


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
