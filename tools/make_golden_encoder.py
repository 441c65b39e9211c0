"""Writes `tests/golden/bert_tiny.npz`: what Transformers' BERT says for a tiny, random model.

    pip install torch transformers
    python tools/make_golden_encoder.py

Takes ten seconds. The file holds the weights under Transformers' names, the inputs, and the
outputs, computed in float64. The weights are drawn wider than a model's first ones, with biases and
norms that matter, so that an error in any part of the model shows.
"""

from pathlib import Path

import numpy as np
import torch
from transformers import BertConfig, BertForPreTraining

FILE = Path(__file__).parents[1] / "tests" / "golden" / "bert_tiny.npz"

INPUTS = {
    "input_ids": [
        [2, 17, 4, 21, 3, 9, 30, 3],
        [2, 8, 4, 4, 11, 3, 0, 0],
        [2, 29, 3, 0, 0, 0, 0, 0],
    ],
    "token_type_ids": [
        [0, 0, 0, 0, 0, 1, 1, 1],
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 1, 1, 0, 0, 0, 0, 0],
    ],
    "attention_mask": [
        [1, 1, 1, 1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1, 1, 0, 0],
        [1, 1, 1, 0, 0, 0, 0, 0],
    ],
}


def random_model() -> BertForPreTraining:
    """BERT with two layers of two heads, in float64."""
    config = BertConfig(
        vocab_size=32,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=12,
        attn_implementation="eager",  # the one that gives the attention weights
    )
    model = BertForPreTraining(config).eval()
    generator = np.random.default_rng(0)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            is_scale = name.endswith("LayerNorm.weight")
            values = is_scale + 0.2 * generator.standard_normal(tuple(weight.shape))
            weight.copy_(torch.tensor(values, dtype=torch.float32))  # as it is stored
    return model.double()


def main() -> None:
    """Runs the model and writes the file."""
    model = random_model()
    weights = {f"weights/{name}": weight for name, weight in model.named_parameters()}
    inputs = {name: torch.tensor(value) for name, value in INPUTS.items()}
    with torch.no_grad():
        found = model(**inputs, output_hidden_states=True, output_attentions=True)
        pooled_output = model.bert(**inputs).pooler_output
    outputs = {
        "hidden_states": torch.stack(found.hidden_states),
        "attention": torch.stack(found.attentions),
        "pooled_output": pooled_output,
        "masked_lm": found.prediction_logits,
        "next_sentence": found.seq_relationship_logits,
    }
    FILE.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        FILE,
        **{name: weight.detach().float().numpy() for name, weight in weights.items()},
        **{f"inputs/{name}": value.int().numpy() for name, value in inputs.items()},
        **{f"outputs/{name}": value.numpy() for name, value in outputs.items()},
    )
    print(f"{FILE}: {FILE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
