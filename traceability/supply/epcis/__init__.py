"""EPCIS 2.0: events as they are written, read, checked, named and understood."""
