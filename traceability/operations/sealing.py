"""Rows that the node alone can write: a MAC over their columns under the node's secret.

Whoever writes to the database without that secret makes no such row and changes none unseen. A whole
row that was genuine once can be put back; it gives what it gave then.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from traceability.operations.node import Node
from traceability.signing import cbor
from traceability.signing.keys import table_key


def row_mac(node: Node, purpose: str, columns: Sequence[str], row: Mapping[str, Any]) -> bytes:
    """The 32-byte MAC over some columns of a row, each name with its value.

    Args:
        purpose: which table; each has a key of its own.
    """
    said = [[name, int(row[name]) if isinstance(row[name], bool) else row[name]] for name in columns]
    return hmac.digest(table_key(node.secret, purpose), cbor.encode(said), hashlib.sha256)


def is_sealed(node: Node, purpose: str, columns: Sequence[str], row: Mapping[str, Any]) -> bool:
    """Whether the row's ``mac`` is the one over these columns."""
    return hmac.compare_digest(row["mac"] or b"", row_mac(node, purpose, columns, row))


def secret_mac(node: Node, purpose: str, text: str) -> bytes:
    """What is kept in the place of a secret text, 32 bytes: by it the text is found again, and not made."""
    return hmac.digest(table_key(node.secret, purpose), text.encode(), hashlib.sha256)
