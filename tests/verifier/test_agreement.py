"""The verifier in JavaScript says of a bundle what ``traceability verify`` says of it, whoever made it."""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Callable, Iterator

import pytest

from tests.support.node import absence
from tests.support.world import make_world
from tests.verifier.agreement import answer, disagreements
from tests.verifier.cases import Case, cases, own_policy
from tests.verifier.lies_of_times import lies_of_times
from tests.verifier.stories import Told, tell

SAMPLE = 120


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    if missing := absence():
        pytest.skip(missing)
    folder = tmp_path_factory.mktemp("told")
    world = make_world(folder / "node", f"sqlite:///{folder}/store.sqlite")
    yield tell(world)
    world.store.close()


def test_both_verifiers_say_the_same_of_every_bundle(
    told: Told,
    pytestconfig: pytest.Config,
    record_property: Callable[[str, object], None],
    capsys: pytest.CaptureFixture[str],
):
    every = cases(told)
    seed = 0 if os.environ.get("CI") else secrets.randbits(32)
    chosen = every if pytestconfig.pluginmanager.hasplugin("bench.soak") else sample(every, seed)
    asked, differing = disagreements(chosen)
    summary = f"{asked - len(differing)} of {asked} agree, of {len(every)} cases (seed {seed})"
    record_property("verifiers", summary)
    with capsys.disabled():
        print(f"\n{summary}")
    assert differing == []
    assert len(every) > 10_000


def test_a_device_s_signature_that_is_none_is_found_where_the_browser_s_own_ed25519_is_asked(told: Told):
    chosen = [case for case in cases(told) if "device signature" in case.name]
    asked, differing = disagreements(chosen)
    assert (asked >= 4, differing) == (True, [])


def test_both_verifiers_accept_a_stay_in_which_one_sensor_took_over_from_another(told: Told):
    chosen = [case for case in cases(told) if case.name.startswith("replaced for ")]
    asked, differing = disagreements(chosen)
    assert (asked >= 3, differing) == (True, [])
    own = next(case for case in chosen if case.name.endswith("public, own policy"))
    assert answer(own.bundle(), own)["verdict"]["exit_code"] == 0


def test_both_verifiers_say_the_same_of_times_and_of_nodes_that_lie_of_them(told: Told):
    every = [Case(name, bundle, own_policy(told)) for name, bundle in lies_of_times(told)]
    lying = [case for case in every if " 1201001 ms earlier" in case.name]
    turned = [case for case in every if "turned round" in case.name]
    proving = [case for case in every if case.name.startswith(("packed times: ", "packing times: "))]
    asked, differing = disagreements([*proving, *turned, *lying])
    assert (asked > 10, differing) == (True, [])
    codes = {answer(case.bundle(), case).get("failure") for case in lying}
    assert "bad-time" in codes


def sample(every: list[Case], seed: int) -> list[Case]:
    """As many as the suite has time for; they come in another order in another run."""
    return random.Random(seed).sample(every, SAMPLE)
