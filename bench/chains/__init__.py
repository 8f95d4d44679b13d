"""A seeded generator of food chains: from a thousand to ten million events, one after the other.

happening   firms, what they hold, and what happens: plain values
region      farms, packers, mixers, carriers and shops at work
documents   what happens as EPCIS 2.0 events and documents
rows        the same as rows of the tables that follow from events, straight into a store

``python -m bench.chains --events 1000 --seed 1 --out FOLDER`` writes documents.
"""
