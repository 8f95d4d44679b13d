"""What devices say and what it means: SenML packs, signed statements, time outside a limit.

Everything here is bytes and values in, values out; no module reads a clock, a
file or a network.

    senml       readings as a SenML pack in CBOR (RFC 8428), and back
    frame       a device's signed statements, the node's receipts, the MQTT topics
    coldchain   how long a temperature was above, below, within, or unknown
"""
