"""The gateway: what devices send over MQTT is taken in, committed, and only then answered.

__main__   settings, signals, and the parts put together
service    handful by handful: ingest, receipts, acknowledgements, heartbeat
flood      how much is taken of each device
link       the connection to the broker
packets    what MQTT 3.1.1 says on it
watchman   threads beside it, which look for trouble and tell people
outage     word that the database is away
log        log lines
"""
