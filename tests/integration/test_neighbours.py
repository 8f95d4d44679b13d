"""Nodes that witness one another, and the witnesses that the demonstration brings along."""

from __future__ import annotations

import signal
import socket
import sys
import urllib.request
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.broker import HOST, free_port
from tests.support.gateway import wait_until
from tests.support.running import cli, node_environment, running_node
from tests.support.witness import running
from traceability.errors import SettingsError
from traceability.ledger import note
from traceability.operations.node import Node, init_node, load_node
from traceability.operations.prepare import prepare_node
from traceability.running.children import Child
from traceability.running.neighbours import neighbour_programs, prepare_neighbours
from traceability.settings import RunSettings, load
from traceability.sitecertificate import authority_of, make_local
from traceability.store.engine import system_clock
from traceability.verification.freshness import FreshnessCode
from traceability.verification.verdict import check
from traceability.witness.folder import init_witness, load_key, open_memory

NAMES = ("dali", "chongqing", "hangzhou")


def get(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=10) as answer:
        return bytes(answer.read())


def is_signed_by(site: str, names: set[str]) -> bool:
    """Whether just these names stand under the newest checkpoint."""
    signatures = note.parse_note(get(f"{site}/log/checkpoint")).signatures
    return {signature.name for signature in signatures} == names


def others(name: str) -> list[str]:
    return [other for other in NAMES if other != name]


def trust(folder: Path, nodes: Iterable[Node]) -> None:
    with open_memory(folder) as memory:
        for node in nodes:
            memory.trust(node.policy.log)


def demand(node: Node, *witnesses: str) -> None:
    """All of these witnesses must have signed, says the node's policy from now on."""
    names = " ".join(witness.split()[1] for witness in witnesses)
    pinned = node.policy_text.removesuffix("quorum none\n")
    text = "\n".join([*witnesses, f"group others all {names}", "quorum others", ""])
    (node.folder / "policy").write_text(pinned + text)


@pytest.mark.skipif(sys.platform != "linux", reason="children are tied to their parent on Linux only")
@pytest.mark.slow
@pytest.mark.sweep(part=1, of="a whole node")
def test_three_nodes_witness_one_another(tmp_path):
    environs = {name: node_environment(tmp_path / name) for name in NAMES}
    nodes = {n: prepare_node(load(RunSettings, environs[n]), f"{n}.example")[0] for n in NAMES}
    folders = {name: tmp_path / f"{name}-witness" for name in NAMES}
    keys = {name: init_witness(folders[name], f"witness.{name}.example") for name in NAMES}
    with ExitStack() as stack:
        line = {}
        for name in NAMES:
            trust(folders[name], (nodes[other] for other in others(name)))
            address = stack.enter_context(running(folders[name])).address
            line[name] = f"witness {name} {keys[name].vkey()} {address}"
        for name, node in nodes.items():
            demand(node, *(line[other] for other in others(name)))
        started = {name: stack.enter_context(running_node(environs[name])) for name in NAMES}
        for name in NAMES:
            site = started[name].wait_for(r"site +(http://\S+)/")[1]
            wanted = {nodes[name].origin, *(keys[other].name for other in others(name))}
            wait_until(partial(is_signed_by, site, wanted), f"signatures for {name}")
        cli(environs["dali"], "enrol", "party", "--name-en", "Farm", "--name-zh", "农场")
        cli(environs["dali"], "batch", "new", "--product-en", "Pears", "--product-zh", "梨")
        page = started["dali"].wait_for(r"batch page +(http\S+)")[1]
        bundle = get(page.replace("/01/", "/bundle/01/"))
        for each in started.values():
            each.process.send_signal(signal.SIGINT)  # all at once: each takes a second or two to end
    verdict = check(bundle, load_node(tmp_path / "dali").policy, system_clock())
    assert verdict.exit_code == 0, verdict.lines()
    assert verdict.freshness is not None
    assert verdict.freshness.code is FreshnessCode.FRESH
    assert set(verdict.freshness.witnesses) == set(others("dali"))


@pytest.fixture
def settings(tmp_path) -> RunSettings:
    """Those of a demonstration that was not started yet."""
    return load(RunSettings, {"FT_DATA": str(tmp_path), "FT_PORT": str(free_port())})


def prepared(settings: RunSettings) -> Node:
    return prepare_neighbours(settings, load_node(settings.data))


def test_the_demonstration_has_three_witnesses_of_which_two_are_enough(settings):
    init_node(settings.data)
    node = prepared(settings)
    quorum = node.policy.quorum
    assert [(group.name, group.threshold, *group.members) for group in quorum.groups] == [
        ("complete", 1, "Hangzhou"),
        ("neighbours", 2, "Chongqing", "Chengdu", "complete"),
    ]
    assert [witness.name for witness in quorum.witnesses] == ["Chongqing", "Chengdu", "Hangzhou"]
    assert len({witness.url for witness in quorum.witnesses}) == 3
    for program, witness in zip(neighbour_programs(node), quorum.witnesses, strict=True):
        folder = settings.data / "witnesses" / program.name
        assert load_key(folder).public == witness.key.key
        with open_memory(folder) as memory:
            assert list(memory.logs()) == [node.origin]
            assert memory.full == (witness.name == "Hangzhou")
    assert prepared(settings).policy_text == node.policy_text


def test_a_full_neighbour_reads_the_log_where_the_site_is_this_time(settings):
    init_node(settings.data)
    for host, port, url in [
        (settings.host, settings.port, f"http://127.0.0.1:{settings.port}/log"),
        ("0.0.0.0", 8123, "http://127.0.0.1:8123/log"),
        ("::1", 8124, "http://[::1]:8124/log"),
    ]:
        node = prepared(replace(settings, host=host, port=port))
        folder = settings.data / "witnesses" / "hangzhou"
        with open_memory(folder) as memory, memory.mirror(node.origin) as mirror:
            assert mirror.url() == url


def test_by_tls_a_full_neighbour_reads_under_the_certificate_s_name_and_believes_its_authority(settings):
    init_node(settings.data)
    certificate, key = make_local(settings)
    secure = replace(settings, base_url="https://127.0.0.1:8125", tls_cert=certificate, tls_key=key)
    node = prepared(secure)
    folder = settings.data / "witnesses" / "hangzhou"
    with open_memory(folder) as memory, memory.mirror(node.origin) as mirror:
        assert mirror.url() == "https://127.0.0.1:8125/log"
    (first, *_) = neighbour_programs(node, authority_of(secure))
    child = Child(first, {"PATH": "/bin"}, settings.data)
    assert child.environ == {"PATH": "/bin", "SSL_CERT_FILE": str(certificate.parent / "ca.pem")}
    child.close()


def test_a_start_that_was_cut_off_goes_on_with_the_witnesses_that_are_whole(settings):
    node, places = init_node(settings.data), settings.data / "witnesses"
    kept = init_witness(places / "chongqing", "witness.chongqing.example/w1")
    init_witness(places / "chengdu", "witness.chengdu.example/w1")
    light = init_witness(places / "hangzhou", "witness.hangzhou.example/w1")
    (places / "chengdu" / "witness.sqlite").unlink()
    assert not node.policy.quorum.asks
    made = {witness.name: witness.key for witness in prepared(settings).policy.quorum.witnesses}
    assert made["Chongqing"] == kept
    assert load_key(places / "chengdu").public == made["Chengdu"].key
    assert made["Hangzhou"] != light, "a light one does not become a full one"


def test_a_node_that_is_meant_keeps_its_policy(settings):
    node = init_node(settings.data)
    meant = replace(settings, demo=False)
    assert prepare_neighbours(meant, node).policy_text == node.policy_text
    assert neighbour_programs(node) == []
    vkey = init_witness(settings.data / "elsewhere", "witness.example/w1").vkey()
    pinned = node.policy_text.removesuffix("quorum none\n")
    (node.folder / "policy").write_text(f"{pinned}witness own {vkey} https://w.example\nquorum own\n")
    assert [w.name for w in prepared(settings).policy.quorum.witnesses] == ["own"]
    assert neighbour_programs(load_node(settings.data)) == []


def test_a_taken_port_of_a_witness_is_named(settings):
    init_node(settings.data)
    node = prepared(settings)
    port = urlsplit(node.policy.quorum.witnesses[1].url).port
    with (
        socket.create_server((HOST, port or 0)),
        pytest.raises(SettingsError, match=f"port {port} .* Chengdu"),
    ):
        neighbour_programs(node)
