"""``traceability people``: the first link, invitations, roles and kinds from the terminal."""

from __future__ import annotations

import json
import re

import pytest

from traceability.__main__ import main
from traceability.operations.accounts.links import JOINING, find_link
from traceability.operations.accounts.people import find_login, load_person
from traceability.operations.accounts.roles import PartyKind, Role
from traceability.operations.accounts.trail import Wanted, list_trail

LINK = re.compile(r"http://127\.0\.0\.1:8000/(join|reset)/([\w-]{43})\n")


@pytest.fixture
def people(lone, monkeypatch, capsys):
    """Run a verb on a node; its exit code, output (parsed if it is JSON) and complaints."""
    monkeypatch.setenv("FT_DATA", str(lone.node.folder))
    monkeypatch.setenv("FT_DATABASE_URL", lone.store.url)

    def run(*words: str):
        code = main(["people", *words])
        said = capsys.readouterr()
        return code, json.loads(said.out) if "--json" in words and code == 0 else said.out, said.err

    return run


def found(text):
    match = LINK.search(text)
    assert match is not None, text
    return match


def person_of(world, login):
    with world.store.reading() as connection:
        return load_person(connection, world.node, find_login(connection, login) or "")


def test_the_first_administrator_gets_a_link_and_its_former_one_ends(lone, people):
    assert "nobody yet" in people("list")[1]
    texts = [found(people("link", "administrator")[1])[2] for _ in range(2)]
    with lone.store.reading() as connection:
        link = find_link(connection, lone.node, texts[1], JOINING, lone.now_ms)
        assert link.person.role is Role.ADMINISTRATOR
        with pytest.raises(Exception, match="not valid"):
            find_link(connection, lone.node, texts[0], JOINING, lone.now_ms)
    assert people("list")[1] == "administrator: administrator, no app, not joined yet\n"


def test_people_are_invited_changed_disabled_and_listed(lone, people):
    farm = lone.party("Farm")
    code, _, complaint = people("invite", "li", "--party", farm)
    assert (code, "nobody said yet what this party is" in complaint) == (1, True)
    assert people("kind", farm, "producer")[1] == f"{farm} is a producer\n"
    code, said, _ = people("invite", "Li", "--party", farm, "--name", "Li Wei", "--role", "worker")
    assert (code, found(said)[1]) == (0, "join")
    li = person_of(lone, "li")
    assert (li.name, li.party, li.kind, li.role) == ("Li Wei", farm, PartyKind.PRODUCER, Role.WORKER)
    assert people("invite", "LI", "--party", farm)[0] == 1
    assert people("role", "li", "manager")[1] == "li is manager from now on\n"
    assert found(people("link", "li", "--forget-app")[1])[1] == "join"
    people("disable", "li")
    assert people("link", "li")[0] == 1
    assert people("list")[1] == f"li: manager of {farm} (producer), no app, disabled\n"
    people("enable", "li")
    _, listed, _ = people("list", "--json")
    assert listed["kinds"] == {farm: "producer"}
    assert [(p["login"], p["disabled"], p["joined"]) for p in listed["people"]] == [("li", False, False)]
    assert "nobody signs in as 'mo'" in people("disable", "mo")[2]
    with lone.store.reading() as connection:
        entries = list_trail(connection, Wanted(subject="li"), 20)
    assert {e.via for e in entries} == {"command line"}
    assert [e.action for e in entries][:2] == ["person-enabled", "person-disabled"]


def test_over_plain_http_links_lead_to_the_machine_itself(lone, people, monkeypatch):
    monkeypatch.setenv("FT_BASE_URL", "http://node.example:8000")
    assert found(people("link", "administrator")[1])
    monkeypatch.setenv("FT_BASE_URL", "https://node.example")
    assert people("link", "administrator")[1].startswith("https://node.example/join/")
