"""What the programs do, one verb a module; the only place that opens a transaction."""
