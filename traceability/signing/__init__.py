"""Keys and signed messages: strict Ed25519, deterministic CBOR, COSE.

``keys``  decides what an Ed25519 key and signature are, the same way everywhere.
``cbor``  is the one accepted form of every CBOR item (RFC 8949 4.2.1).
``cose``  is what devices say (COSE_Sign1) and what a node answers them (COSE_Mac0).
"""
