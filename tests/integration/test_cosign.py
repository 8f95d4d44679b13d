"""Neighbours cosign what a node publishes: with a real witness, and with peers that misbehave."""

from __future__ import annotations

import shutil
import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from sqlalchemy import delete, select, update

from tests.support.broker import free_port
from tests.support.gateway import wait_until
from tests.support.web import served, site_of
from tests.support.witness import NAME, Log, call, make_witness, serving
from traceability.commands import cosigner as program
from traceability.commands.cosigner import Cosigner
from traceability.errors import LogConflictError, WitnessError
from traceability.ledger import note
from traceability.ledger.note import VerifierKey
from traceability.operations import cosign as cosigning
from traceability.operations.cosign import Cosigned, asked, checkpoint_note, cosign, shown_checkpoint
from traceability.operations.export import export_bundle
from traceability.operations.keptstate import RECENT
from traceability.operations.log import latest_checkpoint
from traceability.operations.node import Node, load_node
from traceability.store import models
from traceability.store.engine import AnyRow
from traceability.verification.bundle import encode_bundle, parse_bundle
from traceability.verification.freshness import MAX_AGE_S
from traceability.verification.policy import parse_policy
from traceability.verification.quorum import Witness
from traceability.verification.verdict import check
from traceability.witness import protocol


class _Known(Log):
    """A node's log, of which a witness is told no more than the key."""

    def __init__(self, verifier: VerifierKey) -> None:
        super().__init__(verifier.name)
        self._own = verifier

    @property
    def verifier(self) -> VerifierKey:
        return self._own


@pytest.fixture
def witness(lone, tmp_path):
    """A listening witness that watches the node's log, as a line of a policy would name it."""
    (tmp_path / "witness").mkdir()
    with serving(tmp_path / "witness", _Known(lone.node.policy.log)) as served:
        yield Witness("east", served.service.verifier, served.address)


def lines(world):
    """The names under the newest checkpoint, all of them signatures of known keys."""
    with world.store.reading() as connection:
        latest = latest_checkpoint(connection)
        assert latest is not None
        signed = note.parse_note(checkpoint_note(connection, latest))
    return [signature.name for signature in signed.signatures]


def ask(world, witness) -> Cosigned:
    """The witness signs; there is a checkpoint."""
    done = cosign(world.store, witness)
    assert done is not None
    return done


def harvest(world, farm, lot):
    world.harvest(farm, lot)
    world.publish()


def test_every_checkpoint_is_cosigned_with_a_proof_from_the_one_before(lone, witness):
    farm = lone.party("Farm")
    for lot in ("L1", "L2", "L3"):
        harvest(lone, farm, lot)
        assert ask(lone, witness).size > 1
        assert lines(lone) == [lone.node.origin, NAME]
    with lone.store.reading() as connection:
        assert len(connection.execute(select(models.Cosignature.size)).all()) == 3


def test_the_log_and_bundles_show_the_cosignature_and_any_verifier_checks_it(lone, witness):
    farm = lone.party("Farm")
    batch = lone.harvest(farm, "L1")
    lone.publish()
    signed = ask(lone, witness)
    with site_of(lone) as site:
        shown = site.test_client().get("/log/checkpoint").data
    assert shown == parse_bundle(lone.bundle(batch)).checkpoint
    checked = note.verify(note.parse_note(shown), [lone.node.policy.log, witness.key])
    assert [(each.by.name, each.time_s) for each in checked] == [
        (lone.node.origin, None),
        (NAME, signed.time_s),
    ]


def test_asking_again_keeps_the_newer_time_alone(lone, witness):
    times = [ask(lone, witness).time_s for _ in range(3)]
    assert times == sorted(times)
    assert lines(lone) == [lone.node.origin, NAME]
    with lone.store.reading() as connection:
        assert connection.execute(select(models.Cosignature.time_s)).scalars().all() == [times[-1]]


def test_the_same_checkpoint_is_cosigned_again_though_nothing_is_new(lone, witness, monkeypatch):
    asked_for, sizes = threading.Semaphore(0), []

    def counted(store, witness):
        done = cosign(store, witness)
        sizes.append(done and done.size)
        asked_for.release()
        return done

    monkeypatch.setattr(program, "AGAIN_S", 0.01)
    monkeypatch.setattr(program, "cosign", counted)
    said: list[str] = []
    thread = Cosigner(lone.store, witness, lambda level, message, **_: said.append(message))
    thread.start()
    assert all(asked_for.acquire(timeout=10) for _ in range(3))
    thread.end()
    thread.join(10)
    assert not thread.is_alive()
    assert set(sizes) == {1}
    assert said == []
    assert lines(lone) == [lone.node.origin, NAME]


def test_a_checkpoint_is_cosigned_again_well_before_it_is_stale():
    assert program.AGAIN_S <= MAX_AGE_S / 10


def test_what_the_node_forgot_of_a_witness_is_learnt_from_its_answer(lone, witness):
    farm = lone.party("Farm")
    cosign(lone.store, witness)
    with lone.store.transaction() as tx:
        tx.connection.execute(delete(models.Cosignature))
    harvest(lone, farm, "L1")
    assert ask(lone, witness).size > 1
    assert lines(lone) == [lone.node.origin, NAME]


def test_a_store_from_yesterday_is_told_that_a_witness_saw_more(lone, witness, tmp_path):
    farm = lone.party("Farm")
    harvest(lone, farm, "L1")
    lone.store.scrub()
    shutil.copy(tmp_path / "store.sqlite", tmp_path / "yesterday.sqlite")
    harvest(lone, farm, "L2")
    cosign(lone.store, witness)
    with pytest.raises(LogConflictError, match="another history") as caught:
        cosign(type(lone.store)(f"sqlite:///{tmp_path / 'yesterday.sqlite'}"), witness)
    assert "restored from a backup" in caught.value.remedy()


def test_only_witnesses_with_an_address_are_asked(lone, witness):
    pinned = lone.node.policy_text.removesuffix("quorum none\n")
    policy = f"{pinned}witness east {witness.key.vkey()} {witness.url}\nquorum east\n"
    (lone.node.folder / "policy").write_text(policy)
    assert [each.url for each in parse_policy(policy).quorum.witnesses] == [witness.url]
    fresh = type(lone.node)(**{f: getattr(lone.node, f) for f in lone.node.__dataclass_fields__})
    assert [each.name for each in asked(fresh)] == ["east"]
    assert asked(lone.node) == ()


def test_who_is_not_there_is_said_and_nothing_is_kept(lone, witness):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        gone = Witness("gone", witness.key, f"http://127.0.0.1:{taken.getsockname()[1]}")
    with pytest.raises(WitnessError, match="does not answer"):
        cosign(lone.store, gone)
    assert lines(lone) == [lone.node.origin]


@contextmanager
def answering(*answers: bytes) -> Iterator[str]:
    """A peer that sends these bytes, one to each connection, whatever it is asked."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for answer in answers:
                connection, _ = server.accept()
                with connection:
                    asking = connection.makefile("rb")
                    length = 0
                    while (line := asking.readline()) not in {b"\r\n", b""}:
                        if line.lower().startswith(b"content-length:"):
                            length = int(line.split(b":")[1])
                    asking.read(length)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join(5)


def http(status: int, body: bytes, *more: str) -> bytes:
    head = "\r\n".join((f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}", *more, "", ""))
    return head.encode() + body


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([http(200, b"")], "without its signature"),
        ([http(200, "\u2014 someone.example AAAAAAA=\n".encode())], "without its signature"),
        ([http(200, b"x" * 20_000)], "more than 16384 bytes"),
        ([http(302, b"", "Location: http://192.0.2.1/")], "refused with 302"),
        ([http(403, b"no\n")], "refused with 403: 'no'"),
        ([http(409, b"many\n")], "answered with no size"),
        ([b"nonsense\r\n\r\n"], "does not answer"),
        ([b""], "does not answer"),
    ],
)
def test_a_peer_that_answers_badly_is_refused_and_nothing_is_kept(lone, witness, answers, message):
    with answering(*answers) as address, pytest.raises(WitnessError, match=message):
        cosign(lone.store, Witness("east", witness.key, address))
    assert lines(lone) == [lone.node.origin]


def test_a_proof_that_a_witness_does_not_accept_is_an_alarm(lone, witness):
    with answering(http(422, b"no\n")) as address, pytest.raises(LogConflictError, match="does not accept"):
        cosign(lone.store, Witness("east", witness.key, address))


def test_a_signature_by_another_key_or_of_another_checkpoint_is_refused(lone, witness, tmp_path):
    cosign(lone.store, witness)
    with lone.store.reading() as connection:
        old = connection.execute(select(models.Cosignature.line)).scalar_one()
    harvest(lone, lone.party("Farm"), "L1")
    with answering(http(200, old.encode())) as address, pytest.raises(WitnessError, match="its signature"):
        cosign(lone.store, Witness("east", witness.key, address))
    stranger = make_witness(tmp_path / "stranger", [_Known(lone.node.policy.log)])
    with pytest.raises(WitnessError, match="its signature"):
        cosign(lone.store, Witness("east", stranger, witness.url))
    assert lines(lone) == [lone.node.origin]


def test_a_slow_peer_is_left(lone, witness, monkeypatch):
    monkeypatch.setattr(cosigning, "TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(WitnessError, match="timed out"):
            cosign(lone.store, Witness("east", witness.key, address))


def test_a_witness_of_one_history_does_not_sign_the_other(lone, witness):
    """What the node sends is what the witness judges: another log's checkpoint is not its own."""
    body = protocol.encode_request(0, [], b"other.example/log\n1\nAAAA\n\n\xe2\x80\x94 x AAAAAAAA\n")
    assert call(str(witness.url), "POST", "/add-checkpoint", body).status in {400, 404}


class Said(list[tuple[str, str]]):
    """What a cosigner says; ``news`` is set with each line."""

    def __call__(self, level: str, message: str, **_: object) -> None:
        self.append((level, message.split(":")[0]))


def test_a_witness_that_is_away_is_said_once_and_only_when_it_stays_away(lone, witness):
    said, now = Said(), [0.0]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        gone = Witness("gone", witness.key, f"http://127.0.0.1:{taken.getsockname()[1]}")
        cosigner = Cosigner(lone.store, gone, said, patience_s=10, clock=lambda: now[0])
        for now[0] in (0.0, 9.9):
            assert cosigner.turn() is None
        assert (said, cosigner.hindered) == ([], None)
        for now[0] in (10.0, 20.0):
            cosigner.turn()
    assert (said, cosigner.hindered) == ([("error", "not cosigned")], "witness")
    cosigner._witness = witness
    assert cosigner.turn() is not None
    assert (said[1:], cosigner.hindered) == ([("warning", "cosigning goes on")], None)


def test_what_nobody_foresaw_is_said_once_and_does_not_end_the_asking(lone, witness, monkeypatch):
    said, left = Said(), [RuntimeError("once"), RuntimeError("twice")]

    def failing(store, witness):
        if left:
            raise left.pop(0)
        return cosign(store, witness)

    monkeypatch.setattr(program, "RETRY_S", 0.01)
    monkeypatch.setattr(program, "cosign", failing)
    cosigner = Cosigner(lone.store, witness, said)
    cosigner.start()
    wait_until(lambda: NAME in lines(lone), "a cosignature")
    cosigner.end()
    cosigner.join(5)
    assert said == [("error", "not cosigned"), ("warning", "cosigning goes on")]


def test_another_history_is_said_at_once(lone, witness):
    said = Said()
    with answering(http(422, b"no\n")) as address:
        Cosigner(lone.store, Witness("east", witness.key, address), said, clock=lambda: 0.0).turn()
    assert said == [("error", "not cosigned")]


def test_a_cosigner_asks_when_it_is_woken_and_ends_when_it_is_told(lone, witness):
    farm, said = lone.party("Farm"), Said()
    cosigner = Cosigner(lone.store, witness, said)
    harvest(lone, farm, "L1")
    cosigner.start()
    wait_until(lambda: NAME in lines(lone), "a cosignature")
    harvest(lone, farm, "L2")
    assert lines(lone) == [lone.node.origin]
    cosigner.wake()
    wait_until(lambda: NAME in lines(lone), "a cosignature")
    cosigner.end()
    cosigner.join(5)
    assert (cosigner.is_alive(), said) == (False, [])


def policed(node, *lines):
    """The node with these lines in its policy in the place of ``quorum none``."""
    pinned = node.policy_text.removesuffix("quorum none\n")
    (node.folder / "policy").write_text("".join([pinned, *(f"{line}\n" for line in lines)]))
    return load_node(node.folder)


def test_a_checkpoint_is_shown_once_its_quorum_has_signed_or_had_time_to(lone, witness):
    node = policed(lone.node, f"witness east {witness.key.vkey()} {witness.url}", "quorum east")
    farm = lone.party("Farm")
    harvest(lone, farm, "L1")
    first = ask(lone, witness).size
    lone.wait(minutes=1)
    harvest(lone, farm, "L2")

    def shown(ms: int, by: Node = node) -> int:
        with lone.store.reading() as connection:
            found = shown_checkpoint(connection, by, lone.now_ms + ms)
            latest = latest_checkpoint(connection)
        assert found is not None
        assert latest is not None
        return int(found.size - latest.size)

    assert shown(0) == shown(9_999) == first - ask(lone, witness).size
    assert shown(0) == 0, "it is signed"
    harvest(lone, farm, "L3")
    assert shown(9_999) < 0
    assert shown(10_000) == 0, "a witness that is away keeps nothing from readers"
    assert shown(-1) == 0, "a clock that is behind does not either"
    assert shown(0, lone.node) == 0, "nobody is asked for"


def bundle_of(world, batch, checkpoint):
    with world.store.reading() as connection:
        return encode_bundle(export_bundle(connection, world.node, batch, as_of=checkpoint))


def test_a_bundle_of_an_older_checkpoint_holds_while_that_may_be_shown_and_then_is_no_longer_kept(world):
    farm, batch = world.party("Farm"), world.batch("L1")
    shown: list[AnyRow] = []
    for _ in range(RECENT + 3):
        if not shown:
            world.harvest(farm, "L1")
        else:
            world.event("ship", farm, batch)
            world.harvest(farm, f"L1-{len(shown)}")  # a stream that is new
        world.publish()
        with world.store.reading() as connection:
            shown += [row for row in [latest_checkpoint(connection)] if row is not None]
    for checkpoint in (shown[-1], shown[-2], shown[-RECENT]):
        verdict = check(bundle_of(world, batch, checkpoint), world.node.policy)
        assert verdict.exit_code == 0, verdict.lines()
        assert verdict.journey is not None
        assert verdict.journey.size == checkpoint.size
        assert len(verdict.journey.happenings) == shown.index(checkpoint) + 1
    with pytest.raises(LogConflictError):
        bundle_of(world, batch, shown[-RECENT - 1])
    past = models.PastStatePage
    with world.store.reading() as connection:
        sizes = connection.execute(select(past.size).distinct()).scalars().all()
    assert sorted(sizes) == [checkpoint.size for checkpoint in shown[1 - RECENT :]]


def test_a_page_of_the_past_that_was_changed_is_not_believed(lone):
    farm, batch = lone.party("Farm"), lone.batch("L1")
    harvest(lone, farm, "L1")
    with lone.store.reading() as connection:
        before = latest_checkpoint(connection)
    lone.event("ship", farm, batch)
    lone.publish()
    bundle_of(lone, batch, before)
    with lone.store.transaction() as tx:
        tx.connection.execute(
            update(models.PastStatePage).where(models.PastStatePage.level == 0).values(body=b"")
        )
    with pytest.raises(LogConflictError, match="not that of the signed state"):
        bundle_of(lone, batch, before)


def test_a_full_witness_reads_the_nodes_own_site_and_stands_for_completeness(lone, tmp_path):
    (tmp_path / "full").mkdir()
    known, site = _Known(lone.node.policy.log), f"http://127.0.0.1:{free_port()}"
    with serving(tmp_path / "full", known, url=f"{site}/log") as full:
        full.service._clock = lambda: lone.now_ms // 1000
        keeper = Witness("keeper", full.service.verifier, full.address)
        policed(
            lone.node, f"witness keeper {keeper.key.vkey()}", "group complete any keeper", "quorum complete"
        )
        farm = lone.party("Farm")
        harvest(lone, farm, "L1")
        with pytest.raises(WitnessError, match=r"refused with 503: .*does not answer"):
            cosign(lone.store, keeper)
        with served(lone, site) as address:
            ask(lone, keeper)
            lone.wait(minutes=1)
            batch = lone.harvest(farm, "L2")
            lone.publish()
            size = ask(lone, keeper).size
            page, zh = (read(f"{address}{urlsplit(batch).path}?lang={lang}") for lang in ("en", "zh"))
        with full.memory.mirror(lone.node.origin) as mirror:
            assert mirror.reach().size == size
    assert "was checked by keeper: they have read and kept the whole log" in page
    assert "as witnessed by keeper for the log" in page
    assert "已由 keeper 核对" in zh


def read(address: str) -> str:
    with urllib.request.urlopen(address, timeout=20) as answer:
        return str(answer.read().decode())
