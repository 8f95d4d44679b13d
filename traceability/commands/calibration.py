"""``calibration add``: a laboratory's certificate of a device, deposited by the device's owner."""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

from traceability.commands.files import read_file
from traceability.commands.verb import Answer, Verbs, add_group, add_verb, opened
from traceability.errors import StatementError
from traceability.identifiers import parse_device_id
from traceability.operations.calibrations import (
    add_certificate,
    check_certificate,
    day_of,
    describe_certificate,
)
from traceability.operations.documents import MAX_BYTES
from traceability.sensing.calibration import MAX_BYTES as MAX_TEXT
from traceability.sensing.calibration import Certificate, read_typed


def add(verbs: Verbs) -> None:
    """Add this verb to the command line."""
    group = add_group(
        verbs,
        "calibration",
        does="Deposit a calibration certificate of a device",
        example="traceability calibration add --help",
    ).add_subparsers(metavar="WHAT", required=True)
    verb = add_verb(
        group,
        "add",
        _add,
        does="Deposit a device's calibration certificate; without --yes, only show what will be public",
        example="traceability calibration add 0123456789abcdef0123456789abcdef --from cert.yaml --yes",
    )
    verb.add_argument("device", metavar="DEVICE", help="its 32 hexadecimal digits")
    verb.add_argument("--from", dest="typed", required=True, metavar="FILE", type=Path, help="JSON or YAML")
    verb.add_argument("--file", metavar="FILE", type=Path, help="the laboratory's own document, as PDF")
    verb.add_argument("--yes", action="store_true", help="deposit it; what was public cannot be taken back")


def _add(args: argparse.Namespace) -> Answer:
    device = parse_device_id(args.device)
    typed = _read(args.typed)
    paper = None if args.file is None else (args.file.name, read_file(args.file, MAX_BYTES + 1))
    if paper is not None:
        typed = {**typed, "file": hashlib.sha256(paper[1]).hexdigest()}
    certificate = read_typed({"device": device, **typed})
    with opened() as here:
        with here.store.reading() as connection:
            today = day_of(here.store.clock())
            owner = check_certificate(connection, here.node, device, certificate, today)
        data = {"done": args.yes, "party": owner, "certificate": json.loads(certificate.encode())}
        if not args.yes:
            shown = describe_certificate(here.node, owner, certificate).members()
            lines = (*_lines(certificate), "nothing was deposited yet: add --yes")
            return Answer({**data, "notice": shown}, lines, exit_code=1)
        made = add_certificate(here.store, here.node, device, certificate, paper)
    said = "was deposited before" if made.known else "deposited"
    return Answer({**data, "notice": made.notice.members()}, (*_lines(certificate), said))


def _read(path: Path) -> dict[str, Any]:
    try:
        typed = yaml.safe_load(read_file(path, MAX_TEXT))
        told = json.loads(json.dumps(typed, default=str))
    except (yaml.YAMLError, ValueError) as error:
        raise StatementError(f"{path} is neither JSON nor YAML: {error}") from error
    if not isinstance(told, dict):
        raise StatementError(f"{path} does not hold members by name")
    return told


def _lines(certificate: Certificate) -> tuple[str, ...]:
    return (
        f"certificate {certificate.number} of {certificate.laboratory} ({certificate.accreditation})",
        f"device {certificate.device}",
        f"calibrated {certificate.calibrated}, valid until {certificate.valid_until}",
        *(
            f"  {p.unit}: {p.indicated / 1000} at {p.reference / 1000}, uncertainty {p.uncertainty / 1000}"
            for p in certificate.points
        ),
        f"the laboratory's document: {certificate.file or 'none'}",
    )
