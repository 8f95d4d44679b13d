"""Notices where they must not stand, of files that they do not name, by those who may not: all refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from sqlalchemy import update

from tests.support import forge
from tests.support.forgery import BATCH, add_links, refused
from tests.support.world import World, make_world
from traceability import media
from traceability.errors import (
    BundleError,
    ChainMismatchError,
    KeyNotInForceError,
    ProofMismatchError,
    SignatureMismatchError,
    StatementError,
    SubjectMismatchError,
    UnknownSignerError,
)
from traceability.identifiers import party_deposits
from traceability.ledger.record import Record
from traceability.operations.audit import audit
from traceability.operations.deposit import deposit, describe
from traceability.operations.enrol import signing_key
from traceability.operations.keyring import party_keys, revoke_key
from traceability.signing import sdjwt
from traceability.signing.keys import PrivateKey
from traceability.store import models
from traceability.supply.notice import CLAIM, Notice, Purpose, issue_notice
from traceability.verification.answers import Status
from traceability.verification.bundle import Bundle, Link, parse_bundle
from traceability.verification.statements import open_statement
from traceability.verification.verdict import Verdict, check

REPORT = b"%PDF-1.7 nothing found\n"


class Case:
    """A batch with one document of its farm, another batch, a laboratory, a device."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.farm, self.lab = world.party("Farm"), world.party("Lab")
        self.batch, self.other = world.harvest(self.farm, "L1"), world.harvest(self.farm, "L2")
        self.probe = world.device(self.farm)
        world.install(self.farm, self.probe, self.batch)
        world.measure(self.probe, 4.0)
        self.notice = describe(REPORT, "report.pdf", self.batch, Purpose.ANALYSIS)
        deposit(world.store, world.node, self.lab, REPORT, self.notice)
        world.publish()
        self.bundle = parse_bundle(world.bundle(self.batch))

    def key(self, party: str) -> PrivateKey:
        with self.world.store.reading() as connection:
            return signing_key(connection, self.world.node, party)

    def check(self, bundle: Bundle, file: bytes | None = None) -> Verdict:
        data = forge.sign(bundle, self.world.node, follow=False)
        return check(data, self.world.node.policy, self.world.now_ms, file=file)

    def told(self, key: PrivateKey, issuer: str, notice: Notice) -> Bundle:
        """The bundle with one notice more, which the node records."""
        made = issue_notice(key, issuer, notice, 1)
        return with_notice(self.bundle, made.statement, *(d.text for d in made.disclosures))

    def lab_keys(self) -> str:
        """The key stream of the laboratory, which nothing needs where its notice is withheld."""
        with self.world.store.reading() as connection:
            return next(iter(party_keys(connection, self.world.node, self.lab).holders))

    def withholding(self) -> Bundle:
        """The bundle without the notice's statement, and without what that alone needs."""
        links = [
            forge.withhold(link) if link is self.link() else link for link in self.bundle.streams[0].links
        ]
        batch, *rest = forge.with_batch(self.bundle, links).streams
        return forge.with_streams(self.bundle, batch, *(s for s in rest if s.uri != self.lab_keys()))

    def link(self) -> Link:
        return next(link for link in self.bundle.streams[0].links if link.media_type == media.NOTICE)


def with_notice(bundle: Bundle, statement: bytes, *texts: str) -> Bundle:
    link = forge.link(media.NOTICE, statement, 0)
    shown = tuple(sorted(texts, key=sdjwt.digest_of))
    longer = add_links(bundle, BATCH, link)
    return replace(longer, disclosures=dict(longer.disclosures) | {link.sha256: shown})


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    folder = tmp_path_factory.mktemp("documents")
    world = make_world(folder / "node", f"sqlite:///{folder}/store.sqlite")
    yield Case(world)
    world.store.close()


def test_the_bundle_as_it_is_names_the_document_and_who_deposited_it(case: Case):
    verdict = case.check(case.bundle, REPORT)
    assert (verdict.exit_code, verdict.file and verdict.file.status) == (0, Status.HOLDS)
    assert verdict.journey is not None
    (document,) = verdict.journey.documents
    assert (document.notice, document.party, document.custody) == (case.notice, case.lab, "node")
    (line,) = [line for line in verdict.lines() if line.startswith("document ")]
    assert "report.pdf (analysis, application/pdf, 23 bytes, SHA-256 " in line
    assert "by Lab about" in line
    assert verdict.to_json()["documents"][0]["by"] == case.lab


@pytest.mark.parametrize(
    "change", [lambda d: d[:-1], lambda d: d + b"\n", lambda d: d.replace(b"n", b"m"), lambda _: b""]
)
def test_another_file_is_not_the_one_that_was_deposited(case: Case, change: Callable[[bytes], bytes]):
    verdict = case.check(case.bundle, change(REPORT))
    assert verdict.file is not None
    assert (verdict.exit_code, verdict.file.status, verdict.failure) == (1, Status.FAILS, None)


def test_of_a_withheld_notice_it_is_not_said_that_it_names_nothing(case: Case):
    verdict = case.check(case.withholding(), REPORT)
    assert verdict.file is not None
    assert (verdict.exit_code, verdict.file.status) == (2, Status.UNKNOWN)


def test_a_bundle_that_fails_says_nothing_of_a_file(case: Case):
    verdict = check(b"{}", case.world.node.policy, case.world.now_ms, file=REPORT)
    assert verdict.file is not None
    assert (verdict.exit_code, verdict.file.status) == (1, Status.UNKNOWN)


def test_a_notice_on_a_foreign_stream_is_refused(case: Case):
    world, lab = case.world, case.key(case.lab)
    for subject in (case.other, party_deposits(world.node.name, case.lab), world.asset("TRUCK")):
        refused(
            case.check(case.told(lab, case.lab, replace(case.notice, subject=subject))), SubjectMismatchError
        )


def test_a_genuine_notice_of_another_batch_is_refused_here(case: Case):
    foreign = parse_bundle(case.world.bundle(case.other))
    link = case.link()
    links = (*foreign.streams[0].links, replace(link, time_ms=foreign.streams[0].links[-1].time_ms))
    lab = next(s for s in case.bundle.streams if s.uri == case.lab_keys())
    batch, *keys = foreign.streams
    streams = (replace(batch, links=links), *sorted((*keys, lab), key=lambda s: s.uri))
    shown = dict(foreign.disclosures) | {link.sha256: case.bundle.disclosures[link.sha256]}
    refused(case.check(replace(foreign, streams=streams, disclosures=shown)), SubjectMismatchError)


def test_a_notice_stands_once_on_a_stream(case: Case):
    refused(case.check(add_links(case.bundle, BATCH, case.link())), ChainMismatchError, "stands twice")


def test_a_changed_hash_is_a_disclosure_that_was_not_signed(case: Case):
    made = issue_notice(case.key(case.lab), case.lab, case.notice, 1)
    other = issue_notice(case.key(case.lab), case.lab, replace(case.notice, sha256="0" * 64), 1)
    kept = [d.text for d in made.disclosures if d.path != (CLAIM, "sha256")]
    forged = [d.text for d in other.disclosures if d.path == (CLAIM, "sha256")]
    refused(case.check(with_notice(case.bundle, made.statement, *kept, *forged)), ProofMismatchError)
    refused(case.check(with_notice(case.bundle, made.statement, *kept)), StatementError)


def test_a_notice_counts_only_with_the_key_and_in_the_name_of_its_party(case: Case):
    stranger = PrivateKey.from_seed(bytes(32))
    refused(case.check(case.told(stranger, case.lab, case.notice)), UnknownSignerError)
    refused(
        case.check(case.told(case.probe.key, case.probe.uri, case.notice)), UnknownSignerError, "a party's"
    )
    refused(case.check(case.told(case.key(case.farm), case.lab, case.notice)), SubjectMismatchError, "issuer")
    made = issue_notice(case.key(case.lab), case.lab, case.notice, 1)
    body = bytearray(made.statement)
    body[-10] = ord("A") if body[-10] != ord("A") else ord("B")
    texts = (d.text for d in made.disclosures)
    refused(case.check(with_notice(case.bundle, bytes(body), *texts)), SignatureMismatchError)


def test_deposits_are_those_of_the_party_that_signs(case: Case):
    world = case.world
    with world.store.reading() as connection:
        signers = party_keys(connection, world.node, case.lab)
    for party, error in ((case.lab, None), (case.farm, SubjectMismatchError)):
        stream = party_deposits(world.node.name, party)
        made = issue_notice(case.key(case.lab), case.lab, replace(case.notice, subject=stream), 1)
        record = Record(stream, 0, bytes(32), world.now_ms, media.NOTICE, bytes(32))
        digest = hashlib.sha256(made.statement).digest()
        texts = {digest: tuple(d.text for d in made.disclosures)}
        if error is None:
            open_statement(made.statement, digest, record, texts, signers)
            continue
        with pytest.raises(error, match="whose deposits"):
            open_statement(made.statement, digest, record, texts, signers)


def test_an_event_does_not_pass_for_a_notice_nor_the_reverse(case: Case):
    links = case.bundle.streams[0].links
    for number, link in enumerate(links):
        other = {media.NOTICE: media.EVENT, media.EVENT: media.NOTICE}.get(link.media_type)
        if other is not None:
            changed = (*links[:number], replace(link, media_type=other), *links[number + 1 :])
            refused(case.check(forge.with_batch(case.bundle, changed)), StatementError)


def test_a_bundle_carries_no_disclosures_of_a_withheld_notice(case: Case):
    forged = case.withholding()
    assert case.check(forged).exit_code == 2
    refused(case.check(replace(forged, disclosures=case.bundle.disclosures)), BundleError, "disclosures of")


def test_a_revoked_key_deposits_nothing_more_and_suspicion_is_told(tmp_path):
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path}/store.sqlite")
    case = Case(world)
    key = case.key(case.lab)
    revoke_key(world.store, world.node, key.public.kid, world.now_ms // 1000 - 60, "stolen")
    with pytest.raises(UnknownSignerError):
        deposit(world.store, world.node, case.lab, b"x", describe(b"x", "x", case.batch))
    world.publish()
    bundle = parse_bundle(world.bundle(case.batch))
    verdict = case.check(bundle)
    assert verdict.exit_code == 0
    assert any("under suspicion that the key was misused" in line for line in verdict.lines())
    made = issue_notice(key, case.lab, case.notice, 1)
    late = replace(forge.link(media.NOTICE, made.statement, 0), time_ms=world.now_ms)
    batch, *rest = bundle.streams
    longer = forge.with_streams(bundle, replace(batch, links=(*batch.links, late)), *rest)
    refused(case.check(longer), KeyNotInForceError)
    world.store.close()


def test_the_audit_finds_notices_that_were_changed_in_the_store(tmp_path):
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path}/store.sqlite")
    case = Case(world)
    assert audit(world.store, world.node).ok
    table, sha256 = models.Disclosures, case.link().sha256
    with world.store.transaction() as tx:
        whole = tx.connection.execute(table.__table__.select().where(table.statement == sha256)).one().texts
    for texts in (whole.partition("~")[2], "", whole + "~" + whole.partition("~")[0]):
        with world.store.transaction() as tx:
            tx.connection.execute(update(table).where(table.statement == sha256).values(texts=texts))
        assert "disclosure" in {finding.code for finding in audit(world.store, world.node).findings}
    world.store.close()
