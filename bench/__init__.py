"""Measurements of this machine, each beside a baseline; run with: make bench."""
