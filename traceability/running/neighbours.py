"""The demonstration's neighbours: two light witnesses and a full one, each with its folder and key.

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
from traceability.settings import RunSettings, listens_everywhere
from traceability.verification.policy import format_policy
from traceability.verification.quorum import COMPLETE, Group, Quorum, Witness
from traceability.witness.folder import init_witness, load_key, open_memory

PLACES: Final = ("Chongqing", "Chengdu", "Hangzhou")
FULL: Final = "Hangzhou"
"""Reads and keeps the whole log; the others see that it only grows."""
ENOUGH: Final = 2
"""Of three: one may be away, and no single one decides."""
HOST: Final = "127.0.0.1"
TRIED_PORTS: Final = 100


def prepare_neighbours(settings: RunSettings, node: Node) -> Node:
    """The node with three witnesses in its policy, made for the demonstration if it has none at all."""
    if settings.demo and not node.policy.quorum.asks:
        ports = _free_ports(settings.port)
        witnesses = tuple(_witness(settings.data, place, next(ports)) for place in PLACES)
        full = Group(COMPLETE, 1, (FULL,))
        group = Group("neighbours", ENOUGH, (*(place for place in PLACES if place != FULL), COMPLETE))
        policy = replace(node.policy, quorum=Quorum(witnesses, (full, group), group.name))
        write_whole(node.folder / "policy", format_policy(policy).encode("ascii"), 0o644)
        node = load_node(node.folder)
    for witness in _own(node):
        with open_memory(_folder(node.folder, witness.name)) as memory:
            memory.trust(node.policy.log, _log_url(settings) if memory.full else None)
    return node


def neighbour_programs(node: Node, authority: Path | None = None) -> list[Program]:
    """The witnesses of the node's policy that have their folder here.

    Raises:
        SettingsError: something else listens on the port of one.
    """
    programs = []
    for witness in _own(node):
        folder = _folder(node.folder, witness.name)
        port = urlsplit(witness.url or "").port or 0
        if not _is_free(port):
            raise SettingsError(
                f"port {port} for the witness {witness.name} is taken by another program: end that one, "
                f"or write another port into {node.folder / 'policy'}"
            )
        command = ("-m", "traceability", "witness", "run", f"--data={folder}", f"--port={port}")
        programs.append(Program(witness.name.lower(), (sys.executable, *command), believes=authority))
    return programs


def _witness(data: Path, place: str, port: int) -> Witness:
    """A witness, light or full, in its folder."""
    folder, full = _folder(data, place), place == FULL
    key = _found(folder, full) or _made(folder, f"witness.{place.lower()}.example/w1", full)
    return Witness(place, key, f"http://{HOST}:{port}")


def _own(node: Node) -> list[Witness]:
    """The witnesses of the node's policy that have their folder here."""
    witnesses = node.policy.quorum.witnesses
    return [w for w in witnesses if w.name in PLACES and _folder(node.folder, w.name).is_dir()]


def _log_url(settings: RunSettings) -> str:
    """Where a program on this machine reads the log; by TLS under the name that the certificate is for."""
    if settings.tls_cert is not None:
        return f"{settings.base_url}/log"
    host = HOST if listens_everywhere(settings.host) else settings.host
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}/log"


def _found(folder: Path, full: bool) -> VerifierKey | None:
    """The key of a witness that is there already: a start that was cut off left it behind."""
    try:
        with open_memory(folder) as memory:
            key = VerifierKey(memory.name, COSIGNATURE_V1, load_key(folder).public)
            return key if memory.full == full else None
    except SettingsError:
        return None


def _made(folder: Path, name: str, full: bool) -> VerifierKey:
    """A new witness, in the place of what is none: no policy has named it yet."""
    shutil.rmtree(folder, ignore_errors=True)
    return init_witness(folder, name, full=full)


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
