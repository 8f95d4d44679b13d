"""What the tests of forged bundles share: a plain no, and bundles signed anew by a node that lies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.support import forge
from tests.support.world import Story
from traceability.errors import (
    TraceabilityError,
)
from traceability.signing import jose
from traceability.signing.strictjson import json_decode
from traceability.verification.bundle import Bundle, Link, Stretch
from traceability.verification.verdict import Verdict

BATCH, TRUCK, ROOM = 0, 1, 2


def refused(verdict: Verdict, error: type[TraceabilityError] = TraceabilityError, text: str = "") -> None:
    """The verdict is a plain no, for the reason expected."""
    assert verdict.exit_code == 1, verdict.lines()
    assert verdict.journey is None
    assert isinstance(verdict.failure, error), verdict.failure
    assert text in str(verdict.failure)


def name_in(disclosure: str) -> Any:
    """The member that a disclosure holds."""
    parts: Any = json_decode(jose.b64url_decode(disclosure))
    return parts[1] if len(parts) == 3 else None


def signed(story: Story, bundle: Bundle, **options: Any) -> bytes:
    return forge.sign(bundle, story.world.node, **options)


def replace_stream(bundle: Bundle, number: int, stretch: Stretch) -> Bundle:
    streams = list(bundle.streams)
    streams[number] = stretch
    return forge.with_streams(bundle, *streams)


def add_links(bundle: Bundle, number: int, *links: Link) -> Bundle:
    stretch = bundle.streams[number]
    newest = stretch.links[-1].time_ms
    late = (replace(link, time_ms=newest) for link in links)
    return replace_stream(bundle, number, replace(stretch, links=(*stretch.links, *late)))
