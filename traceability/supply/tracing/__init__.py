"""Traces through the lineage graph: walks that respect time, and what is shown of them."""
