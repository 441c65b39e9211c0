"""Smaller models: students that learn from teachers."""
