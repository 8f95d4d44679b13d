"""Between which times the sensors' messages were signed, in words for the page."""

from __future__ import annotations

from traceability import media
from traceability.verification.journey import Journey
from traceability.verification.times import Times, sum_up
from webapp.i18n import render_text, render_time, show_duration, translate

MINUTE_MS = 60_000


def sentences(journey: Journey, offset: str) -> list[str]:
    """What is known of all of them, each counted once; nothing where there are none."""
    frames = {(r.stream, r.seq): r.bracket for r in journey.records if r.media_type == media.FRAME}
    times = sum_up(list(frames.values()))
    if times is None:
        return []
    said = [_between(times, offset)]
    if times.unknown:
        said.append(
            translate("Messages that name a checkpoint which is not proven here: %(n)d.", n=times.unknown)
        )
    if times.disagreeing:
        said.append(
            translate(
                "Messages whose sensor’s clock says otherwise: %(n)d. They are genuine; their times are "
                "doubtful.",
                n=times.disagreeing,
            )
        )
    return [*said, translate("All this is by the clock of this log.")]


def _between(times: Times, offset: str) -> str:
    before = render_time(times.before_ms, offset)
    if times.after_ms is None or times.widest_ms is None:
        return render_text(
            "All of the sensors’ messages were signed before %(before)s; after when is not known.",
            before=before,
        )
    known = {
        "after": render_time(times.after_ms, offset),
        "before": before,
        "span": show_duration(-(-times.widest_ms // MINUTE_MS) * MINUTE_MS),
    }
    if times.bracketed == times.frames:
        return render_text(
            "Each of the sensors’ messages was signed after %(after)s and before %(before)s; for the least "
            "certain of them the time is known to within %(span)s.",
            **known,
        )
    return render_text(
        "Of %(n)d messages of sensors, %(k)d were signed after %(after)s and before %(before)s; for the "
        "least certain of these the time is known to within %(span)s. Of the others only the end is known.",
        n=times.frames,
        k=times.bracketed,
        **known,
    )
