"""Whether the node works, for a load balancer, and its counters, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, current_app, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from traceability.errors import BrokerUnavailableError
from traceability.operations.heartbeat import Beat, how_it_works, newest_beats
from traceability.operations.log import latest_checkpoint
from traceability.operations.tally import WORDS
from traceability.store import models
from traceability.store.engine import system_clock
from webapp.database import snapshot
from webapp.signedin import public

health = Blueprint("health", __name__)


@health.get("/healthz")
@public
def healthz() -> tuple[Response, int]:
    """200 only when broker, gateway, publisher and store work; ages are told, and never make it fail."""
    parts: dict[str, dict[str, Any]] = {"broker": _broker()}
    try:
        now, beats = system_clock(), newest_beats(snapshot())
        newest = select(func.max(models.DeviceStatement.to_ms))
        frame_ms = snapshot().execute(newest).scalar_one()
        latest = latest_checkpoint(snapshot())
        checkpoint_ms = latest.time_ms if latest else None
        parts["gateway"] = _program("gateway", beats, now) | {"newest_frame_age_s": _age(now, frame_ms)}
        parts["publisher"] = _program("publisher", beats, now) | {
            "newest_checkpoint_age_s": _age(now, checkpoint_ms)
        }
        parts["store"] = {"ok": True}
    except SQLAlchemyError as error:
        current_app.logger.error("the store does not answer: %s", error)
        unknown = {"ok": False, "error": "not known: it reports through the store"}
        parts |= {"gateway": unknown, "publisher": unknown}
        parts["store"] = {"ok": False, "error": "the database does not answer"}
    ok = all(part["ok"] for part in parts.values())
    return jsonify({"ok": ok, "parts": parts}), 200 if ok else 503


@health.get("/metrics")
@public
def metrics() -> Response:
    """Counters by outcome, sizes and ages; without the store only that it is down."""
    up = GaugeMetricFamily("ft_up", "Whether a part says that it works.", labels=["part"])
    try:
        families = [*_counters(), *_gauges(up)]
        up.add_metric(["store"], 1)
    except SQLAlchemyError as error:
        current_app.logger.error("the store does not answer: %s", error)
        up = GaugeMetricFamily("ft_up", "Whether a part says that it works.", labels=["part"])
        up.add_metric(["store"], 0)
        families = []
    registry = CollectorRegistry()
    registry.register(_Families([*families, up]))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Families(Collector):
    """Figures that were read already."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _counters() -> list[Metric]:
    table = models.Tally
    names = ("received", *WORDS)
    query = select(*(func.coalesce(func.sum(getattr(table, n)), 0) for n in names))
    total, *by_word = snapshot().execute(query).one()
    received = CounterMetricFamily("ft_messages_received", "Messages from devices, whatever became of them.")
    received.add_metric([], int(total))
    messages = CounterMetricFamily("ft_messages", "Messages from devices.", labels=["outcome"])
    for word, number in zip(WORDS, by_word, strict=True):
        messages.add_metric([word], int(number))
    # A gauge: rows can be thrown away once somebody has looked at them.
    kept = GaugeMetricFamily("ft_quarantined", "Refused messages that are kept, by reason.", labels=["code"])
    by_code = select(models.Quarantine.code, func.count()).group_by(models.Quarantine.code)
    for code, number in snapshot().execute(by_code):
        kept.add_metric([code], number)
    return [received, messages, kept]


def _gauges(up: GaugeMetricFamily) -> list[Metric]:
    now, beats = system_clock(), newest_beats(snapshot())
    for program in ("gateway", "publisher"):
        up.add_metric([program], float(_program(program, beats, now)["ok"]))
    latest = latest_checkpoint(snapshot())
    size = GaugeMetricFamily("ft_log_size", "Leaves in the newest published checkpoint.")
    size.add_metric([], latest.size if latest else 0)
    age = GaugeMetricFamily("ft_checkpoint_age_seconds", "Age of the newest published checkpoint.")
    if latest is not None:
        age.add_metric([], _age(now, latest.time_ms) or 0)
    return [size, age]


def _program(name: str, beats: Mapping[str, Beat], now_ms: int) -> dict[str, Any]:
    found = how_it_works(name, beats, now_ms)
    told = {} if found.error is None else {"error": found.error}
    return {"ok": found.error is None, **told, **({} if found.detail is None else {"detail": found.detail})}


def _broker() -> dict[str, Any]:
    try:
        current_app.extensions["ping_broker"]()
    except BrokerUnavailableError as error:
        return {"ok": False, "error": str(error)}
    return {"ok": True}


def _age(now_ms: int, then_ms: int | None) -> float | None:
    return None if then_ms is None else max(0, now_ms - then_ms) / 1000
