"""Tasks to fine-tune on: rows to examples, a model, its training, its predictions and their worth."""
