"""Pages of authorities: traces, for those with a regulator's token."""
