"""The log: records in hash chains, one Merkle tree over all of them, and what is signed about it.

    record ──► merkle ──► tiles      one record is one leaf; tiles store the tree
       │          └─────► state      how many records every stream has, as a second tree
       │                    └──────► note: the checkpoint that signs both
       └── stay                      the node's own texts about a batch in a monitored asset

Everything here is pure: bytes and values in, bytes and values out. Each module names
the text it follows: RFC 6962, RFC 9162, C2SP tlog-tiles, signed-note, tlog-checkpoint
and tlog-cosignature; the formats of our own are in docs/formats.md.
"""
