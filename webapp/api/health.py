"""Whether the node works, for a load balancer, and its counters, for Prometheus."""

from __future__ import annotations

import json
from typing import Any, Final

from flask import Blueprint, Response, current_app, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from sqlalchemy import func, select

from traceability.errors import BrokerUnavailableError, StoreUnavailableError
from traceability.operations.log import latest_checkpoint
from traceability.operations.tally import WORDS
from traceability.store import models
from traceability.store.engine import system_clock
from webapp.database import snapshot

health = Blueprint("health", __name__)
STALE_MS: Final = 15_000
"""A program that has not said for this long that it works is taken to be down."""


@health.get("/healthz")
def healthz() -> tuple[Response, int]:
    """200 only when broker, gateway, publisher and store work; ages are told, and never make it fail."""
    parts: dict[str, dict[str, Any]] = {"store": {"ok": True}}
    try:
        now = system_clock()
        newest = select(func.max(models.DeviceStatement.to_ms))
        frame_ms = snapshot().execute(newest).scalar_one()
        latest = latest_checkpoint(snapshot())
        parts["gateway"] = _program("gateway", now) | {"newest_frame_age_s": _age(now, frame_ms)}
        parts["publisher"] = _program("publisher", now) | {
            "newest_checkpoint_age_s": _age(now, latest.time_ms if latest else None)
        }
    except StoreUnavailableError as error:
        parts["store"] = {"ok": False, "error": str(error)}
    parts["broker"] = _broker()
    ok = all(part["ok"] for part in parts.values())
    return jsonify({"ok": ok, "parts": parts}), 200 if ok else 503


@health.get("/metrics")
def metrics() -> Response:
    """Counters by source and outcome, sizes and ages."""
    registry = CollectorRegistry()
    registry.register(_Collector())
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Collector:
    """Reads every figure from the store when it is asked for."""

    def collect(self) -> list[CounterMetricFamily | GaugeMetricFamily]:
        now = system_clock()
        messages = CounterMetricFamily("ft_messages", "Messages from devices.", labels=["outcome"])
        received = CounterMetricFamily(
            "ft_messages_received", "Messages from devices, whatever became of them."
        )
        table = models.Tally
        names = ("received", *WORDS)
        sums = (
            snapshot().execute(select(*(func.coalesce(func.sum(getattr(table, n)), 0) for n in names))).one()
        )
        received.add_metric([], int(sums[0]))
        for word, number in zip(WORDS, sums[1:], strict=True):
            messages.add_metric([word], int(number))
        refused = CounterMetricFamily(
            "ft_refused", "Refused messages that are kept, by reason.", labels=["code"]
        )
        by_code = select(models.Quarantine.code, func.count()).group_by(models.Quarantine.code)
        for code, number in snapshot().execute(by_code):
            refused.add_metric([code], number)
        latest = latest_checkpoint(snapshot())
        size = GaugeMetricFamily("ft_log_size", "Leaves in the newest published checkpoint.")
        size.add_metric([], latest.size if latest else 0)
        age = GaugeMetricFamily("ft_checkpoint_age_seconds", "Age of the newest published checkpoint.")
        age.add_metric([], _age(now, latest.time_ms if latest else None) or 0)
        up = GaugeMetricFamily(
            "ft_up", "Whether a program has said lately that it works.", labels=["program"]
        )
        for program in ("gateway", "publisher"):
            up.add_metric([program], float(_program(program, now)["ok"]))
        return [received, messages, refused, size, age, up]


def _program(name: str, now_ms: int) -> dict[str, Any]:
    table = models.Heartbeat
    row = snapshot().execute(select(table.at_ms, table.detail).where(table.program == name)).one_or_none()
    if row is None:
        return {"ok": False, "error": f"the {name} has never run: start it with `make run`"}
    age_ms = now_ms - row.at_ms
    if age_ms > STALE_MS:
        return {"ok": False, "error": f"the {name} has said nothing for {age_ms // 1000} s"}
    return {"ok": True, "detail": json.loads(row.detail)}


def _broker() -> dict[str, Any]:
    try:
        current_app.extensions["ping_broker"]()
    except BrokerUnavailableError as error:
        return {"ok": False, "error": str(error)}
    return {"ok": True}


def _age(now_ms: int, then_ms: int | None) -> float | None:
    return None if then_ms is None else max(0, now_ms - then_ms) / 1000
