"""Log lines: one JSON object a line, on stderr."""

from __future__ import annotations

import json
import logging

from traceability.ledger.record import format_time

PROGRAM = "gateway"


class JsonLines(logging.Formatter):
    """A log record as JSON; what stands in its ``data`` becomes members of their own."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line = {
            "time": format_time(int(record.created * 1000)),
            "level": record.levelname.lower(),
            "program": PROGRAM,
            "message": record.getMessage(),
        }
        line |= getattr(record, "data", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def log_to_stderr() -> None:
    """Send the log lines of this program to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
