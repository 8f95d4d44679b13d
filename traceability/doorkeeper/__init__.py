"""The doorkeeper of a NATS broker: says of every connection who it is and what it may do (auth callout).

nkeys        NATS' names for Ed25519 keys, and its signed claims
nats         a connection in NATS' own protocol
connections  what each kind of client may publish and subscribe
config       the part of a broker's configuration that names the doorkeeper
service      asks who comes, answers, and throws out who was revoked
"""
