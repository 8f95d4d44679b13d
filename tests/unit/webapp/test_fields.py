"""What people type into forms is a number that one can compute with, or is refused beside its field."""

from __future__ import annotations

from decimal import Decimal

import pytest
from flask import Flask

from webapp import i18n
from webapp.producer.fields import Fields


@pytest.fixture(autouse=True)
def asked():
    app = Flask(__name__)
    i18n.install(app)
    with app.test_request_context():
        yield


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", "12"), ("12,5", "12.5"), ("-0.5", "-0.5"), ("\u22123", "-3"), ("１２", "12"), (".5", "0.5")],
)
def test_numbers_are_read_as_they_are_written(text: str, number: str):
    fields = Fields({"quantity": text})
    assert fields.number("quantity") == Decimal(number)
    assert fields.wrong == {}


@pytest.mark.parametrize(
    "text",
    ["1e999999999", "1e-999999999", "-1E5", "NaN", "Infinity", "9" * 13, "1.0000001", "1_0", "0x1", "--1"],
)
def test_what_is_no_plain_number_is_refused_beside_its_field(text: str):
    fields = Fields({"quantity": text})
    assert fields.number("quantity") is None
    assert "quantity" in fields.wrong
