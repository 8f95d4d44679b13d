"""``python -m bench``: every benchmark, one after the other; ``--full`` at full size."""

from __future__ import annotations

from bench import (
    admission,
    audit,
    browser,
    capture,
    disk,
    fleet,
    flood,
    fsma,
    ingest,
    memory,
    page,
    publish,
    recall,
    trace,
    verify,
)
from bench.measure import run

if __name__ == "__main__":
    run(
        ("ingest", ingest.measure),
        ("memory", memory.measure),
        ("disk", disk.measure),
        ("admission", admission.measure),
        ("fleet", fleet.measure),
        ("flood", flood.measure),
        ("publish", publish.measure),
        ("verify", verify.measure),
        ("audit", audit.measure),
        ("browser", browser.measure),
        ("page", page.measure),
        ("capture", capture.measure),
        ("trace", trace.measure),
        ("recall", recall.measure),
        ("fsma", fsma.measure),
    )
