"""Token ids to examples to batches."""
