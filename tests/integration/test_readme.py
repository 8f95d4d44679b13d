"""The README's commands do what it says: with no simulator, a batch, a sensor, a reading on the page."""

from __future__ import annotations

import html
import io
import os
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.support.running import node_environment, running_node
from traceability.__main__ import build_parser, main
from traceability.settings import SETTINGS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def section(title: str) -> str:
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def shell(title: str) -> str:
    return "\n".join(re.findall(r"```sh\n(.*?)```", section(title), re.DOTALL))


def page_with(address: str, wanted: str) -> str:
    """The page once it shows a text; the publisher may need two seconds."""
    deadline = time.monotonic() + 20
    while True:
        with urllib.request.urlopen(f"{address}?lang=en", timeout=10) as answer:
            shown = html.unescape(answer.read().decode("utf-8"))
        if wanted in shown or time.monotonic() > deadline:
            return shown


@pytest.mark.slow
@pytest.mark.sweep(part=1, of="a whole node")
@pytest.mark.skipif(sys.platform != "linux", reason="children are tied to their parent on Linux only")
def test_your_own_batch_and_your_own_sensor(tmp_path):
    environ = node_environment(tmp_path / "node")
    environ["PATH"] = f"{Path(sys.executable).parent}:{environ['PATH']}"
    with running_node(environ | {"FT_DEMO": "0"}) as node:
        node.wait_for("Ctrl-C stops everything")
        commands = shell("Your own batch and your own sensor").replace(
            ". .venv/bin/activate", f"cd {tmp_path}"
        )
        commands = commands.replace("docs/", f"{ROOT}/docs/")
        environ["FT_MQTT_URL"] = environ["FT_MQTT_URL"].replace("embedded://", "mqtt://")
        done = subprocess.run(
            ["sh", "-euc", commands], env=environ, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
        assert "stored for good" in done.stdout
        address = node.wait_for(r"batch page +(http\S+)")[1]
        shown = page_with(address, "3.7 °C")
        assert "3.7 °C" in shown
        assert "My farm" in shown
        assert "Unchanged since they were recorded" in shown
        assert "firmware_sim" not in " ".join(node.processes().values())


def test_the_trace_and_the_recall_do_what_they_say(tmp_path, monkeypatch, capsys):
    for name in [name for name in os.environ if name.startswith("FT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FT_DATA", str(tmp_path / "node"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", Person("yes\n"))
    titles = ("--product-en", "X", "--product-zh", "某")
    made = ("--party", "9520001000010", "--gtin", "09520008000105", "--lot", "SY-1121-1")
    before = [
        ("init",),
        ("enrol", "party", "--name-en", "Farm", "--name-zh", "农场", "--gln", "9520001000010"),
        ("batch", "new", *titles, "--gtin", "09520001000102", "--lot", "CB-1120-07"),
        ("batch", "new", *titles, *made, "--from", "09520001000102/CB-1120-07=12.5KGM"),
    ]
    lines = shell("Trace it, recall it").replace("\\\n", " ").splitlines()
    block = [shlex.split(line) for line in lines if line]
    assert {words[0] for words in block} == {"traceability"}
    for words in [*before, *(words[1:] for words in block)]:
        assert main(words) == 0, capsys.readouterr().err
    said = capsys.readouterr()
    assert "backward: 2 things" in said.out
    assert (tmp_path / "trace.svg").read_text("utf-8").startswith("<svg")
    assert "2 things: type yes to sign this" in said.err
    assert re.search(r"R-\S+ issued since \S+, 2 things", said.out)


class Person(io.StringIO):
    """Somebody at a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("words", "broker", "says"),
    [
        ((), "closed", "PARTY BATCH TEMPERATURE"),
        (("https://p", "https://b", "warm"), "closed", "PARTY BATCH TEMPERATURE"),
        (("https://p", "banana", "3.7"), "closed", "PARTY BATCH TEMPERATURE"),
        (("https://p", "https://b", "3.7"), "closed", "no broker at 127.0.0.1:"),
        (("https://p", "https://b", "3.7"), "open", "was refused"),
        (("https://p", "https://b", "3.7"), "no command", "there is no command `traceability`"),
    ],
)
def test_your_own_sensor_says_what_is_wrong(tmp_path, words, broker, says):
    command = tmp_path / "traceability"
    if broker != "no command":
        command.write_text("#!/bin/sh\nexit 1\n")
        command.chmod(0o700)
    with socket.create_server(("127.0.0.1", 0)) as server:
        environ = {"PATH": str(tmp_path), "FT_MQTT_URL": f"mqtt://127.0.0.1:{server.getsockname()[1]}"}
        if broker == "closed":
            server.close()
        done = subprocess.run(
            [sys.executable, ROOT / "docs/own_sensor.py", *words],
            env=environ, capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip
    assert done.returncode != 0
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_every_setting_is_in_the_readme():
    rows = " ".join(re.findall(r"^\| (`FT_.*?) \|", README, re.MULTILINE))
    assert sorted(re.findall(r"`(FT_[A-Z_]+)`", rows)) == sorted(f"FT_{name.upper()}" for name in SETTINGS)


def test_every_verb_that_the_readme_names_exists():
    named = set(re.findall(r"^(?:\w+=\$\()?traceability ([a-z]+)", README, re.MULTILINE))
    offered = next(a.choices for a in build_parser()._actions if a.choices)
    assert named
    assert named <= set(offered)
