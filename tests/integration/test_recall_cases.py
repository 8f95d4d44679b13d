"""A recall by two persons: who may, what they confirm, what is written with it, and what follows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from tests.support.cases import Office
from tests.support.people import make_person
from tests.support.practice import taking_part
from tests.support.recalls import LATE, MIX, NOTICE, YOGHURT, A, make, order
from traceability.commands.publisher import Publisher
from traceability.commands.verb import Opened
from traceability.errors import ConflictError, ForbiddenError, ScopeChangedError, UnknownSubjectError
from traceability.operations.accounts.managing import invite, renew_link
from traceability.operations.accounts.roles import Role
from traceability.operations.accounts.trail import Actor
from traceability.operations.recall import Issuer, close, issue
from traceability.operations.recallextend import extend_recalls
from traceability.operations.recalling.cases import Stage, find_case, list_cases
from traceability.operations.recalling.closing import close_case, drop_case
from traceability.operations.recalling.follow import follow_recalls
from traceability.operations.recalling.holdings import Holding
from traceability.operations.recalling.notices import items_of, notices_of
from traceability.operations.recalling.people import Participant
from traceability.operations.recalling.proposals import approve, hold_case, proposals_of, propose, withdraw
from traceability.operations.recalling.public import public_notices
from traceability.operations.recallstatus import known_recall, list_recalls
from traceability.settings import NodeSettings, load
from traceability.store import models
from traceability.supply.recall import Outcome, State


@pytest.fixture
def office(lone):
    return Office(lone)


def notified(office, case):
    with office.world.store.reading() as connection:
        return [notice.party for notice in notices_of(connection, case.id)]


def test_a_case_is_held_proposed_approved_by_another_and_closed(world):
    office = Office(world)
    case = office.open()
    assert (case.stage, case.things, case.origin) == (Stage.OPEN, 3, (A,))
    held = hold_case(
        *(world.store, world.node, office.ada, case.id, NOTICE), office.digest(case, state=State.HOLD)
    )
    assert (held.state, held.id, office.now(case).stage) == (State.HOLD, case.id, Stage.HELD)
    made = office.propose(case)
    assert (made.number, made.things, office.now(case).stage) == (1, 3, Stage.PROPOSED)
    with world.store.reading() as connection:
        assert public_notices(connection) == []
    world.wait(minutes=1)
    done = office.approve(case)
    assert (done.stage, done.issued_ms) == (Stage.ISSUED, world.now_ms)
    assert notified(office, case) == sorted([office.farm, office.packer, office.dairy])
    with world.store.reading() as connection:
        recall = known_recall(connection, case.id)
        (proposal,) = proposals_of(connection, case.id)
        assert [each.id for each in public_notices(connection)] == [case.id]
    assert recall is not None
    assert (recall.state, recall.by, recall.things) == (State.ISSUED, office.ada.party, 3)
    assert (proposal.proposed_by, proposal.approved_by) == ("ada", "ben")
    world.wait(minutes=1)
    ended = close_case(world.store, world.node, office.ada, case.id, Outcome.REMOVED, "all back")
    assert (ended.stage, ended.outcome, ended.note) == (Stage.CLOSED, "removed", "all back")
    with world.store.reading() as connection:
        assert [each.state for each in list_recalls(connection)] == [State.CLOSED]


def test_nobody_approves_what_they_proposed_nor_another_partys_nor_without_the_right(office):
    store, node = office.world.store, office.world.node
    case = office.open(office.fay)
    office.propose(case, office.fay)
    for person, why in (
        (office.fay, "yourself"),
        (office.ben, "proposed by somebody"),
        (replace(office.fred, approves=False), "not among your rights"),
    ):
        with pytest.raises(ForbiddenError, match=why):
            approve(store, node, person, case.id, office.digest(case))
    with office.world.store.reading() as connection:
        assert known_recall(connection, case.id) is None
    assert office.approve(case, office.fred).stage is Stage.ISSUED


def test_who_may_not_recall_does_nothing_and_a_firm_only_opens_cases_of_its_own(office):
    store, node = office.world.store, office.world.node
    clerk = replace(office.fay, recalls=False)
    case = office.open(office.fay)
    confirm = office.digest(case)
    for refused in (
        lambda: office.open(clerk),
        lambda: hold_case(store, node, clerk, case.id, NOTICE, confirm),
        lambda: propose(store, node, clerk, case.id, NOTICE, confirm),
        lambda: withdraw(store, clerk, case.id),
        lambda: close_case(store, node, clerk, case.id, Outcome.SAFE),
        lambda: drop_case(store, node, clerk, case.id),
        lambda: office.open(office.pat),
    ):
        with pytest.raises(ForbiddenError):
            refused()


def test_a_case_is_not_there_for_other_firms(office):
    case = office.open(office.fay)
    with office.world.store.reading() as connection:
        assert [each.id for each in list_cases(connection, office.fred)] == [case.id]
        assert [each.id for each in list_cases(connection, office.ada)] == [case.id]
        assert list_cases(connection, office.pat) == []
        with pytest.raises(UnknownSubjectError):
            find_case(connection, case.id, office.pat)
    with pytest.raises(UnknownSubjectError):
        office.propose(case, office.pat)


@pytest.mark.parametrize("drill", [False, True])
def test_a_scope_that_changed_is_seen_again_before_it_is_approved(office, drill):
    case = office.open(drill=drill)
    seen = office.digest(case)
    office.propose(case)
    make(office.world, office.packer, [MIX], LATE, 60)
    with pytest.raises(ScopeChangedError):
        approve(office.world.store, office.world.node, office.ben, case.id, seen)
    with office.world.store.reading() as connection:
        assert known_recall(connection, case.id) is None
        assert proposals_of(connection, case.id)[0].waits
    assert office.approve(case).things == 4


def test_what_was_not_seen_is_not_proposed(office):
    case = office.open()
    other = replace(NOTICE, recall_class=3)
    with pytest.raises(ScopeChangedError):
        propose(office.world.store, office.world.node, office.ada, case.id, other, office.digest(case))


def test_a_proposal_is_withdrawn_and_another_made(office):
    store = office.world.store
    case = office.open()
    office.propose(case)
    with pytest.raises(ConflictError, match="waits"):
        office.propose(case, office.ben)
    assert withdraw(store, office.ada, case.id).withdrawn_by == "ada"
    with pytest.raises(ConflictError, match="no proposal"):
        office.approve(case)
    with pytest.raises(ConflictError, match="no proposal"):
        withdraw(store, office.ada, case.id)
    other = replace(NOTICE, recall_class=2)
    assert office.propose(case, office.ada, other).number == 2
    assert office.approve(case, notice=other).stage is Stage.ISSUED


def test_an_approval_that_comes_late_is_refused_and_signs_nothing(office, monkeypatch):
    """The proposal is withdrawn after the second person looked at it, before the transaction."""
    from traceability.operations import recall as recalling

    case = office.open()
    office.propose(case)
    drafts = recalling.drafts_of

    def meanwhile(*given):
        withdraw(office.world.store, office.ada, case.id)
        return drafts(*given)

    monkeypatch.setattr(recalling, "drafts_of", meanwhile)
    with pytest.raises(ConflictError, match="no proposal"):
        office.approve(case)
    with office.world.store.reading() as connection:
        assert known_recall(connection, case.id) is None
    assert notified(office, case) == []


def test_each_party_that_spoke_of_a_thing_is_told_how_much_should_be_left_and_who_was_last(office):
    case = office.issued()
    with office.world.store.reading() as connection:
        found = items_of(connection, case.id)
    assert sorted(found, key=lambda item: (item.thing, item.party)) == sorted(
        [
            Holding(office.farm, A, "0", "KGM", None, last=False),
            Holding(office.packer, A, "0", "KGM", None, last=True),
            Holding(office.packer, MIX, "0", "KGM", None, last=False),
            Holding(office.dairy, MIX, "0", "KGM", None, last=True),
            Holding(office.dairy, YOGHURT, "10", "KGM", None, last=True),
        ],
        key=lambda item: (item.thing, item.party),
    )


def test_a_case_without_a_recall_is_dropped_and_one_with_a_hold_is_not(office):
    store, node = office.world.store, office.world.node
    case = office.open()
    with pytest.raises(ConflictError, match="nothing was held"):
        close_case(store, node, office.ada, case.id, Outcome.SAFE)
    office.propose(case)
    done = drop_case(store, node, office.ada, case.id, "a mistake")
    assert (done.stage, done.outcome, done.proposed) == (Stage.CLOSED, "dropped", False)
    with pytest.raises(ConflictError, match="closed"):
        office.propose(case)
    held = office.open()
    hold_case(store, node, office.ada, held.id, NOTICE, office.digest(held, state=State.HOLD))
    with pytest.raises(ConflictError, match="held"):
        drop_case(store, node, office.ada, held.id)
    assert close_case(store, node, office.ada, held.id, Outcome.SAFE).outcome == "safe"
    with store.reading() as connection:
        assert public_notices(connection) == []


def test_a_recall_by_token_gets_a_case_and_one_that_grows_tells_who_is_new(office):
    world = office.world
    done = issue(world.store, world.node, Issuer(office.farm), order(world, A))
    assert list(follow_recalls(world.store, world.node).cases) == [done.id]
    with world.store.reading() as connection:
        case = find_case(connection, done.id)
    assert (case.opened_by, case.party, case.issued_ms) == (None, office.farm, world.now_ms)
    before = notified(office, case)
    baker = world.party("Bakery")
    make(world, baker, [YOGHURT], LATE, 60)
    assert extend_recalls(world.store, world.node).added == {done.id: 1}
    assert list(follow_recalls(world.store, world.node).cases) == [done.id]
    assert sorted([*before, baker]) == notified(office, case)
    close(world.store, world.node, Issuer(office.farm), done.id, Outcome.SAFE)
    follow_recalls(world.store, world.node)
    assert (office.now(case).stage, office.now(case).outcome) == (Stage.CLOSED, "safe")
    assert follow_recalls(world.store, world.node).cases == []


def test_the_publisher_tells_holders_of_a_recall_by_token(office):
    world = office.world
    done = issue(world.store, world.node, Issuer(office.farm), order(world, A))
    settings = load(NodeSettings, {"FT_DATA": str(world.node.folder)})
    world.wait(minutes=1)
    Publisher(Opened(settings, world.node, world.store)).turn()
    with world.store.reading() as connection:
        assert len(notices_of(connection, done.id)) == 3


def test_what_was_issued_otherwise_meanwhile_is_not_approved(office):
    world, case = office.world, office.open()
    office.propose(case)
    issue(world.store, world.node, office.ada.issuer, order(world, A, recall_id=case.id))
    with pytest.raises(ConflictError, match="issued already"):
        office.approve(case)


def test_a_drill_is_traced_proposed_and_approved_and_signs_nothing(office):
    world = office.world
    tables = (models.Record, models.Statement)

    def counts():
        with world.store.reading() as connection:
            rows = [connection.execute(select(func.count()).select_from(t)).scalar_one() for t in tables]
            return rows, list_recalls(connection), public_notices(connection)

    before, case = counts(), office.open(drill=True)
    assert case.id.startswith("D-")
    assert not case.mailing
    with pytest.raises(ConflictError, match="drill"):
        hold_case(world.store, world.node, office.ada, case.id, NOTICE, office.digest(case))
    office.propose(case)
    assert office.approve(case).stage is Stage.ISSUED
    assert notified(office, case) == sorted([office.farm, office.packer, office.dairy])
    assert follow_recalls(world.store, world.node).cases == []
    done = close_case(world.store, world.node, office.ada, case.id, Outcome.SAFE)
    assert done.outcome == "done"
    assert counts() == before


def test_a_person_has_a_name_that_can_be_shown():
    for name in ("", " ", "a\nb", "x" * 255):
        with pytest.raises(Exception, match="name"):
            taking_part(name, "https://x")


def test_whom_the_proposer_let_in_today_does_not_approve(office):
    """A manager who invites a second self waits a day for it, in sight of the trail."""
    world = office.world
    fay = make_person(world.store, world.node, office.farm, login="fay")
    ann = make_person(world.store, world.node, office.farm, login="ann")
    actor = Actor(fay.id, office.farm, "web")
    known = {"party": office.farm, "within": office.farm, "role": Role.MANAGER}
    second, _ = invite(world.store, world.node, actor, login="fay2", name="Fay", **known)
    one, two, other = (
        Participant(each.login, office.farm, Actor(each.id, office.farm, "web"))
        for each in (fay, second, ann)
    )
    case, mirrored = office.open(one), office.open(two)
    office.propose(case, one)
    office.propose(mirrored, two)
    for proposed, person in ((case, two), (mirrored, one)):
        with pytest.raises(ForbiddenError, match="let the other in"):
            office.approve(proposed, person)
    renew_link(world.store, world.node, actor, ann.id, within=office.farm)
    with pytest.raises(ForbiddenError, match="let the other in"):
        office.approve(case, other)
    world.wait(minutes=24 * 60)
    assert office.approve(case, two).issued_ms is not None
