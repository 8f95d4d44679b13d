"""Whoever approves a recall is killed on the way: it is issued with all that belongs to it, or untouched."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from gateway.watchman import Postman
from tests.support.cases import Office
from tests.support.telling import http_server
from traceability.operations.audit import audit
from traceability.operations.outbox import WEBHOOK
from traceability.operations.recalling.cases import Stage
from traceability.operations.recalling.contacts import add_contact
from traceability.operations.recalling.letters import waiting_words
from traceability.operations.recalling.notices import items_of, notices_of
from traceability.operations.recalling.proposals import proposals_of
from traceability.operations.recallstatus import known_recall, named_things
from traceability.operations.webhook import Webhook

APPROVING = """
import os, signal, sys
from pathlib import Path
from traceability.operations import outbox, recall
from traceability.operations.accounts.trail import Actor
from traceability.operations.node import load_node
from traceability.operations.recalling import letters, notices, proposals
from traceability.operations.recalling.people import Participant
from traceability.operations.webhook import Webhook
from traceability.store.engine import Store

url, folder, case, party, digest, address, at_ms = sys.argv[1:]

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def behind(module, name):
    whole = getattr(module, name)
    def dies(*given, **more):
        whole(*given, **more)
        die()
    setattr(module, name, dies)

%s

store, node = Store(url, clock=lambda: int(at_ms)), load_node(Path(folder))
ben = Participant("ben", party, Actor(None, party, "web"), regulator=True)
proposals.approve(store, node, ben, case, digest)
hook = Webhook(address, "sixteen letters!", "node.example", True)
outbox.deliver(store, letters.NOTICES, {"webhook": hook.send})
"""
BEFORE = {
    "before anything is signed": "recall.drafts_of = die",
    "signed, and nothing recorded": "recall.known_recall = lambda *_, before=recall.known_recall, seen=[]: "
    "before(*_) if seen.append(1) or len(seen) < 2 else die()",
    "recorded, before the approval": "behind(recall, 'append')",
    "with the approval, before the notices": "proposals.leave_notices = die",
    "with the notices, before the commit": "behind(proposals, 'leave_notices')",
}
AFTER = {
    "committed, and nobody told": "outbox.deliver = die",
    "told, and not noted": "outbox._mark = die",
}


@pytest.fixture
def office(lone):
    return Office(lone)


def killed(office, case, failpoint, address="http://127.0.0.1:1/"):
    world = office.world
    given = (world.node.folder, case.id, office.ben.party, office.digest(case), address, world.now_ms)
    command = [sys.executable, "-c", APPROVING % failpoint, world.store.url, *map(str, given)]
    ended = subprocess.run(command, check=False, timeout=60, capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def whole(office, case):
    """Nothing of the recall, or all of it; and which."""
    with office.world.store.reading() as connection:
        recall, (made,) = known_recall(connection, case.id), proposals_of(connection, case.id)
        named = set(named_things(connection, case.id))
        told = {notice.party for notice in notices_of(connection, case.id)}
        items = {item.thing for item in items_of(connection, case.id)}
        words = {word[0] for word in waiting_words(connection, case.id)}
    if recall is None:
        assert (made.waits, named, told, items, words) == (True, set(), set(), set(), set())
        assert office.now(case).stage is Stage.PROPOSED
        return False
    assert (made.approved_by, len(named), named, len(told)) == ("ben", 3, items, 3)
    assert office.now(case).stage is Stage.ISSUED
    assert audit(office.world.store, office.world.node).findings == ()
    return True


@pytest.mark.parametrize("failpoint", BEFORE.values(), ids=BEFORE)
def test_who_dies_before_the_commit_has_touched_nothing_and_the_next_approval_does_all(office, failpoint):
    case = office.open()
    office.propose(case)
    killed(office, case, failpoint)
    assert not whole(office, case)
    office.approve(case)
    assert whole(office, case)


@pytest.mark.parametrize("failpoint", AFTER.values(), ids=AFTER)
def test_who_dies_behind_the_commit_has_issued_it_and_holders_are_told_after_the_next_start(
    office, failpoint
):
    with http_server() as taker:
        add_contact(office.world.store, office.dan.actor, office.dairy, taker.url)
        case = office.open()
        office.propose(case)
        killed(office, case, failpoint, taker.url)
        assert whole(office, case)
        hook = Webhook(taker.url, "sixteen letters!", "node.example", True)
        postman = Postman(office.world.store, {WEBHOOK: hook.send})
        postman.turn()
        postman.turn()
    assert len({posted.headers["idempotency-key"] for posted in taker.given}) == 1
    assert len(taker.given) == (2 if "_mark" in failpoint else 1)
    with office.world.store.reading() as connection:
        assert waiting_words(connection, case.id) == []
