"""Settings from the environment: each parsed strictly, unknown names refused."""

from __future__ import annotations

import re
import socket
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from traceability import settings
from traceability.errors import SettingsError
from traceability.settings import (
    SETTINGS,
    GatewaySettings,
    NodeSettings,
    RunSettings,
    SimulatorSettings,
    WebSettings,
    environment,
    lan_address,
    listens_everywhere,
    load,
    runs_own_broker,
)

CLASSES = [NodeSettings, GatewaySettings, WebSettings, SimulatorSettings, RunSettings]


def test_without_any_setting_everything_has_its_default():
    here = load(RunSettings, {"PATH": "/bin", "HOME": "/"})
    assert here == RunSettings(
        data=Path.cwd() / "data",
        database_url=f"sqlite:///{Path.cwd() / 'data' / 'node.sqlite'}",
        base_url="http://127.0.0.1:8000",
        mqtt_url="mqtt://127.0.0.1:1883",
        host="127.0.0.1",
        port=8000,
        demo=True,
        mqtt_tls=None,
        smtp_url="",
        mail_from="",
        sites=(),
    )


@pytest.mark.parametrize("cls", CLASSES)
def test_each_program_gets_its_own_part_and_cannot_change_it(cls):
    here = load(cls, {"FT_DATA": "/srv/node"})
    assert here.data == Path("/srv/node")
    with pytest.raises(FrozenInstanceError):
        here.data = Path("/tmp")


@pytest.mark.parametrize("cls", CLASSES)
def test_a_child_with_the_environment_of_its_parent_gets_the_same_settings(cls):
    here = load(
        cls,
        {"FT_DATA": "/srv/node", "FT_PORT": "81", "FT_DEMO": "0", "FT_MQTT_URL": "embedded://127.0.0.1:9"},
    )
    assert load(cls, environment(here)) == here


def test_the_database_and_the_base_url_follow_the_settings_above_them():
    here = load(RunSettings, {"FT_DATA": "/srv/node", "FT_HOST": "dali.example", "FT_PORT": "81"})
    assert here.database_url == "sqlite:////srv/node/node.sqlite"
    assert here.base_url == "http://dali.example:81"


@pytest.mark.parametrize(
    ("host", "base_url"),
    [("::1", "http://[::1]:8000"), ("0.0.0.0", "http://192.0.2.7:8000"), ("::", "http://192.0.2.7:8000")],
)
def test_links_begin_with_an_address_that_leads_here(monkeypatch, host, base_url):
    monkeypatch.setattr(settings, "lan_address", lambda: "192.0.2.7")
    assert load(RunSettings, {"FT_HOST": host}).base_url == base_url


def test_sites_are_a_set_and_certificates_a_folder_that_is_there(tmp_path):
    (tmp_path / "ca.pem").touch()
    here = load(RunSettings, {"FT_SITES": "b, a,b", "FT_MQTT_TLS": str(tmp_path)})
    assert (here.sites, here.mqtt_tls) == (("a", "b"), tmp_path)
    assert load(RunSettings, environment(here)) == here
    with pytest.raises(SettingsError, match="certificates"):
        settings.tls_context(tmp_path)


def test_an_empty_value_is_as_good_as_none():
    assert load(RunSettings, {"FT_PORT": "", "FT_DATA": ""}) == load(RunSettings, {})


def test_the_table_of_the_operations_page_is_that_of_the_program():
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
    rows = re.findall(r"^\| `FT_(\w+)` \| (.+?) \| .+ \|$", page, re.MULTILINE)
    assert [name.lower() for name, _ in rows] == list(SETTINGS)
    for name, default in rows:
        known = SETTINGS[name.lower()].default
        if isinstance(known, str) and known:
            assert default == f"`{known}`", name
        else:
            assert "`" not in default.replace("`FT_DATA`", ""), name


@pytest.mark.parametrize("name", ["FT_DATABASE", "FT_", "FT_port", "FT_HOSTS"])
def test_a_misspelt_setting_is_named_with_those_that_exist(name):
    with pytest.raises(
        SettingsError, match=f"unknown setting {name}; the settings are FT_BASE_URL, FT_DATA"
    ) as refused:
        load(NodeSettings, {name: "1"})
    assert refused.value.code == "bad-setting"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FT_PORT", "0"),
        ("FT_PORT", "65536"),
        ("FT_PORT", "80a"),
        ("FT_PORT", "-1"),
        ("FT_PORT", "٨٠"),
        ("FT_DEMO", "yes"),
        ("FT_HOST", "a b"),
        ("FT_HOST", "http://a"),
        ("FT_BASE_URL", "dali.example"),
        ("FT_BASE_URL", "ftp://dali.example"),
        ("FT_BASE_URL", "http://"),
        ("FT_BASE_URL", "http://dali.example/path"),
        ("FT_BASE_URL", "http://dali.example?x=1"),
        ("FT_BASE_URL", "http://dali.example#x"),
        ("FT_BASE_URL", "http://dali.example:99999"),
        ("FT_BASE_URL", "http://dali.example:0"),
        ("FT_BASE_URL", "http://[::1"),
        ("FT_MQTT_URL", "http://127.0.0.1:1883"),
        ("FT_MQTT_URL", "embedded://"),
        ("FT_MQTT_URL", "embedded://127.0.0.1:x"),
        ("FT_MQTT_TLS", "/nowhere"),
        ("FT_SITES", "Farm"),
        ("FT_SITES", "a,,b"),
    ],
)
def test_a_value_that_does_not_parse_is_refused_with_its_name(name, value):
    with pytest.raises(SettingsError, match=name):
        load(RunSettings, {name: value})


@pytest.mark.parametrize("value", ["http://dali.example", "https://dali.example:8443", "http://[::1]:8000"])
def test_an_address_is_taken_with_or_without_a_slash_at_its_end(value):
    assert load(WebSettings, {"FT_BASE_URL": value + "/"}).base_url == value
    assert load(WebSettings, {"FT_BASE_URL": value}).base_url == value


@pytest.mark.parametrize(
    ("environ", "own", "url"),
    [
        ({}, True, "mqtt://127.0.0.1:1883"),
        ({"FT_MQTT_URL": ""}, True, "mqtt://127.0.0.1:1883"),
        ({"FT_MQTT_URL": "embedded://127.0.0.1:1884"}, True, "mqtt://127.0.0.1:1884"),
        ({"FT_MQTT_URL": "mqtt://127.0.0.1:1883"}, False, "mqtt://127.0.0.1:1883"),
        ({"FT_MQTT_URL": "mqtts://broker.example"}, False, "mqtts://broker.example"),
    ],
)
def test_the_embedded_broker_runs_unless_another_is_named(environ, own, url):
    assert runs_own_broker(environ) is own
    assert load(GatewaySettings, environ).mqtt_url == url


@pytest.mark.parametrize(
    ("host", "everywhere"),
    [("0.0.0.0", True), ("::", True), ("127.0.0.1", False), ("::1", False), ("dali.example", False)],
)
def test_only_the_unspecified_addresses_listen_everywhere(host, everywhere):
    assert listens_everywhere(host) is everywhere


def test_a_machine_without_a_network_has_the_loopback_address(monkeypatch):
    def unreachable(*_: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", unreachable)
    assert lan_address() == "127.0.0.1"


def test_a_machine_in_a_network_has_an_address_there(monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", lambda *_: None)
    monkeypatch.setattr(socket.socket, "getsockname", lambda _: ("192.0.2.7", 40000))
    assert lan_address() == "192.0.2.7"


def test_every_setting_has_a_line_of_help():
    assert all(setting.help for setting in SETTINGS.values())
