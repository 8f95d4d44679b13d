"""The vectors of docs/formats.md, by their names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

DOCUMENT: Final = (Path(__file__).parents[2] / "docs" / "formats.md").read_text("utf-8")
VECTORS: Final = dict(re.findall(r"```vector ([a-z-]+)\n(.*?)```", DOCUMENT, re.DOTALL))
