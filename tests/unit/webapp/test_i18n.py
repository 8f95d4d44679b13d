"""Two languages: every text has its Chinese one, nothing is left over, times and numbers read well."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from flask import Flask
from markupsafe import Markup

import webapp
from traceability.errors import IdentifierError
from webapp import i18n
from webapp.producer.fields import refusal

FOLDER = Path(webapp.__file__).parent
KEYWORDS = {"_": None, "translate": None, "render_text": None, "noted": None}
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2.ext:babel_extract")]


@pytest.fixture
def app():
    made = Flask("test")
    i18n.install(made)
    return made


def said(app, function, *arguments, accept="en", query="", **named):
    with app.test_request_context(f"/?{query}", headers={"Accept-Language": accept}):
        return function(*arguments, **named)


def extracted() -> set[str]:
    """Every text that code or a template asks to be translated."""
    found = extract_from_dir(FOLDER, METHODS, keywords=KEYWORDS)
    return {str(message) for _, _, message, _, _ in found}


def translated() -> dict[str, str]:
    return {text: chinese for _, text, chinese in messages()}


def messages() -> list[tuple[str, str, str]]:
    """The file, the English text and the Chinese one of every message."""
    found = []
    for path in sorted((FOLDER / "translations" / "zh").glob("*.po")):
        with path.open("rb") as file:
            found += [(path.name, str(m.id), str(m.string)) for m in read_po(file, "zh") if m.id]
    return found


def test_every_text_has_a_chinese_one_and_none_is_left_over():
    asked, there = extracted(), translated()
    assert len(asked) > 80
    assert sorted(asked - there.keys()) == []
    assert sorted(there.keys() - asked) == []
    assert [text for text, chinese in there.items() if not re.search(r"[\u4e00-\u9fff]", chinese)] == []


def test_no_text_is_translated_in_two_files():
    counted = Counter(text for _, text, _ in messages())
    assert [text for text, times in counted.items() if times > 1] == []


def test_both_languages_fill_in_the_same_values():
    pattern = re.compile(r"%\((\w+)\)[sd]")
    wrong = [t for t, c in translated().items() if sorted(pattern.findall(t)) != sorted(pattern.findall(c))]
    assert wrong == []


@pytest.mark.parametrize(
    ("query", "accept", "expected"),
    [
        ("", "", "en"),
        ("", "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("", "zh-Hant-HK", "zh"),
        ("", "de,fr;q=0.5", "en"),
        ("", "de,zh;q=0.3,en;q=0.2", "zh"),
        ("lang=zh", "en", "zh"),
        ("lang=en", "zh", "en"),
        ("lang=xx", "zh", "zh"),
        ("lang=xx", "de", "en"),
        ("lang=", "zh", "zh"),
        ("lang=ZH%3Cscript%3E", "", "en"),
    ],
)
def test_language_is_what_was_asked_else_what_the_browser_prefers_else_english(app, query, accept, expected):
    assert said(app, i18n.language, query=query, accept=accept) == expected


def test_values_are_escaped_in_templates_and_markup_is_not(app):
    text = "signed by %(party)s"
    assert said(app, i18n.render_text, text, party="<b>&") == "signed by &lt;b&gt;&amp;"
    kept = said(app, i18n.render_text, text, party=Markup("<b>"), query="lang=zh")
    assert kept == "由 <b> 签名"


@pytest.mark.parametrize(
    ("offset", "lang", "shown"),
    [
        ("+00:00", "en", "31 Dec 2025, 23:30"),
        ("+08:00", "en", "1 Jan 2026, 07:30"),
        ("+08:00", "zh", "2026年1月1日 07:30"),
        ("-09:30", "en", "31 Dec 2025, 14:00"),
    ],
)
def test_time_is_written_at_its_offset_with_utc_beside_it(app, offset, lang, shown):
    element = said(app, i18n.render_time, 1_767_223_800_999, offset, query=f"lang={lang}")
    utc = "2025-12-31T23:30:00Z"
    assert element == f'<time class="minute" datetime="{utc}" title="{utc}">{shown}</time>'


@pytest.mark.parametrize(
    ("milli_c", "shown"),
    [(None, "–"), (0, "0.0 °C"), (-49, "0.0 °C"), (-50, "−0.1 °C"), (-18_000, "−18.0 °C"), (3_960, "4.0 °C")],
)
def test_degrees_have_one_decimal_and_a_real_minus(milli_c, shown):
    assert i18n.show_degrees(milli_c) == shown


@pytest.mark.parametrize(
    ("minutes", "shown"),
    [(0, "0 min"), (59, "59 min"), (60, "1 h 0 min"), (47 * 60 + 59, "47 h 59 min"), (48 * 60, "2 d 0 h")],
)
def test_durations_are_words(app, minutes, shown):
    assert said(app, i18n.show_duration, minutes * 60_000) == shown


@pytest.mark.parametrize(
    ("text", "lang", "shown"),
    [("2026-11-09", "en", "9 Nov 2026"), ("2026-11-09", "zh", "2026年11月9日"), ("soon", "en", "soon")],
)
def test_best_before_is_written_as_people_write_dates(app, text, lang, shown):
    assert said(app, i18n.show_date, text, query=f"lang={lang}") == shown


def test_a_name_falls_back_and_never_breaks_the_page(app):
    assert said(app, i18n.named, {"en": "Farm", "zh": "农场"}, query="lang=zh") == "农场"
    assert said(app, i18n.named, {"en": "Farm"}, query="lang=zh") == "Farm"
    assert said(app, i18n.named, {}, "https://id") == "https://id"
    assert said(app, i18n.named, "not a table of names", "https://id") == "https://id"


def test_a_message_that_exists_in_english_alone_is_marked_and_said_before_in_the_readers_language(app):
    why = IdentifierError("<GTIN> has check digit 2, it should be 1")
    with app.test_request_context("/?lang=en"):
        assert refusal(why) == "<GTIN> has check digit 2, it should be 1"
    with app.test_request_context("/?lang=zh"):
        said, _, marked = refusal(why).partition(" <span")
        assert said.startswith("有数字或字母写错")
        assert marked == ' lang="en">&lt;GTIN&gt; has check digit 2, it should be 1</span>'
