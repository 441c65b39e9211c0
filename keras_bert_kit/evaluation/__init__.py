"""How good a model is, and against what."""
