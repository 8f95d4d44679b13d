"""Tokens of the API: shown once, kept as a hash, for what they were made, until they end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from tests.integration.test_command_line import cli as cli
from tests.integration.test_command_line import refuses
from tests.support.world import World, make_world
from traceability.errors import ConflictError, ForbiddenError, MalformedError, TokenError, UnknownSubjectError
from traceability.operations.credentials import add_credential
from traceability.operations.events import Reader
from traceability.operations.tokens import (
    Access,
    Scope,
    find_token,
    list_tokens,
    new_token,
    revoke_token,
)
from traceability.store import access

DEVICE = "0123456789abcdef0123456789abcdef"
DAY_MS = 86_400_000
BOTH = frozenset({Scope.CAPTURE, Scope.QUERY})


@pytest.fixture
def world(tmp_path) -> Iterator[World]:
    made = make_world(tmp_path / "node", f"sqlite:///{tmp_path}/store.sqlite")
    yield made
    made.store.close()


def make(world: World, **changes: Any) -> str:
    usual: dict[str, Any] = {"party": "9520000000028", "scopes": BOTH, "days": 90, "name": "erp"}
    return new_token(world.store, world.node, **usual | changes)[0]


def find(world: World, text: str, needs: Scope = Scope.QUERY) -> Access:
    with world.store.reading() as connection:
        return find_token(connection, world.node, text, world.now_ms, needs)


def test_a_token_opens_what_it_was_made_for_and_nothing_else(tmp_path, database_url):
    world = make_world(tmp_path / "node", database_url)
    farm = world.party("Farm", "9520000000028")
    text = make(world)
    assert re.fullmatch(r"ft_[A-Za-z0-9_-]{43}", text)
    found = find(world, text)
    assert found == Access("erp", farm, BOTH, regulator=False)
    assert found.reader == Reader(farm, regulator=False)
    with pytest.raises(ForbiddenError, match="erp is for capture, query, not for recall"):
        find(world, text, Scope.RECALL)
    world.store.close()


def test_the_store_holds_nothing_that_opens_anything(world):
    world.party("Farm", "9520000000028")
    texts = {make(world, name=f"t{i}") for i in range(3)}
    assert len(texts) == 3
    with world.store.reading() as connection:
        rows = connection.execute(select(access.Token)).all()
    assert not any(text[3:] in str(row) or text.encode() in row for text in texts for row in rows)


def test_unknown_expired_and_revoked_are_one_answer(world):
    world.party("Farm", "9520000000028")
    kept, short, ended = (make(world, name=n, days=d) for n, d in (("a", 2), ("b", 1), ("c", 2)))
    revoke_token(world.store, world.node, "c")
    world.wait(ms=DAY_MS - 1)
    assert find(world, short).name == "b"
    world.wait(ms=1)
    wrong = [short, ended, kept[:-1], kept + "A", kept.upper(), "ft_" + "A" * 43, "", "ft_é" + "A" * 42]
    answers = set()
    for text in wrong:
        with pytest.raises(TokenError) as refused:
            find(world, text)
        answers.add((str(refused.value), refused.value.remedy()))
    assert len(answers) == 1
    assert find(world, kept).name == "a"


def test_an_expired_token_is_not_told_what_it_was_for(world):
    world.party("Farm", "9520000000028")
    text = make(world, days=1)
    world.wait(ms=DAY_MS)
    with pytest.raises(TokenError):
        find(world, text, Scope.RECALL)


def test_only_an_enrolled_party_gets_a_token_and_a_firms_is_never_a_regulators(world):
    with pytest.raises(UnknownSubjectError):
        make(world)
    world.party("Office", "9520000000028")
    firm = make(world, scopes={Scope.RECALL}, name="firm")
    assert not find(world, firm, Scope.RECALL).reader.regulator
    text = make(world, scopes={Scope.RECALL, Scope.QUERY}, regulator=True)
    assert find(world, text, Scope.RECALL).reader.regulator


@pytest.mark.parametrize(
    "changes",
    [{"days": 0}, {"days": 3651}, {"scopes": ()}, {"name": ""}, {"name": "a b"}, {"name": "x" * 65}],
)
def test_what_a_token_cannot_be_is_refused(world, changes):
    world.party("Farm", "9520000000028")
    with pytest.raises(MalformedError):
        make(world, **changes)


def test_a_name_is_given_once_and_a_token_ended_once(world):
    world.party("Farm", "9520000000028")
    text = make(world)
    with pytest.raises(ConflictError, match="choose another name"):
        make(world)
    assert find(world, text).name == "erp"
    ended = revoke_token(world.store, world.node, "erp")
    world.wait(minutes=1)
    assert revoke_token(world.store, world.node, "erp") == ended
    with world.store.reading() as connection:
        assert [token.state(world.now_ms) for token in list_tokens(connection, world.node)] == ["revoked"]
    with pytest.raises(UnknownSubjectError, match="no token is named"):
        revoke_token(world.store, world.node, "shop")


def test_tokens_are_made_listed_and_ended_on_the_command_line(cli):
    assert cli("init", "--node", "dali.example")[0] == 0
    assert "there are no tokens yet" in cli("token", "list")[1]
    party = cli("enrol", "party", "--name-en", "Farm", "--name-zh", "农场", "--json")[1]["party"]
    new = ("token", "new", "--party", party, "--scope", "capture,query", "--name", "erp")
    code, made, _ = cli(*new, "--days", "7", "--json")
    assert code == 0
    assert made.keys() == {"token", "name", "party", "scopes", "regulator", "expires"}
    assert (made["party"], made["scopes"]) == (party, ["capture", "query"])
    assert "choose another name" in refuses(cli, "conflict", *new)
    listed = cli("token", "list", "--json")[1]["tokens"]
    assert [(t["name"], t["state"]) for t in listed] == [("erp", "valid")]
    said = cli("token", "list")[1] + str(listed)
    assert made["token"] not in said
    assert f"erp: valid, {party}: capture, query, until " in said
    assert re.fullmatch(r"erp is revoked since \S+Z\n", cli("token", "revoke", "erp")[1])
    assert cli("token", "list")[1].startswith("erp: revoked")
    code, shown, _ = cli(*new[:-3], "recall", "--name", "office", "--regulator")
    assert code == 0
    assert shown.startswith("ft_")
    assert "regulator: recall" in shown
    with pytest.raises(SystemExit):
        cli(*new[:-3], "capture,everything", "--name", "x")


def test_the_passwords_of_devices_are_none_of_the_apis_tokens(world):
    world.party("Farm", "9520000000028")
    text = make(world)
    with world.store.transaction() as tx:
        shown = add_credential(tx, DEVICE, "https://party.example", "farm")
    with world.store.reading() as connection:
        assert [token.access.name for token in list_tokens(connection, world.node)] == ["erp"]
    with pytest.raises(UnknownSubjectError):
        revoke_token(world.store, world.node, f"{DEVICE}.0")
    for stolen in (shown.password, f"ft_{shown.password}"):
        with pytest.raises(TokenError):
            find(world, stolen)
    assert find(world, text).name == "erp"
