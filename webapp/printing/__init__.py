"""Printing: labels for a lot of the signed-in firm."""
