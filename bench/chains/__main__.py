"""``python -m bench.chains --events N --seed S --out FOLDER``: EPCIS documents of a generated chain."""

from __future__ import annotations

import argparse
import json
from itertools import islice
from pathlib import Path

from bench.chains.documents import documents
from bench.chains.region import happenings


def main() -> None:
    """Write the documents, one file each."""
    parser = argparse.ArgumentParser(prog="python -m bench.chains", description=__doc__)
    parser.add_argument("--events", type=int, default=1000, help="how many events (1000)")
    parser.add_argument("--seed", type=int, default=1, help="which chain (1)")
    parser.add_argument("--size", type=int, default=100, help="events in a document (100)")
    parser.add_argument("--out", type=Path, required=True, help="folder that the documents go into")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    chain = islice(happenings(asked.seed), asked.events)
    for number, document in enumerate(documents(chain, asked.size), 1):
        text = json.dumps(document, ensure_ascii=False, indent=1)
        (asked.out / f"{number:06}.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
