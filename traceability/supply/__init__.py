"""What people say: EPCIS 2.0 events about batches, assets and devices."""
