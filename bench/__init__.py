"""Measurements on this machine: each compares, in one run, with a limit and with a peer."""
