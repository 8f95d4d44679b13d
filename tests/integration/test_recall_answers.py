"""What holders answer, and how well a recall works by that."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.support.cases import Office
from tests.support.recalls import MIX, YOGHURT, A
from traceability.errors import ConflictError, MalformedError, UnknownSubjectError
from traceability.operations.recalling.answers import Fate, answer, answers_of, counted
from traceability.operations.recalling.closing import close_case
from traceability.operations.recalling.effectiveness import Amounts, effectiveness
from traceability.operations.recalling.notices import DUE_MS, acknowledge, notices_to
from traceability.supply.recall import Outcome

GONE = {Fate.QUARANTINED: "6.5", Fate.SOLD: "3"}


@pytest.fixture
def office(lone):
    return Office(lone)


def told(office, case):
    with office.world.store.reading() as connection:
        return effectiveness(connection, office.now(case), office.world.now_ms)


def test_a_holder_acknowledges_once_and_says_what_became_of_its_goods(world):
    office = Office(world)
    case = office.issued()
    world.wait(minutes=7)
    seen = acknowledge(world.store, office.dan, case.id)
    assert (seen.acknowledged_by, seen.acknowledged_ms) == ("dan", world.now_ms)
    world.wait(minutes=1)
    assert acknowledge(world.store, office.dan, case.id) == seen
    answer(world.store, office.dan, case.id, YOGHURT, GONE, note="in room 2")
    found = told(office, case)
    assert (len(found.holders), found.acknowledged, found.overdue, found.unknown) == (3, 1, [], 0)
    (whole,) = found.amounts
    assert whole == Amounts("KGM", Decimal(10), {Fate.QUARANTINED: Decimal("6.5"), Fate.SOLD: Decimal(3)})
    assert (whole.recovered, whole.percent) == (Decimal("6.5"), 65)
    (dairy,) = (each for each in found.holders if each.notice.party == office.dairy)
    assert (dairy.things, dairy.beyond, dairy.amounts) == (2, 0, [whole])


def test_who_does_not_acknowledge_in_time_is_overdue_and_who_does_last_ends_the_wait(office):
    case = office.issued()
    office.world.wait(ms=DUE_MS[1])
    acknowledge(office.world.store, office.fay, case.id)
    assert told(office, case).overdue == []
    office.world.wait(ms=1)
    assert told(office, case).overdue == sorted([office.packer, office.dairy])
    for person in (office.pat, office.dan):
        assert told(office, case).all_acknowledged_ms is None
        acknowledge(office.world.store, person, case.id)
    assert told(office, case).all_acknowledged_ms == office.world.now_ms
    assert told(office, case).overdue == []


def test_more_than_should_be_there_is_refused_or_marked_and_a_correction_is_a_new_row(office):
    store, case = office.world.store, office.issued()
    with pytest.raises(ConflictError, match="more than the 10 KGM"):
        answer(store, office.dan, case.id, YOGHURT, {Fate.QUARANTINED: "10.1"})
    answer(store, office.dan, case.id, YOGHURT, GONE)
    with pytest.raises(ConflictError, match="more than"):
        answer(store, office.dan, case.id, YOGHURT, {Fate.RETURNED: "0.6"})
    answer(store, office.dan, case.id, YOGHURT, {Fate.RETURNED: "0.6"}, beyond=True)
    assert sum(each.beyond for each in told(office, case).holders) == 1
    now = answer(store, office.dan, case.id, YOGHURT, {Fate.QUARANTINED: "0", Fate.DESTROYED: "6.4"})
    assert {each.fate: str(each.amount) for each in now} == {
        Fate.QUARANTINED: "0",
        Fate.SOLD: "3",
        Fate.RETURNED: "0.6",
        Fate.DESTROYED: "6.4",
    }
    answer(store, office.dan, case.id, YOGHURT, {Fate.SOLD: "3"})
    with store.reading() as connection:
        rows = answers_of(connection, case.id)
    assert [(each.fate, str(each.amount), each.beyond) for each in rows] == [
        *((Fate.QUARANTINED, "6.5", False), (Fate.SOLD, "3", False), (Fate.RETURNED, "0.6", True)),
        *((Fate.QUARANTINED, "0", False), (Fate.DESTROYED, "6.4", False)),
    ]
    assert len(counted(rows)) == 4


@pytest.mark.parametrize("amount", ["-1", "1e3", "", "NaN", "1,5", "١", "9" * 13, "0.0000001"])
def test_an_amount_is_a_plain_number(office, amount):
    case = office.issued()
    with pytest.raises(MalformedError):
        answer(office.world.store, office.dan, case.id, YOGHURT, {Fate.SOLD: amount})


def test_a_holder_answers_for_what_it_was_told_of_in_its_own_unit_until_the_case_is_closed(office):
    world, case = office.world, office.issued()
    for person, thing in ((office.dan, A), (office.ben, YOGHURT), (office.fay, MIX)):
        with pytest.raises(UnknownSubjectError):
            answer(world.store, person, case.id, thing, {Fate.SOLD: "0"})
    with pytest.raises(MalformedError, match="counted in KGM"):
        answer(world.store, office.dan, case.id, YOGHURT, {Fate.SOLD: "1"}, uom="LTR")
    with pytest.raises(UnknownSubjectError):
        acknowledge(world.store, office.ben, case.id)
    close_case(world.store, world.node, office.ada, case.id, Outcome.REMOVED)
    with pytest.raises(ConflictError, match="closed"):
        answer(world.store, office.dan, case.id, YOGHURT, {Fate.SOLD: "1"})
    with world.store.reading() as connection:
        assert [notice.case for notice in notices_to(connection, office.dairy)] == [case.id]
        assert notices_to(connection, office.ben.party) == []
