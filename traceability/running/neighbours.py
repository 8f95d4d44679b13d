"""The demonstration's neighbours: three witnesses, each a program with a folder and a key of its own.

Under one roof they prove nothing to a stranger: they show what neighbours do. A node that is
meant has its witnesses elsewhere (docs/witness.md).
"""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from traceability.errors import SettingsError
from traceability.ledger.note import COSIGNATURE_V1, VerifierKey
from traceability.operations.node import Node, load_node
from traceability.running.children import Program
from traceability.secretfiles import write_whole
from traceability.settings import RunSettings
from traceability.verification.policy import format_policy
from traceability.verification.quorum import Group, Quorum, Witness
from traceability.witness.folder import init_witness, load_key, open_memory

PLACES: Final = ("Chongqing", "Chengdu", "Hangzhou")
ENOUGH: Final = 2
"""Of three: one may be away, and no single one decides."""
HOST: Final = "127.0.0.1"
TRIED_PORTS: Final = 100


def prepare_neighbours(settings: RunSettings, node: Node) -> Node:
    """The node with three witnesses in its policy, made for the demonstration if it has none at all."""
    if not settings.demo or node.policy.quorum.asks:
        return node
    ports = _free_ports(settings.port)
    witnesses = tuple(_witness(settings.data, node, place, next(ports)) for place in PLACES)
    group = Group("neighbours", ENOUGH, PLACES)
    policy = replace(node.policy, quorum=Quorum(witnesses, (group,), group.name))
    write_whole(node.folder / "policy", format_policy(policy).encode("ascii"), 0o644)
    return load_node(node.folder)


def neighbour_programs(node: Node) -> list[Program]:
    """The witnesses of the node's policy that have their folder here.

    Raises:
        SettingsError: something else listens on the port of one.
    """
    programs = []
    for witness in node.policy.quorum.witnesses:
        folder = _folder(node.folder, witness.name)
        if witness.name not in PLACES or not folder.is_dir():
            continue
        port = urlsplit(witness.url or "").port or 0
        if not _is_free(port):
            raise SettingsError(
                f"port {port} for the witness {witness.name} is taken by another program: end that one, "
                f"or write another port into {node.folder / 'policy'}"
            )
        command = ("-m", "traceability", "witness", "run", f"--data={folder}", f"--port={port}")
        programs.append(Program(witness.name.lower(), (sys.executable, *command)))
    return programs


def _witness(data: Path, node: Node, place: str, port: int) -> Witness:
    """A witness that watches the node's log."""
    folder = _folder(data, place)
    key = _found(folder) or _made(folder, f"witness.{place.lower()}.example/w1")
    with open_memory(folder) as memory:
        memory.trust(node.policy.log)
    return Witness(place, key, f"http://{HOST}:{port}")


def _found(folder: Path) -> VerifierKey | None:
    """The key of a witness that is there already: a start that was cut off left it behind."""
    try:
        with open_memory(folder) as memory:
            return VerifierKey(memory.name, COSIGNATURE_V1, load_key(folder).public)
    except SettingsError:
        return None


def _made(folder: Path, name: str) -> VerifierKey:
    """A new witness, in the place of what is none: no policy has named it yet."""
    shutil.rmtree(folder, ignore_errors=True)
    return init_witness(folder, name)


def _folder(data: Path, place: str) -> Path:
    return data / "witnesses" / place.lower()


def _free_ports(site: int) -> Iterator[int]:
    """Ports that nobody listens on, from the one behind the site's."""
    found = (port for port in range(site + 1, min(site + TRIED_PORTS, 65536)) if _is_free(port))
    yield from found
    raise SettingsError(f"no free ports behind {site} for the witnesses: choose another FT_PORT")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
