"""Who may do what: the table that people read is the one that the program goes by."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from traceability.operations.accounts.roles import (
    RIGHTS,
    PartyKind,
    Right,
    Role,
    needs_second_factor,
    rights_of,
)

PAGE = Path(__file__).parents[3] / "docs" / "accounts.md"
FOR_AUTHORITIES = {Right.TRACE, Right.APPROVE}


def test_the_page_has_the_programs_own_table():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    head = next(row for row in rows if row[:2] == ["what the party is", "role"])
    assert head[2:] == list(Right)
    told = {(r[0], r[1]): r[2:] for r in rows if len(r) == len(head) and r != head}
    expected = {
        (kind or "none", role): ["yes" if right in rights else "–" for right in Right]
        for kind, roles in RIGHTS.items()
        for role, rights in roles.items()
    }
    assert told == expected


def test_every_kind_and_role_has_its_row():
    assert set(RIGHTS) == {None, *PartyKind}
    for kind in PartyKind:
        assert set(RIGHTS[kind]) == set(Role) - {Role.ADMINISTRATOR}


@pytest.mark.parametrize(("kind", "role"), list(itertools.product([None, *PartyKind], Role)))
def test_nobody_has_what_is_others(kind, role):
    rights = rights_of(kind, role)
    if kind is not PartyKind.AUTHORITY:
        assert not rights & FOR_AUTHORITIES
    if role is not Role.ADMINISTRATOR:
        assert Right.ADMINISTER not in rights
    if role is Role.VIEWER:
        assert rights <= {Right.READ, Right.TRACE}
    if kind is not None and role is Role.ADMINISTRATOR:
        assert rights == frozenset()
    if Right.PEOPLE in rights:
        assert role in {Role.ADMINISTRATOR, Role.MANAGER}
    if rights & FOR_AUTHORITIES | rights & {Right.ADMINISTER}:
        assert needs_second_factor(kind, role)
