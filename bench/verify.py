"""Bundles: how large they are, and how long a verdict takes.

limit   the signature checks of the same frames alone
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

from bench.measure import Table, median, ratio, run, timed
from bench.world import FRAMES_A_DAY, stay
from tests.support.world import World, make_world
from traceability import media
from traceability.operations.export import export_bundle
from traceability.sensing.frame import parse_statement
from traceability.signing import cbor
from traceability.signing.keys import PublicKey
from traceability.signing.keystatement import parse_key_statement
from traceability.verification.bundle import Bundle, parse_bundle
from traceability.verification.verdict import check

DAYS = (1, 5)


def measure(full: bool, folder: Path) -> Iterator[Table]:
    """A stay of one day and one of five days, a frame of ten readings every ten minutes."""
    rounds = 15 if full else 5
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    columns = [_column(world, stay(world, days), rounds) for days in (*DAYS, *((14,) if full else ()))]
    names = (
        *("frames", "bundle, KB", "bundle, gzip, KB", "export, ms", "verdict, ms"),
        *(
            "of which reading the file, ms",
            "signature checks alone, ms (limit)",
            "verdict / signature checks",
        ),
    )
    rows = [[name, *cells] for name, *cells in zip(names, *columns, strict=True)]
    head = ["stay", *(f"{days} days" if days > 1 else "1 day" for days in (*DAYS, *((14,) if full else ())))]
    note = f"{rounds} rounds; one process on one core; {FRAMES_A_DAY} frames of ten readings a day."
    yield Table("Bundle and verdict", head, rows, note)
    world.store.close()


def _column(world: World, batch: str, rounds: int) -> list[str]:
    data = world.bundle(batch)
    if (verdict := check(data, world.node.policy)).exit_code:
        raise RuntimeError(f"the bundle does not hold: {verdict.failure}")
    checks = _signatures(parse_bundle(data))

    def verify() -> None:
        for key, signed, signature in checks:
            key.verify(signed, signature)

    def export() -> None:
        with world.store.reading() as connection:
            export_bundle(connection, world.node, batch)

    exports, whole, read, alone = [], [], [], []
    for _ in range(rounds):
        exports.append(timed(export).wall_s)
        whole.append(timed(lambda: check(data, world.node.policy)).wall_s)
        read.append(timed(lambda: parse_bundle(data)).wall_s)
        alone.append(timed(verify).wall_s)
    return [
        f"{len(checks):,}",
        f"{len(data) / 1000:,.0f}",
        f"{len(gzip.compress(data)) / 1000:,.0f}",
        *(median(series, 1, 1e3) for series in (exports, whole, read, alone)),
        ratio(whole, alone),
    ]


def _signatures(bundle: Bundle) -> list[tuple[PublicKey, bytes, bytes]]:
    """Key, signed bytes and signature of every frame, put together beforehand."""
    links = [link for stretch in bundle.streams for link in stretch.links]
    requests = [parse_key_statement(k.statement or b"") for k in links if k.media_type == media.KEY]
    keys = {request.key.kid: request.key for request in requests}
    frames = [parse_statement(k.statement or b"") for k in links if k.media_type == media.FRAME]
    return [
        (
            keys[f.kid],
            cbor.encode(["Signature1", f.envelope.raw_protected, b"", f.payload]),
            f.envelope.signature,
        )
        for f in frames
    ]


if __name__ == "__main__":
    run(("verify", measure))
