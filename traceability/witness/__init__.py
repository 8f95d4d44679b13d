"""A witness: it remembers the newest checkpoint of each log it watches, and cosigns only what grew from that.

    protocol   bytes of requests and answers
    evidence   what it holds of a log: the checkpoint it cosigned last, and those it refused
    memory     all that on disk: one SQLite file
    service    the one place that decides, request in, answer out
    server     HTTP around it
    pages      what it says about itself, as text
    folder     its key and its memory on disk

A light witness knows checkpoints and keys, nothing of what a log holds. A full one cosigns only
what it has read, checked and kept (docs/witness.md):

    follower   fetches a log's leaves from its tiles, and has them checked
    mirror     its copy of a log, in the same SQLite file

Source: C2SP tlog-witness, tlog-cosignature, tlog-checkpoint, signed-note, tlog-tiles.
"""
