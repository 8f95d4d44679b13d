"""How often somebody may try: a few times at once, then at a pace, and nobody for somebody else."""

from __future__ import annotations

from contextlib import closing

import pytest
from sqlalchemy import func, select

from tests.support.world import World
from traceability.errors import SignInError, TooOftenError
from traceability.operations.accounts import attempts
from traceability.operations.accounts.attempts import NAME, NETWORK, PAIR, Attempts
from traceability.store.accounts import Attempt
from traceability.store.engine import Store


@pytest.fixture
def kept(lone: World) -> Attempts:
    return Attempts(lone.store, lone.node)


def fails(kept: Attempts, name: str, network: str, *, known: bool = False) -> None:
    with pytest.raises(SignInError), kept.attempt(name, network, known=known):
        raise SignInError("wrong")


def waits(kept: Attempts, name: str, network: str, *, known: bool = False) -> int:
    with pytest.raises(TooOftenError) as refused, kept.attempt(name, network, known=known):
        pass
    return refused.value.retry_s


def rows(world: World) -> list[tuple[bytes, int]]:
    with world.store.reading() as connection:
        return [(r.id, r.due_ms) for r in connection.execute(select(Attempt).order_by(Attempt.id))]


def test_a_name_from_one_network_has_a_few_tries_and_then_one_at_a_time(lone: World, kept: Attempts):
    for _ in range(PAIR.tries):
        fails(kept, "li", "n")
    before = rows(lone)
    assert waits(kept, "li", "n") == PAIR.every_s
    assert rows(lone) == before, "who tries too often writes nothing"
    lone.wait(ms=PAIR.every_ms - 1)
    assert waits(kept, "li", "n") == 1
    lone.wait(ms=1)
    fails(kept, "li", "n")
    assert waits(kept, "li", "n") == PAIR.every_s
    fails(kept, "mo", "n")


def test_what_is_right_costs_nothing(kept: Attempts):
    for _ in range(3 * PAIR.tries):
        with kept.attempt("li", "n"):
            pass
    fails(kept, "li", "n")


def test_a_network_has_so_many_tries_whatever_the_names(kept: Attempts):
    for number in range(NETWORK.tries):
        fails(kept, f"name {number}", "n")
    assert waits(kept, "another", "n") == NETWORK.every_s
    fails(kept, "another", "m")


def test_a_name_tried_from_everywhere_stays_open_where_its_owner_was_before(kept: Attempts):
    for number in range(NAME.tries):
        fails(kept, "li", f"network {number}")
    assert waits(kept, "li", "elsewhere") <= NAME.every_s
    with kept.attempt("li", "home", known=True):
        pass


def test_tries_at_the_same_moment_are_counted_before_they_are_over(kept: Attempts):
    for _ in range(PAIR.tries):
        kept.attempt("li", "n").__enter__()
    assert waits(kept, "li", "n") == PAIR.every_s


def test_all_processes_of_the_web_count_together_and_a_restart_forgets_nothing(world: World):
    kept = Attempts(world.store, world.node)
    with closing(Store(world.store.url, clock=world.store.clock)) as other:
        for number in range(PAIR.tries):
            fails(Attempts(other, world.node) if number % 2 else kept, "li", "n")
        assert waits(kept, "li", "n") == waits(Attempts(other, world.node), "li", "n") == PAIR.every_s
    assert not [name for name, _ in rows(world) if b"li" in name], "who it was stands nowhere"


def test_what_is_kept_is_bounded_and_what_is_full_again_goes(lone: World, kept: Attempts, monkeypatch):
    monkeypatch.setattr(attempts, "MOST", 10)
    for _ in range(PAIR.tries):
        fails(kept, "li", "n")
    for number in range(20):
        fails(kept, f"name {number}", f"network {number}")
    with lone.store.reading() as connection:
        assert connection.execute(select(func.count()).select_from(Attempt)).scalar_one() == 10
    assert waits(kept, "li", "n") == PAIR.every_s, "what others try makes nobody forget this"
    lone.wait(minutes=60)
    fails(kept, "late", "late")
    assert len(rows(lone)) == 3
