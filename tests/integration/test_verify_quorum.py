"""``traceability verify`` with a policy that asks for witnesses, and a bundle that real keys cosigned."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from tests.support.cosigned import Cosigner, cosigned, policy_text
from tests.support.world import World
from traceability.__main__ import main
from traceability.verification.verdict import check

EAST, WEST, NORTH = map(Cosigner, ("east", "west", "north"))


@pytest.fixture
def bundle(lone: World) -> bytes:
    batch = lone.harvest(lone.party("Farm"), "L1")
    lone.publish()
    return lone.bundle(batch)


@pytest.fixture
def verify(lone, tmp_path: Path, monkeypatch, capsys):
    """Run the verb on a bundle under a policy: its exit code, its JSON, its lines, its complaints."""
    for name in [n for n in os.environ if n.startswith("FT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(bundle: bytes, *items: str, by=(EAST, WEST, NORTH), policy: bytes | None = None):
        text = policy_text(lone.node.policy_text, *items, by=by).encode()
        Path("policy").write_bytes(text if policy is None else policy)
        Path("proof.bundle").write_bytes(bundle)
        words = ["verify", "proof.bundle", "--policy", "policy"]
        capsys.readouterr()
        code = main([*words, "--json"])
        said = capsys.readouterr()
        assert main(words) == code
        return code, json.loads(said.out or "null"), capsys.readouterr().out.splitlines(), said.err

    return run


TWO_OF_THREE = ("group neighbours 2 east west north", "quorum neighbours")


def now_s() -> int:
    return int(time.time())


def test_enough_witnesses_of_just_now_make_it_fresh(verify, bundle):
    at = now_s()
    code, verdict, lines, _ = verify(cosigned(bundle, (EAST, at - 3), (NORTH, at - 9)), *TWO_OF_THREE)
    assert (code, verdict["exit_code"]) == (0, 0)
    assert verdict["freshness"]["code"] == "fresh"
    assert verdict["freshness"]["witnesses"] == ["east", "north"]
    assert 9 <= verdict["freshness"]["age_s"] < 600
    text = f"fresh: complete as of {verdict['freshness']['as_of']} by east, north"
    assert verdict["parts"]["fresh"] == {"status": "holds", "text": text}
    assert lines[3] == f"fresh       holds    {text}"
    assert lines[-1] == "Everything that was asked holds."


def test_the_same_bundle_an_hour_later_says_as_of_when(verify, bundle):
    at = now_s() - 7_260
    code, verdict, lines, _ = verify(cosigned(bundle, (EAST, at), (NORTH, at + 7_000)), *TWO_OF_THREE)
    assert code == 2
    assert verdict["freshness"]["code"] == "stale"
    assert verdict["parts"]["fresh"]["status"] == "unknown"
    as_of = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(at))
    assert lines[3].startswith(
        f"fresh       unknown  stale: complete as of {as_of} by east, north, 2 h 1 min"
    )
    assert lines[-1].startswith("Nothing contradicts it, but not everything")


def test_too_few_witnesses_are_said_by_name(verify, bundle):
    code, verdict, lines, _ = verify(cosigned(bundle, (WEST, now_s())), *TWO_OF_THREE)
    assert code == 2
    assert verdict["freshness"] == {
        "code": "quorum-not-met",
        "as_of": None,
        "age_s": None,
        "max_age_s": 3600,
        "witnesses": [],
        "missing": ["east", "north"],
        "ahead": [],
        "complete": [],
    }
    assert lines[3] == (
        "fresh       unknown  quorum-not-met: not cosigned by as many as the policy asks for; "
        "missing: east, north"
    )


def test_a_cosignature_for_tomorrow_does_not_count(verify, bundle):
    code, verdict, lines, _ = verify(cosigned(bundle, (EAST, now_s() + 86_400)), "quorum east")
    assert (code, verdict["freshness"]["missing"], verdict["freshness"]["ahead"]) == (2, ["east"], ["east"])
    assert lines[3].endswith("more than 5 min ahead of this clock and not counted: east")


def test_without_a_quorum_nothing_changes_whoever_cosigned(verify, bundle, lone):
    plain = check(bundle, lone.node.policy)
    for made in ((), ((EAST, now_s()), (WEST, 5))):
        for by in ((), (EAST,)):
            code, verdict, lines, _ = verify(cosigned(bundle, *made), "quorum none", by=by)
            assert (code, verdict, lines) == (0, plain.to_json(), plain.lines())
    assert "freshness" not in plain.to_json()
    assert plain.lines()[3].endswith(" by the operator's clock")


def test_a_changed_bundle_fails_however_many_cosigned(verify, bundle):
    cosigned_by_all = cosigned(bundle, *((by, now_s()) for by in (EAST, WEST, NORTH)))
    damaged = cosigned_by_all.replace(b'"salt":"', b'"salt":"AAAA', 1)
    code, verdict, _, _ = verify(damaged, *TWO_OF_THREE)
    assert code == 1
    assert "freshness" not in verdict


def test_a_policy_that_does_not_parse_is_said_with_its_line_and_what_to_do(verify, bundle):
    code, verdict, lines, said = verify(bundle, "group neighbours 4 east west north", "quorum neighbours")
    assert (code, verdict, lines) == (1, None, [])
    assert json.loads(said) == {
        "error": "bad-bundle",
        "message": "policy line 6: group 'neighbours' asks for 4 of its 3 members",
        "remedy": "Take the policy again from somebody you trust; its form is in docs/formats.md.",
    }


def test_a_policy_file_is_octets(verify, bundle, lone):
    line = EAST.line.encode().replace(b"east", b"\xff\xe7\x81\xab", 1)
    pinned = policy_text(lone.node.policy_text, by=()).encode()
    code, verdict, lines, _ = verify(bundle, policy=pinned + line + b"quorum \xff\xe7\x81\xab\n")
    assert (code, verdict["freshness"]["missing"]) == (2, ["\\xff火"])
    assert lines[3].endswith("missing: \\xff火")


def test_full_witnesses_of_the_policy_stand_for_completeness(verify, bundle):
    groups = ("group complete any west north", "group both all east complete", "quorum both")
    signed = cosigned(bundle, (EAST, now_s()), (NORTH, now_s()))
    _, verdict, lines, _ = verify(signed, *groups)
    assert lines[2].startswith("complete    holds    as witnessed by north for node")
    assert verdict["freshness"]["complete"] == ["north"]
    _, verdict, lines, _ = verify(cosigned(bundle, (EAST, now_s())), *groups)
    assert lines[2].startswith("complete    holds    according to the operator of node")
    assert verdict["freshness"]["complete"] == []
