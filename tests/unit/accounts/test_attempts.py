"""How often somebody may try: a few times at once, then at a pace, and nobody for somebody else."""

from __future__ import annotations

import pytest

from traceability.errors import SignInError, TooOftenError
from traceability.operations.accounts import attempts
from traceability.operations.accounts.attempts import NAME, NETWORK, PAIR, Attempts


def fails(kept: Attempts, name: str, network: str, now_ms: int, **more) -> None:
    with pytest.raises(SignInError), kept.attempt(name, network, now_ms, **more):
        raise SignInError("wrong")


def waits(kept: Attempts, name: str, network: str, now_ms: int, **more) -> int:
    with pytest.raises(TooOftenError) as refused, kept.attempt(name, network, now_ms, **more):
        pass
    return refused.value.retry_s


def test_a_name_from_one_network_has_a_few_tries_and_then_one_at_a_time():
    kept = Attempts()
    for _ in range(PAIR.tries):
        fails(kept, "li", "n", 0)
    assert waits(kept, "li", "n", 0) == PAIR.every_s
    assert waits(kept, "li", "n", PAIR.every_s * 1000 - 1) == 1
    fails(kept, "li", "n", PAIR.every_s * 1000)
    assert waits(kept, "li", "n", PAIR.every_s * 1000) == PAIR.every_s
    fails(kept, "mo", "n", 0)


def test_what_is_right_costs_nothing():
    kept = Attempts()
    for _ in range(1000):
        with kept.attempt("li", "n", 0):
            pass
    fails(kept, "li", "n", 0)


def test_a_network_has_so_many_tries_whatever_the_names():
    kept = Attempts()
    for number in range(NETWORK.tries):
        fails(kept, f"name {number}", "n", 0)
    assert waits(kept, "another", "n", 0) == NETWORK.every_s
    fails(kept, "another", "m", 0)


def test_a_name_tried_from_everywhere_stays_open_where_its_owner_was_before():
    kept = Attempts()
    for number in range(NAME.tries):
        fails(kept, "li", f"network {number}", 0)
    assert waits(kept, "li", "elsewhere", 0) <= NAME.every_s
    with kept.attempt("li", "home", 0, known=True):
        pass


def test_tries_at_the_same_moment_are_counted_before_they_are_over():
    kept = Attempts()
    for _ in range(PAIR.tries):
        kept.attempt("li", "n", 0).__enter__()
    assert waits(kept, "li", "n", 0) == PAIR.every_s


def test_memory_is_bounded_and_forgets_what_is_full_again(monkeypatch):
    monkeypatch.setattr(attempts, "MOST", 10)
    kept = Attempts()
    for number in range(100):
        fails(kept, f"name {number}", f"network {number}", 0)
    assert len(kept._due_ms) <= 10
    fails(kept, "late", "late", 10**9)
    assert len(kept._due_ms) <= 10
