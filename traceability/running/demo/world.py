"""The whole demonstration, played: first the journey, whose page a person waits for, then what is around."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from sqlalchemy import select

from traceability.errors import SettingsError
from traceability.operations.handover import write_private
from traceability.operations.node import Node
from traceability.running.demo import journey
from traceability.running.demo.alarms import Answers
from traceability.running.demo.casework import Casework
from traceability.running.demo.market import Market, midnight, open_market
from traceability.running.demo.people import let_in
from traceability.running.demo.shelves import fill_shelves, parties_of, say_kinds
from traceability.store import models
from traceability.store.engine import Store

COMPLETE: Final = "complete"
ANSWERED: Final = "answered"
"""Files that say that nothing is left to be recorded, and that nothing is left to be said about alarms."""


def is_complete(data: Path) -> bool:
    """Whether everything of the demonstration was recorded already."""
    return (journey.folder(data) / COMPLETE).exists()


def _await_page(store: Store, node: Node) -> None:
    """Wait until the log has the batch that is shown first, as long as one waits for a device."""
    record, deadline = models.Record, time.monotonic() + journey.PATIENCE_S
    query = select(record.log_index).join(models.Stream)
    query = query.where(models.Stream.uri == journey.first_batch(node.folder), record.seq == 0)
    while time.monotonic() < deadline:
        with store.reading() as connection:
            if connection.execute(query).scalar_one_or_none() is not None:
                return
        time.sleep(journey.POLL_S)


def _read_plan(node: Node) -> journey.Entry:
    """What is to happen, once the simulated devices have written it.

    Raises:
        SettingsError: the plan is of another node.
    """
    place = journey.folder(node.folder)
    while (plan := journey.kept_plan(node.folder)) is None:
        time.sleep(journey.POLL_S)
    if plan["node"] != node.name:
        raise SettingsError(f"{place} holds the journey of {plan['node']}, not of {node.name}: remove it")
    return plan


def play(store: Store, node: Node) -> int:
    """Play what is not recorded yet; of a scenario, its firms alone.

    Returns:
        How many steps were recorded; 0 when all of them were there.

    Raises:
        SettingsError: the plan is of another node.
    """
    plan = _read_plan(node)
    recorded = journey.play(store, node, plan)
    if journey.is_the_journey(plan) and not is_complete(node.folder):
        _await_page(store, node)
        recorded += _play_around(store, node, plan)
    if journey.is_the_journey(plan) and not (journey.folder(node.folder) / ANSWERED).exists():
        parties = parties_of(node, plan)
        Answers(store, node, parties, let_in(store, node, parties), plan).do()
        write_private(journey.folder(node.folder) / ANSWERED, "")
    return recorded


def _play_around(store: Store, node: Node, plan: journey.Entry) -> int:
    """The market, what people keep by heart, and their casework; says how many steps were recorded."""
    recorded = open_market(store, node, plan["now_ms"])
    say_kinds(store, node, plan)
    fill_shelves(store, node, plan)
    parties = parties_of(node, plan)
    market = Market(node.name, midnight(plan["now_ms"]))
    Casework(store, node, parties, let_in(store, node, parties), market).do()
    write_private(journey.folder(node.folder) / COMPLETE, "")
    return recorded
