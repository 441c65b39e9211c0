"""Tasks to fine-tune on: rows to examples, a model, its training and what it is worth."""
