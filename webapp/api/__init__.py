"""For programs: the log's files, health and metrics."""
