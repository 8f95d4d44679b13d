"""When the sensors' messages were signed, in words."""

from __future__ import annotations

import pytest
from flask import Flask

from traceability import media
from traceability.verification.journey import Journey, RecordView
from traceability.verification.stays import NO_LIMITS
from traceability.verification.times import Beacon, Bracket
from webapp import i18n
from webapp.consumer import times

T0 = 1_767_225_600_000
PROVEN = Bracket(T0, T0 + 130_000, Beacon.PROVEN, True)
OFF = Bracket(T0, T0 + 60_000, Beacon.PROVEN, False)
FOREIGN = Bracket(None, T0 + 130_000, Beacon.UNKNOWN, True)
OLD = Bracket(None, T0 + 130_000)


def journey(*brackets: Bracket, media_type: str = media.FRAME) -> Journey:
    records = tuple(
        RecordView("s", n, T0, media_type, bytes(32), True, b, False) for n, b in enumerate(brackets)
    )
    return Journey("s", {}, NO_LIMITS, (), (), (*records, *records), {}, 1, T0)


@pytest.mark.parametrize(
    ("brackets", "en", "zh"),
    [
        (
            (PROVEN, OFF),
            "Each of the sensors’ messages was signed after 1 Jan 2026, 08:00",
            "每条消息",
        ),
        ((PROVEN,), "known to within 3 min.", "3 分钟"),
        ((PROVEN, OLD), "Of 2 messages of sensors, 1 were signed", "2 条消息中，有 1 条"),
        ((OLD,), "were signed before 1 Jan 2026, 08:02; after when is not known.", "不得而知"),
        (
            (FOREIGN, PROVEN),
            "name a checkpoint which is not proven here: 1.",
            "未得到证明的消息：1 条",
        ),
        ((PROVEN, OFF), "Messages whose sensor’s clock says otherwise: 1.", "与此不符的消息：1 条"),
        ((OLD,), "All this is by the clock of this log.", "以本日志的时钟为准"),
    ],
)
def test_it_is_told_in_both_languages(brackets: tuple[Bracket, ...], en: str, zh: str):
    app = Flask("test")
    i18n.install(app)
    for language, words in (("en", en), ("zh", zh)):
        with app.test_request_context(f"/?lang={language}"):
            page = app.jinja_env.from_string("{{ said | join(' ') | striptags }}")
            assert words in page.render(said=times.sentences(journey(*brackets), "+08:00"))


def test_nothing_is_said_where_no_sensor_spoke():
    assert times.sentences(journey(OLD, media_type=media.EVENT), "+00:00") == []
