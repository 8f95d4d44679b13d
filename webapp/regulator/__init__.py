"""Pages of authorities and laboratories: search, batches, traces, records, inspections, links, health."""

from __future__ import annotations

from webapp.regulator import batches, evidence, inspections, known, records, search, status, tracing
from webapp.regulator.blueprint import regulator
from webapp.regulator.links import sharing

__all__ = [
    "batches",
    "evidence",
    "inspections",
    "known",
    "records",
    "regulator",
    "search",
    "sharing",
    "status",
    "tracing",
]
