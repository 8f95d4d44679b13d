"""English and Chinese: the texts in the code are English, the Chinese ones stand in ``translations``.

The catalog is read from its source files, so there is nothing to compile and nothing to forget.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any, Final

from babel.dates import format_date, format_datetime
from babel.messages.pofile import read_po
from flask import Flask, current_app, g, request, url_for
from markupsafe import Markup, escape
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RoutingException

LANGUAGES: Final = {"en": "English", "zh": "中文"}
DEFAULT: Final = "en"
TYPED: Final = (
    *("gtin", "lot", "serial", "code", "q", "thing", "direction", "contact", "food", "from", "to"),
    *("step", "after", "event", "about", "party", "next"),
)
LONGEST_TYPED: Final = 512
"""Characters of what somebody typed in that are carried on."""
_FOLDER: Final = Path(__file__).parent / "translations"
_PATTERNS: Final = {
    "en": {"day": "d MMM y", "minute": "d MMM y, HH:mm", "short": "d MMM, HH:mm", "date": "d MMM"},
    "zh": {"day": "y年M月d日", "minute": "y年M月d日 HH:mm", "short": "M月d日 HH:mm", "date": "M月d日"},
}


def language() -> str:
    """The language of this request: ``?lang=``, else what the browser prefers, else English."""
    if "language" not in g:
        asked = request.args.get("lang", "")
        preferred = request.accept_languages.best_match(["en", "zh", "zh-CN", "zh-TW", "zh-Hans"]) or DEFAULT
        g.language = asked if asked in LANGUAGES else preferred[:2]
    return str(g.language)


def translate(text: str, **values: object) -> str:
    """A text in the language of this request, with ``%(name)s`` filled in."""
    found = catalog(language()).get(text, text)
    return found % values if values else found


def noted(text: str) -> str:
    """Mark a text in a table for the catalog; it is translated where it is shown."""
    return text


def render_text(text: str, **values: object) -> Markup:
    """The same for templates: values are escaped unless they are markup, such as a ``<time>``."""
    found = escape(translate(text))
    return found % values if values else found


@cache
def catalog(tongue: str) -> Mapping[str, str]:
    """All texts of a language by their English original, from a file for each part of the site."""
    found: dict[str, str] = {}
    for path in sorted((_FOLDER / tongue).glob("*.po")):
        with path.open("rb") as file:
            found |= {str(m.id): str(m.string) for m in read_po(file, tongue) if m.id and m.string}
    return found


def in_english(text: object, said: str = noted("This is not taken so; in English:")) -> str:
    """A message that exists in English alone: who reads another language is told something before it.

    Args:
        said: that, from the catalog.
    """
    if language() == DEFAULT:
        return str(text)
    return translate(said) + Markup(' <span lang="en">{}</span>').format(text)


def named(names: object, fallback: str = "") -> str:
    """A name in the language of this request, of those that a statement gives."""
    if not isinstance(names, Mapping):
        return fallback
    return str(names.get(language()) or names.get(DEFAULT) or fallback)


def in_language(tongue: str) -> str:
    """The address of this page in another language: after a form the page that it stands on, or is below."""
    endpoint, named_in_path = _page()
    typed = {name: request.args[name][:LONGEST_TYPED] for name in TYPED if name in request.args}
    values: dict[str, Any] = {**typed, **named_in_path, "lang": tongue}
    return url_for(endpoint, **values)


def _page() -> tuple[str, Mapping[str, Any]]:
    """The endpoint that shows this page, and what its path names; the start page where there is none."""
    if request.endpoint is None or request.url_rule is None:
        return "consumer.start", {}
    if "GET" in (request.url_rule.methods or ()):
        return request.endpoint, request.view_args or {}
    adapter, path = current_app.create_url_adapter(request), request.path
    while adapter is not None and path:
        try:
            return adapter.match(path, method="GET")
        except (HTTPException, RoutingException):
            path = path.rpartition("/")[0]
    return "consumer.start", {}


def show_time(ms: int, offset: str = "+00:00", pattern: str = "minute") -> str:
    """A time as people write it, at an offset from UTC such as ``+08:00``.

    Args:
        pattern: ``day``, ``minute``, ``short`` or ``date``.
    """
    hours, minutes = int(offset[1:3]), int(offset[4:6])
    zone = timezone(timedelta(hours=hours, minutes=minutes) * (-1 if offset[0] == "-" else 1))
    moment = datetime.fromtimestamp(ms / 1000, zone)
    return str(format_datetime(moment, _PATTERNS[language()][pattern], locale=language()))


def show_date(text: object) -> str:
    """A calendar date such as ``2026-11-30`` as people write it; anything else as it stands."""
    try:
        day = date.fromisoformat(str(text))
    except ValueError:
        return str(text)
    return str(format_date(day, _PATTERNS[language()]["day"], locale=language()))


def render_time(ms: int, offset: str, pattern: str = "minute") -> Markup:
    """A time as an element: UTC in its attribute and on hover; the script shows it in the reader's zone."""
    return Markup('<time class="{}" datetime="{}" title="{}">{}</time>').format(
        pattern, show_utc(ms), show_utc(ms), show_time(ms, offset, pattern)
    )


def show_utc(ms: int) -> str:
    """The same time for a ``datetime`` attribute: ISO 8601, UTC, whole seconds."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def show_duration(ms: int) -> str:
    """A length of time in words: minutes, and from an hour on hours and minutes."""
    minutes = ms // 60_000
    if not minutes and ms:
        return translate("less than 1 min")
    if minutes < 60:
        return translate("%(m)d min", m=minutes)
    if minutes < 48 * 60:
        return translate("%(h)d h %(m)d min", h=minutes // 60, m=minutes % 60)
    return translate("%(d)d d %(h)d h", d=minutes // 1440, h=minutes % 1440 // 60)


def show_degrees(milli_c: int | None) -> str:
    """Thousandths of a degree as degrees with one decimal."""
    if milli_c is None:
        return "–"
    tenths = (abs(milli_c) + 50) // 100
    return f"{'-' if milli_c < 0 and tenths else ''}{tenths // 10}.{tenths % 10} °C".replace(
        "-", "\N{MINUS SIGN}"
    )


def install(app: Flask) -> None:
    """Give templates the same words."""
    app.jinja_env.globals.update(
        _=render_text,
        lang=language,
        named=named,
        languages=LANGUAGES,
        in_language=in_language,
        show_duration=show_duration,
    )
    app.jinja_env.filters.update(time=render_time, utc=show_utc, date=show_date, degrees=show_degrees)
