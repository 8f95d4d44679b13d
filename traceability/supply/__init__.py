"""What people say: events (``epcis``), the graph they make (``lineage``), and what is asked of both."""
