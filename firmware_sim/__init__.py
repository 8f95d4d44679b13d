"""Simulated devices: a key, a flash that survives restarts, signed frames, and a scripted journey."""
