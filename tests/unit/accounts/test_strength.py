"""Which passwords are taken: long ones that nobody would try, whatever they are made of."""

from __future__ import annotations

import pytest

from traceability.errors import WeakPasswordError
from traceability.operations.accounts.strength import Weak, fold, require_strong

KNOWN = ("li.wei@chongqing-dairy.example", "Li Wei", "Chongqing Dairy")


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", Weak.LENGTH),
        ("eleven char", Weak.LENGTH),
        ("x" * 201, Weak.LENGTH),
        ("aaaaaaaaaaaa", Weak.REPEATED),
        ("abcdabcdabcd", Weak.REPEATED),
        ("abcdefghijklm", Weak.REPEATED),
        ("zyxwvutsrqpo", Weak.REPEATED),
        ("qwertyuiopasdf", Weak.REPEATED),
        ("123456789012", Weak.REPEATED),
        ("Password2026!", Weak.COMMON),
        ("P@ssw0rd12345", Weak.COMMON),
        ("admin admin test", Weak.COMMON),
        ("Traceability1", Weak.COMMON),
        ("welcome-welcome-2026", Weak.COMMON),
        ("Li.Wei@chongqing-dairy.example", Weak.KNOWN),
        ("chongqing-dairy1", Weak.KNOWN),
        ("Chongqing Dairy!", Weak.KNOWN),
    ],
)
def test_what_is_easily_guessed_is_refused(password, reason):
    with pytest.raises(WeakPasswordError) as refused:
        require_strong(password, KNOWN)
    assert refused.value.reason == reason
    assert not password or password not in str(refused.value)


@pytest.mark.parametrize(
    "password",
    [
        "violets under seven bridges",
        "correct horse battery staple",
        "xkq7-93mz-pvwt",
        "山间的紫罗兰在七座桥下静静地开",
        "no capitals no digits",
        "wei likes tall mountains",
        "x" * 5 + "yzabcdefq1",
    ],
)
def test_no_rule_asks_for_kinds_of_characters(password):
    require_strong(password, KNOWN)


def test_a_password_is_the_same_however_a_keyboard_composes_it():
    assert fold("cafe\u0301 au lait") == fold("café au lait")
    assert fold("ｆｕｌｌ　ｗｉｄｔｈ") == "full width"
