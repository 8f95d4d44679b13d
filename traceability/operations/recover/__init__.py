"""Recovering a node whose database is behind what it signed: from the log's leaves as others keep them.

    leaves    where they are read: a full witness's copy, or a site that serves them
    walk      they are hashed and checked again, from the first to the last that was signed
    survey    what is missing here, and what of it can be given back: nothing is changed
    restore   one transaction: records, heads, indexes, tiles, state, checkpoints

Of a record that only the log has, there is its text: stream, number, time, type, commitment. Its
statement and salt are lost until somebody brings them (docs/adr/0028).
"""

from __future__ import annotations
