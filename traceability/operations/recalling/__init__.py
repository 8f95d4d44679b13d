"""The recall workspace: what people do between the first suspicion and a closed recall.

What is said of goods is a signed event (``operations.recall``) and evidence. Who proposed, approved, was
notified, acknowledged and counted stands in working rows (``store.recalling``), which are none.
"""
