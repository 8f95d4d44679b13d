"""``traceability run``: one command starts a whole node, keeps it alive and ends it cleanly."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import ssl
import sys
import time
import urllib.request

import pytest
import zxingcpp
from PIL import Image

from tests.support.broker import HOST, free_port
from tests.support.gateway import wait_until
from tests.support.running import cli, node_environment, running_node, wait_until_gone, watched
from traceability.__main__ import main
from traceability.running.announcement import phone_lines
from traceability.settings import RunSettings, load

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="children are tied to their parent on Linux only"
)

PARTS = ("nats-server", "broker admit", "traceability publish", "-m gateway", "gunicorn")


def all_parts_run(node):
    """Whether each part of a node has its process."""
    commands = node.processes().values()
    return all(any(part in command for command in commands) for part in PARTS)


def read_qr(lines):
    """Scan a QR code that was drawn from half blocks into text."""
    rows = [line for line in lines if line and set(line) <= set("█▀▄ \u00a0") and "█" in line]
    picture = Image.new("L", (len(rows[0]) * 8, len(rows) * 16))
    for y, row in enumerate(rows):
        for x, block in enumerate(row):
            upper, lower = {"█": (255, 255), "▀": (255, 0), "▄": (0, 255)}.get(block, (0, 0))
            picture.paste(upper, (x * 8, y * 16, x * 8 + 8, y * 16 + 8))
            picture.paste(lower, (x * 8, y * 16 + 8, x * 8 + 8, y * 16 + 16))
    return [code.text for code in zxingcpp.read_barcodes(picture)]


@pytest.mark.slow
@pytest.mark.sweep(part=1, of="a whole node")
def test_a_node_starts_empty_ends_at_ctrl_c_and_continues_where_it_was(tmp_path):
    environ = node_environment(tmp_path / "node")
    with running_node(environ) as node:
        name = node.wait_for(r"made node (\S+)")[1]
        site = node.wait_for(r"site +(http://\S+)/")[1]
        assert site == f"http://127.0.0.1:{environ['FT_PORT']}"
        node.wait_for(rf"FT_HOST=0\.0\.0\.0 make run +-> +http://\S+:{environ['FT_PORT']}/")
        link = node.wait_for(r"first administrator +(http\S+)")[1]
        assert link.startswith(f"{site}/join/")
        with urllib.request.urlopen(link, timeout=10) as answer:
            assert answer.status == 200
        node.wait_for("no batch yet")
        node.wait_for("traceability batch new")
        node.wait_for("Ctrl-C stops everything")
        with urllib.request.urlopen(f"{site}/", timeout=10) as answer:
            assert answer.status == 200
        wait_until(lambda: all_parts_run(node), "every part runs")
        assert cli(environ, "enrol", "party", "--name-en", "Farm", "--name-zh", "农场").returncode == 0
        elsewhere = {name: text for name, text in environ.items() if name not in {"FT_PORT", "FT_MQTT_URL"}}
        made = cli(elsewhere, "batch", "new", "--product-en", "Pears", "--product-zh", "梨", "--json")
        page = json.loads(made.stdout)["page"]
        assert node.wait_for(r"batch page +(http\S+)")[1] == page
        with watched(node.processes()) as processes:
            assert [line for line in node.said if line.startswith(("broker  ", "gateway  "))] == []
            began = time.monotonic()
            assert node.end(signal.SIGINT) == 0
            assert time.monotonic() - began < 8
            wait_until_gone(processes, 0)
        assert node.said[-2:] == ["stopping", "everything has ended"]
        assert read_qr(node.said) == [page]

    with running_node(environ) as again:
        assert again.wait_for(r"opened node (\S+)")[1] == name
        assert again.wait_for(r"batch page +(http\S+)")[1] == page
        assert again.end(signal.SIGTERM) == 0


@pytest.mark.slow
@pytest.mark.sweep(part=1, of="a whole node")
def test_by_tls_the_site_is_believed_through_the_authority_that_is_named(tmp_path):
    environ = node_environment(tmp_path / "node")
    with running_node(environ, "--tls") as node:
        site = node.wait_for(r"site +(https://\S+)/")[1]
        authority = node.wait_for(r"authority +(/\S+ca\.pem)")[1]
        context = ssl.create_default_context(cafile=authority)
        with urllib.request.urlopen(f"{site}/", timeout=30, context=context) as answer:
            assert answer.status == 200
        assert "certificate: valid until" in cli(environ, "doctor").stdout
        assert node.end() == 0


@pytest.mark.slow
@pytest.mark.sweep(part=1, of="a whole node")
def test_a_killed_child_comes_back_and_a_killed_supervisor_takes_its_children_along(tmp_path):
    with running_node(node_environment(tmp_path / "node")) as node:
        node.wait_for("ready after")
        wait_until(lambda: all_parts_run(node), "every part runs")
        killed = node.pid_of("-m gateway")
        os.kill(killed, signal.SIGKILL)
        node.wait_for(r"^gateway +was ended by SIGKILL; starting it again in 0.5 s \(log: .*gateway\.log\)")
        with socket.create_server((HOST, 0)) as never:
            never.settimeout(1)
            with pytest.raises(TimeoutError):
                never.accept()  # one second passes
        assert node.pid_of("-m gateway") != killed
        children = {pid: c for pid, c in node.processes().items() if pid != node.process.pid}
        assert len(children) >= len(PARTS) + 1  # the web server has a worker
        with watched(children) as processes:
            node.process.kill()
            node.process.wait()
            wait_until_gone(processes, 5)


def refused(monkeypatch, capsys, environ):
    """What ``traceability run`` says when it does not even start."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert main(["run"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    return said.err


@pytest.mark.parametrize("part", ["web", "broker"])
def test_a_taken_port_is_named_before_anything_starts(tmp_path, monkeypatch, capsys, part):
    with socket.create_server((HOST, 0)) as other:
        taken = other.getsockname()[1]
        chosen = {"FT_PORT": str(taken)} if part == "web" else {"FT_MQTT_URL": f"embedded://{HOST}:{taken}"}
        said = refused(monkeypatch, capsys, node_environment(tmp_path / "node", **chosen))
    assert f"port {taken}" in said
    assert ("FT_PORT" if part == "web" else f"FT_MQTT_URL=mqtt://{HOST}:{taken}") in said
    assert "[bad-setting]" in said
    assert not (tmp_path / "node" / "node.json").exists()


def test_an_address_that_is_not_of_this_machine_is_named(tmp_path, monkeypatch, capsys):
    environ = node_environment(tmp_path / "node", FT_HOST="192.0.2.1")
    assert "cannot listen on 192.0.2.1" in refused(monkeypatch, capsys, environ)


def test_two_supervisors_never_share_a_data_folder(tmp_path, monkeypatch, capsys):
    (tmp_path / "node").mkdir()
    with (tmp_path / "node" / "run.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        said = refused(monkeypatch, capsys, node_environment(tmp_path / "node"))
    assert "another `traceability run` works in" in said


@pytest.mark.slow
@pytest.mark.sweep(part=1, of="a whole node")
def test_the_journey_is_shown_on_its_page_and_not_recorded_twice(tmp_path):
    environ = node_environment(tmp_path / "node", FT_DEMO="1")
    with running_node(environ) as node:
        wait_until((node.data / "demo" / "ready").exists, "the firms and devices of the journey")
        os.kill(node.pid_of("traceability demo"), signal.SIGKILL)  # while the journey is still played
        node.wait_for(r"^people +was ended by SIGKILL; starting it again")
        page = node.wait_for(r"batch page +(http\S+)")[1]
        with urllib.request.urlopen(page, timeout=10) as answer:
            assert answer.status == 200
        plan = json.loads((node.data / "demo" / "plan.json").read_text("utf-8"))
        link = node.wait_for(r"^ +(http\S+/enter/\S+)")[1]
        with urllib.request.urlopen(link, timeout=10) as answer:
            assert answer.status == 200
        assert node.end() == 0
        assert read_qr(node.said) == [page]
        assert page.endswith(plan["batches"][0]["lot"])


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"FT_BASE_URL": "http://192.0.2.7:8000"}, "phone       http://192.0.2.7:8000/"),
        ({"FT_BASE_URL": "https://dali.example"}, "phone       https://dali.example/"),
        ({}, "FT_HOST=0.0.0.0 make run"),
        ({"FT_HOST": "localhost"}, "FT_HOST=0.0.0.0 make run"),
        ({"FT_HOST": "::1"}, "FT_HOST=0.0.0.0 make run"),
    ],
)
def test_a_phone_is_told_an_address_only_if_it_can_use_it(environ, said):
    lines = phone_lines(load(RunSettings, environ))
    assert said in "\n".join(lines)


def test_a_missing_database_server_is_said_and_ends_the_start(tmp_path):
    url = f"postgresql+psycopg://nobody@{HOST}:{free_port()}/none"
    with running_node(node_environment(tmp_path / "node", FT_DATABASE_URL=url)) as node:
        node.wait_for("error: the database does not answer")
        node.wait_for(r"\[store-unavailable\]")
        assert node.process.wait(30) == 1
        assert node.processes() == {}
