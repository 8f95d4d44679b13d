"""The folder ``demo`` in a node's data folder: where devices and parties leave things for each other.

    plan.json                         the journey (see ``plan``), written once
    devices/{device}/                 the device's flash
    devices/{device}/request.json     its request to be enrolled, signed by its own key
    devices/{device}/enrolled.json    the answer, written by whoever enrolled it
    ready                             all devices are enrolled and installed: they may begin

Everything that is written is there whole or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from firmware_sim.chamber import KINDS
from firmware_sim.enrolment import Enrolment, read_enrolment
from firmware_sim.flash import Flash, write_file
from firmware_sim.journey import plan, start_of
from firmware_sim.plan import Plan
from traceability.errors import IdentifierError, SettingsError
from traceability.identifiers import parse_node_name
from traceability.signing.keystatement import device_request

SEED: Final = 1
"""The journey is the same for everybody, but for its dates."""


@dataclass(frozen=True, slots=True)
class Demo:
    """The folder of a journey's demonstration."""

    folder: Path

    @property
    def plan_path(self) -> Path:
        """The plan."""
        return self.folder / "plan.json"

    @property
    def is_ready(self) -> bool:
        """Whether the devices may begin."""
        return (self.folder / "ready").exists()

    def device(self, name: str) -> Path:
        """A device's own folder."""
        return self.folder / "devices" / name

    def enrolled(self, name: str) -> Path:
        """The answer to a device's request."""
        return self.device(name) / "enrolled.json"

    def is_answered(self, planned: Plan) -> bool:
        """Whether every device is enrolled and installed, and knows what to show the broker.

        Answers of a version before there were passwords are given again.
        """
        return self.is_ready and all(self._is_answered(device.key) for device in planned.devices)

    def _is_answered(self, name: str) -> bool:
        path = self.enrolled(name)
        return path.exists() and bool(read_enrolment(path).password)


def node_name(data: Path) -> str | None:
    """The name of the node in a data folder; None while there is no node.

    Raises:
        SettingsError: a ``node.json`` that cannot be read.
    """
    path = data / "node.json"
    if not path.exists():
        return None
    try:
        return parse_node_name(str(json.loads(path.read_text("utf-8"))["name"]))
    except (ValueError, KeyError, TypeError, IdentifierError) as error:
        raise SettingsError(f"{path} does not name a node: {error!r}") from error


def load_or_make_plan(demo: Demo, node: str, now_ms: int) -> Plan:
    """The plan of this folder, made if there is none.

    Raises:
        SettingsError: it was made for another node, or of a scenario.
    """
    known = kept_plan(demo, node, lambda: plan(start_of(now_ms), now_ms, SEED, node))
    if any(asset.kind not in KINDS for asset in known.assets):
        raise SettingsError(f"{demo.plan_path} is of a scenario, not of the journey: set FT_DEMO=0")
    return known


def kept_plan(demo: Demo, node: str, make: Callable[[], Plan]) -> Plan:
    """The plan of this folder, whatever it is of; made if there is none.

    Raises:
        SettingsError: it was made for another node.
    """
    demo.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not demo.plan_path.exists():
        write_file(demo.plan_path, make().to_json().encode())
    known = Plan.from_json(demo.plan_path.read_text("utf-8"))
    if known.node != node:
        raise SettingsError(f"{demo.plan_path} is for node {known.node}, not {node}: remove {demo.folder}")
    return known


@contextmanager
def open_flashes(demo: Demo, planned: Plan, now_ms: int) -> Iterator[dict[str, Flash]]:
    """The flash of every device, and beside each the request of a device that was never enrolled."""
    flashes: dict[str, Flash] = {}
    try:
        for device in planned.devices:
            flash = flashes[device.key] = Flash(demo.device(device.key))
            request = flash.folder / "request.json"
            if not request.exists():
                owner = planned.party(device.party).uri
                signed = device_request(
                    flash.key, node=planned.node, owner=owner, model=device.model, iat=now_ms // 1000
                )
                write_file(request, signed)
        yield flashes
    finally:
        for flash in flashes.values():
            flash.close()


def load_enrolment(demo: Demo, name: str, flash: Flash) -> Enrolment:
    """What a device was told.

    Raises:
        SettingsError: the answer was for another key.
    """
    enrolment = read_enrolment(demo.enrolled(name))
    if enrolment.device != flash.device:
        raise SettingsError(f"{demo.enrolled(name)} is for another device than {flash.device}")
    return enrolment
