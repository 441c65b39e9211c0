"""One thin entry per job: `python -m recipes.<name>`."""
