"""A witness: it remembers the newest checkpoint of each log it watches, and cosigns only what grew from that.

    protocol   bytes of requests and answers
    memory     what was cosigned last, and the evidence against logs: one SQLite file
    service    the one place that decides, request in, answer out
    server     HTTP around it
    pages      what it says about itself, as text
    folder     its key and its memory on disk

It knows checkpoints and keys, nothing of what a log holds: a light witness (docs/witness.md).

Source: C2SP tlog-witness, tlog-cosignature, tlog-checkpoint, signed-note.
"""
