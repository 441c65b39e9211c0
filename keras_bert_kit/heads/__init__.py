"""What stands on the encoder: one head per task."""
