"""``verify``, ``export``, ``audit``: what a stranger can check, and what the node checks of itself."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Final

from traceability.commands.files import read_file, write_file
from traceability.commands.verb import Answer, Verbs, add_verb, opened, progress, show_share
from traceability.errors import SettingsError
from traceability.identifiers import encode_value
from traceability.ledger.tracecode import parse_trace_code
from traceability.operations.audit import audit
from traceability.operations.auditsite import SiteAudit, audit_memory
from traceability.operations.cosign import shown_checkpoint
from traceability.operations.export import export_bundle
from traceability.signing.disclosure import Audience
from traceability.store.engine import system_clock
from traceability.supply.scanned import read_batch
from traceability.verification.bundle import encode_bundle
from traceability.verification.freshness import FreshnessCode
from traceability.verification.policy import parse_policy
from traceability.verification.verdict import check
from traceability.witness import pages

MAX_WORKERS: Final = 256
AUDIENCES: Final = tuple(audience.value for audience in Audience)


def add(verbs: Verbs) -> None:
    """Add these verbs to the command line."""
    verify = add_verb(
        verbs,
        "verify",
        _verify,
        does="Check a bundle offline; exit code 1 if something does not match, 2 if something is unknown",
        example="traceability verify strawberries.bundle --policy dali.policy",
    )
    verify.add_argument("bundle", metavar="BUNDLE", type=Path, help="the file, from a batch page or export")
    verify.add_argument(
        "--policy", metavar="FILE", type=Path, help="the node's keys as you got them from a place you trust"
    )
    verify.add_argument(
        "--code",
        metavar="CODE",
        help="trace code of a label: is this still the chain that it was printed with?",
    )
    verify.add_argument(
        "--document", metavar="FILE", type=Path, help="is this file one that the notices name?"
    )
    export = add_verb(
        verbs,
        "export",
        _export,
        does="Write the bundle of a batch: everything that is needed to verify it offline",
        example="traceability export 02000000000015/20260501-1 --out strawberries.bundle",
    )
    export.add_argument("batch", metavar="BATCH", help="GTIN/LOT, Digital Link path or URI")
    export.add_argument("--out", metavar="FILE", type=Path, help="default: GTIN-LOT.bundle in this folder")
    export.add_argument(
        "--audience", choices=AUDIENCES, default=Audience.PUBLIC.value, help="who it is for (default: public)"
    )

    verb = add_verb(
        verbs,
        "audit",
        _audit,
        does="Read everything again and recompute it, of this node or of a site; exit code 1 if something "
        "does not match",
        example="traceability audit --url https://node.example --policy node.policy --data ./monitor",
    )
    verb.add_argument("--url", metavar="URL", help="a site: its log is audited by what it serves")
    verb.add_argument("--policy", metavar="FILE", type=Path, help="for a site: its keys, as for verify")
    verb.add_argument(
        "--data", metavar="DIR", type=Path, help="for a site: keep what was checked, and go on from there"
    )
    verb.add_argument(
        "--workers", metavar="N", type=_number, help="of this node: processes (default: one a core)"
    )
    verb.add_argument(
        "--bytes",
        action="store_true",
        help="of this node: a quick look at what was hashed, which reads no statement and no derived table",
    )


def _audit(args: argparse.Namespace) -> Answer:
    if (args.url is None) != (args.policy is None) or (args.data and args.url is None):
        raise SettingsError(
            "an audit of a site needs --url and --policy; --data is for it alone",
            remedy="Give the address, and the policy as you got it from somebody you trust.",
        )
    if args.url is not None and (args.workers is not None or args.bytes):
        raise SettingsError(
            "--workers and --bytes are for an audit of this node", remedy="Leave them out, or --url."
        )
    if args.url is not None:
        return _audit_site(args)
    with opened() as here:
        report = audit(here.store, here.node, show_share, workers=args.workers, only_bytes=args.bytes)
    return Answer(report.to_json(), tuple(report.lines()), report.exit_code)


def _number(text: str) -> int:
    """A number of processes, for the argument parser."""
    if not text.isdecimal() or not 1 <= int(text) <= MAX_WORKERS:
        raise argparse.ArgumentTypeError(f"must be 1 to {MAX_WORKERS}")
    return int(text)


def _audit_site(args: argparse.Namespace) -> Answer:
    policy = parse_policy(read_file(args.policy))
    with audit_memory(args.data, policy) as memory:
        run = SiteAudit(args.url, policy, memory, system_clock(), show_share)
        report = run.run()
        kept = () if report.ok else pages.evidence(memory).splitlines()
    fresh = {} if run.freshness is None else {"freshness": run.freshness.to_json()}
    said = () if run.freshness is None else (run.freshness.text,)
    known = run.freshness is None or run.freshness.code is FreshnessCode.FRESH
    code = (0 if known else 2) if report.ok else 1
    return Answer(report.to_json() | fresh, (*report.lines(), *said, *kept), code)


def _verify(args: argparse.Namespace) -> Answer:
    code = None if args.code is None else parse_trace_code(args.code)
    bundle = read_file(args.bundle)
    policy = None if args.policy is None else parse_policy(read_file(args.policy))
    document = None if args.document is None else read_file(args.document)
    progress(f"checking {len(bundle):,} bytes")
    verdict = check(bundle, policy, system_clock(), code, document)
    return Answer(verdict.to_json(), tuple(verdict.lines()), verdict.exit_code)


def _export(args: argparse.Namespace) -> Answer:
    batch = read_batch(args.batch)
    progress(f"collecting what belongs to {batch.gtin}/{batch.lot}")
    with opened() as here, here.store.reading() as connection:
        as_of = shown_checkpoint(connection, here.node, here.store.clock())
        uri, audience = batch.uri(here.node.name), Audience(args.audience)
        bundle = export_bundle(connection, here.node, uri, audience, as_of)
    data = encode_bundle(bundle)
    out = args.out or Path(f"{batch.gtin}-{encode_value(batch.lot)}.bundle")
    write_file(out, data)
    lines = (
        f"wrote {out} ({len(data):,} bytes)",
        f"check it: traceability verify {out} --policy {os.fspath(here.settings.data / 'policy')}",
    )
    return Answer({"file": str(out), "bytes": len(data), "audience": args.audience}, lines)
