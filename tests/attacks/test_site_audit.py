"""``traceability audit --url``: somebody without access reads what a site serves, and a site that lies."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.support.cosigned import Cosigner
from tests.support.leaves import LeafLog, TileServer, grown, tiles_of
from traceability.__main__ import main
from traceability.ledger import merkle
from traceability.ledger.note import ED25519, Checkpoint, Note, VerifierKey, parse_checkpoint, sign_note
from traceability.ledger.tiles import WIDTH, encode_bundle, parse_bundle, parse_tile_path
from traceability.operations.auditsite import SiteAudit, audit_memory
from traceability.peer import Peer
from traceability.signing.keys import PrivateKey
from traceability.verification.policy import Policy, format_policy
from traceability.verification.quorum import Quorum, Witness
from traceability.witness.follower import MAX_BUNDLE, PORTION, LogSite

REGISTRAR = VerifierKey("node.example/registrar", ED25519, PrivateKey.from_seed(b"\x09" * 32).public)
Run = Callable[..., tuple[int, dict[str, object], list[dict[str, str]]]]


@pytest.fixture
def site() -> Iterator[TileServer]:
    """A log of 600 leaves on the loopback."""
    with tiles_of(grown(600)) as server:
        yield server


@pytest.fixture
def audit(site: TileServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the verb: its exit code, what it counted, what it found; ``keeps`` with a folder."""
    (tmp_path / "policy").write_text(format_policy(Policy(site.log.verifier, REGISTRAR)))

    def run(*, keeps: bool = False) -> tuple[int, dict[str, object], list[dict[str, str]]]:
        words = ["audit", "--url", site.url, "--policy", str(tmp_path / "policy"), "--json"]
        code = main([*words, *(["--data", str(tmp_path / "kept")] if keeps else [])])
        report = json.loads(capsys.readouterr().out)
        return code, report["counts"], report["findings"]

    return run


def test_an_honest_site_matches_and_all_of_it_was_read(site: TileServer, audit: Run):
    size = site.log.size
    assert audit() == (0, {"leaves": size, "streams": 3, "tiles": 4}, [])
    assert {f"tile/entries/00{i}" for i in range(2)} < set(site.asked)


def test_a_checkpoint_that_too_few_witnesses_signed_is_not_known_to_be_the_only_one(
    site: TileServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    quorum = Quorum((Witness("east", Cosigner("east").verifier),), wanted="east")
    (tmp_path / "policy").write_text(format_policy(Policy(site.log.verifier, REGISTRAR, quorum)))
    assert main(["audit", "--url", site.url, "--policy", str(tmp_path / "policy")]) == 2
    assert "quorum-not-met" in capsys.readouterr().out


def where(findings: list[dict[str, str]]) -> list[tuple[str, str]]:
    return [(each["code"], each["where"]) for each in findings]


def test_a_leaf_that_breaks_a_rule_is_named(site: TileServer, audit: Run):
    site.log.records("a", seq=1).end()
    code, _, found = audit()
    assert (code, where(found)) == (1, [("bad-leaf", f"leaf {site.log.size - 2}")])


def test_a_checkpoint_without_a_state_is_named(site: TileServer, audit: Run):
    site.log.records("a")
    code, _, found = audit()
    assert (code, where(found)) == (1, [("bad-leaf", f"leaf {site.log.size - 1}")])


def test_an_entry_that_is_not_what_was_signed_is_named(site: TileServer, audit: Run):
    entries = parse_bundle(site.log.served("tile/entries/001"))
    entries[7] = entries[7].replace(b"01", b"02")
    site.lies["tile/entries/001"] = encode_bundle(entries)
    code, _, found = audit()
    assert code == 1
    assert ("leaf", "leaf 263") in where(found)


def test_a_site_that_keeps_back_the_tile_of_a_wrong_entry_is_found_all_the_same(site: TileServer, audit: Run):
    site.lies["tile/entries/001"] = site.log.served("tile/entries/000")
    site.lies["tile/0/000"] = b""
    code, _, found = audit()
    assert (code, where(found)) == (1, [("log", "leaves from 0 on")])


def test_of_what_a_log_announces_no_more_is_asked_for_than_it_serves(site: TileServer, audit: Run):
    """It signs a size that nobody could fetch, and serves whatever it is asked for."""
    text = Checkpoint(site.log.origin, 2**40, b"\5" * 32).text()
    site.lies["checkpoint"] = Note(text, (sign_note(text, site.log.origin, site.log.key),)).encode()
    bundle, hashes = encode_bundle([b"x"] * WIDTH), merkle.leaf_hash(b"x") * WIDTH

    def answer(request: BaseHTTPRequestHandler) -> bool:
        if request.path.endswith("/checkpoint") or len(site.asked) > 200:
            return False
        place = parse_tile_path(request.path.removeprefix("/log/"))
        body = bundle if place.level is None else hashes[: 32 * place.width]
        request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        return True

    site.answer = answer
    code, _, found = audit()
    assert (code, where(found)) == (1, [("log", "leaves from 0 on")])
    entries = [path for path in site.asked if path.startswith("tile/entries/")]
    assert len(entries) == 2 * PORTION


@pytest.mark.parametrize(("path", "level", "number"), [("0/000", 0, 0), ("0/001", 0, 1), ("1/000.p/2", 1, 0)])
def test_a_tile_that_is_not_what_the_entries_give_is_named(
    site: TileServer, audit: Run, path: str, level: int, number: int
):
    honest = site.log.served(f"tile/{path}")
    site.lies[f"tile/{path}"] = honest[:32] + b"\1" * 32 + honest[64:]
    code, _, found = audit()
    assert code == 1
    assert where(found) == [("tile", f"tile {number} of level {level}")]


def test_a_checkpoint_that_the_log_did_not_sign_is_refused(site: TileServer, audit: Run):
    site.lies["checkpoint"] = LeafLog(key=PrivateKey.generate()).records("a").end().note(2)
    code, _, found = audit()
    assert (code, where(found)) == (1, [("bad-signature", "checkpoint")])


def test_a_monitor_goes_on_where_it_was(site: TileServer, audit: Run):
    assert audit(keeps=True)[0] == 0
    site.log.records("a", "b").end()
    site.asked.clear()
    code, counts, found = audit(keeps=True)
    assert (code, counts["leaves"], found) == (0, site.log.size, [])
    assert "tile/entries/000" not in site.asked
    assert "tile/entries/001" not in site.asked


def test_a_monitor_sees_that_the_log_shrank(site: TileServer, audit: Run):
    assert audit(keeps=True)[0] == 0
    site.lies["checkpoint"] = site.log.note(5)
    code, _, found = audit(keeps=True)
    assert (code, where(found)) == (1, [("log", "checkpoint")])
    assert "shows 5 leaves, and has shown" in found[0]["text"]
    site.lies.clear()
    assert audit(keeps=True)[0] == 0


def rewritten(log: LeafLog, size: int) -> LeafLog:
    """The same log from its 5th leaf on with other records."""
    other = LeafLog()
    other.state, other.now_ms = LeafLog().records("a", "b", "c", "a").state, log.now_ms
    other.add(*log.entries[:5])
    while other.size < size - 1:
        other.records("a")
    return other.end()


@pytest.mark.parametrize("more", [0, 40])
def test_a_monitor_sees_another_history_and_keeps_both(
    site: TileServer, audit: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: int
):
    assert audit(keeps=True)[0] == 0
    first, size = site.log.note(site.log.size), site.log.size
    site.log = rewritten(site.log, size + more)
    code, _, found = audit(keeps=True)
    assert (code, where(found)) == (1, [("fork", "checkpoint")])
    words = ["--policy", str(tmp_path / "policy"), "--data", str(tmp_path / "kept")]
    assert main(["audit", "--url", site.url, *words]) == 1
    said = capsys.readouterr().out
    assert first.decode() in said
    assert site.log.note(site.log.size).decode() in said


UNFINISHED: dict[str, Callable[[TileServer], object]] = {
    "cut off": lambda site: site.lies.update({"tile/entries/000.p/30": b""}),
    "a wrong tile": lambda site: site.lies.update({"tile/0/000.p/30": b"\1" * 32 * 30}),
    "a wrong leaf": lambda site: site.log.records("a", seq=1).end(),
}


@pytest.mark.parametrize("first", UNFINISHED)
def test_a_monitor_judges_by_what_it_was_shown_though_that_did_not_match(
    site: TileServer, audit: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], first: str
):
    site.log = log = grown(30)
    UNFINISHED[first](site)
    policy, kept = str(tmp_path / "policy"), str(tmp_path / "kept")
    words = ["audit", "--url", site.url, "--policy", policy, "--data", kept]
    assert main(words) == 1
    capsys.readouterr()
    size = log.size
    site.lies = {"checkpoint": log.note(20)}
    code, _, found = audit(keeps=True)
    assert (code, where(found)) == (1, [("log", "checkpoint")])
    assert f"shows 20 leaves, and has shown {size}" in found[0]["text"]
    site.lies.clear()
    for more, text in ((0, f"another root of {size} leaves"), (40, f"its first {size} leaves are not")):
        site.log = rewritten(log, size + more)
        code, _, found = audit(keeps=True)
        assert (code, where(found)) == (1, [("fork", "checkpoint")])
        assert text in found[0]["text"]
        assert main(words) == 1
        said = capsys.readouterr().out
        assert log.note(size).decode() in said
        assert site.log.note(site.log.size).decode() in said


def test_tiles_are_compared_as_far_as_the_checkpoint_goes(site: TileServer, tmp_path: Path):
    """Another audit has read more into the same folder meanwhile."""
    policy = Policy(site.log.verifier, REGISTRAR)
    with audit_memory(tmp_path, policy) as memory:
        before = parse_checkpoint(site.log.text(site.log.size))
        site.log.records("a", "b").end()
        now_ms = site.log.now_ms
        assert SiteAudit(site.url, policy, memory, now_ms).run().ok
        late = SiteAudit(site.url, policy, memory, now_ms)
        with Peer(late.url, seconds=5, max_bytes=MAX_BUNDLE) as peer:
            late._compare_tiles(LogSite(peer, before.size), 0, before)
        assert late._findings == []


def test_a_site_that_is_away_is_no_finding(
    site: TileServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "policy").write_text(format_policy(Policy(site.log.verifier, REGISTRAR)))
    policy = ["--policy", str(tmp_path / "policy")]
    assert main(["audit", "--url", "http://127.0.0.1:1", *policy]) == 1
    assert "[unreachable]" in capsys.readouterr().err
    assert main(["audit", *policy]) == 1
    assert "[bad-setting]" in capsys.readouterr().err


def test_a_folder_is_about_one_log(
    site: TileServer, audit: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert audit(keeps=True)[0] == 0
    other = LeafLog("other.example/log")
    (tmp_path / "other").write_text(format_policy(Policy(other.verifier, REGISTRAR)))
    words = ["--policy", str(tmp_path / "other"), "--data", str(tmp_path / "kept")]
    assert main(["audit", "--url", site.url, *words]) == 1
    assert "is about node.example/log" in capsys.readouterr().err
