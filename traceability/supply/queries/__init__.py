"""EPCIS 2.0 queries: their parameters, and which events match."""
