"""``traceability run``: a whole node under one supervisor, and the people of the demo journey."""
