"""A step of pre-training: masked tokens and, in the kit, next sentences.

The kit's side does more than its peers: it also learns next sentences, clips by the global norm,
counts the norm and accuracies. KerasHub's `BertMaskedLM` is compiled as KerasHub does by itself,
but with AdamW instead of Adam; Transformers' `BertForMaskedLM` scores all positions, as its
`DataCollatorForLanguageModeling` labels them, and takes steps with AdamW and clipping as its
`Trainer` does.
"""

import os
from dataclasses import replace

import numpy as np

from tools.bench.harness import Case

TITLE = "Pre-training step"
UNIT = "tokens/s"
VOCABULARY_SIZE = 30_522
MASKED_SHARE = 0.15
# size: layers, heads, width, batch size at 128 tokens, steps a turn
SIZES = {
    "tiny": (2, 2, 128, 32, 4),
    "mini": (4, 4, 256, 32, 2),
    "small": (4, 8, 512, 32, 1),
    "base": (12, 12, 768, 8, 1),
}
DTYPES = ("float32", "bfloat16")
PEERS = ("keras_hub", "transformers", "transformers_compiled")


def cases(smoke: bool) -> list[Case]:
    """Sizes, types and lengths; the first are those of the bars."""
    if smoke:
        return [replace(case("tiny", "float32", 16, 2, 1), sides=("kit",))]
    at_128 = [
        case(size, dtype, 128, batch, steps)
        for dtype in DTYPES
        for size, (*_, batch, steps) in SIZES.items()
    ]
    at_512 = [
        case(size, "float32", 512, max(1, batch // 4), steps)
        for size, (*_, batch, steps) in SIZES.items()
    ]
    return at_128 + at_512


def case(size: str, dtype: str, length: int, batch_size: int, steps: int) -> Case:
    """The case of a size, for all sides."""
    layers, heads, width, *_ = SIZES[size]
    settings = {
        "num_layers": layers,
        "num_heads": heads,
        "hidden_dim": width,
        "dtype": dtype,
        "sequence_length": length,
        "batch_size": batch_size,
        "steps": steps,
    }
    name = f"{size}, {dtype}, {batch_size} x {length}"
    return Case(name, settings, ("kit", *PEERS), flops_per_token(settings), dtype)


def flops_per_token(settings: dict) -> float:
    """Operations of the products that training cannot do without, forward and backward.

    Blocks `24 D^2`, attention `4 T D`, and for a masked token `2 (D^2 + D V)`; three times that.
    """
    width, length = settings["hidden_dim"], settings["sequence_length"]
    blocks = settings["num_layers"] * (24 * width**2 + 4 * length * width)
    masked = int(MASKED_SHARE * length) / length
    return 3 * (blocks + masked * 2 * (width**2 + width * VOCABULARY_SIZE))


def _tokens(settings: dict):
    """Token ids `(B, T)` and masked positions `(B, M)`, drawn by the seed 0."""
    draw = np.random.default_rng(0)
    shape = settings["batch_size"], settings["sequence_length"]
    ids = draw.integers(1000, VOCABULARY_SIZE, shape)
    num_masked = int(MASKED_SHARE * shape[1])
    positions = np.stack([draw.permutation(shape[1])[:num_masked] for _ in range(shape[0])])
    return ids.astype("int32"), np.sort(positions).astype("int32")


def _kit(settings):
    from dataclasses import asdict

    from keras_bert_kit.config import EncoderConfig
    from keras_bert_kit.encoder import Encoder
    from keras_bert_kit.models import PretrainingModel
    from keras_bert_kit.training.optimizers import AdamW

    width = settings["hidden_dim"]
    config = EncoderConfig(
        vocabulary_size=VOCABULARY_SIZE,
        num_layers=settings["num_layers"],
        num_heads=settings["num_heads"],
        hidden_dim=width,
        intermediate_dim=4 * width,
    )
    model = PretrainingModel(Encoder(**asdict(config), dtype=_policy(settings)))
    model.compile(
        AdamW(1e-4, global_clipnorm=1.0),
        loss=model.losses_by_output(),
        weighted_metrics=model.metrics_by_output(),
    )
    ids, positions = _tokens(settings)
    x = {
        "token_ids": ids,
        "segment_ids": np.zeros_like(ids),
        "padding_mask": np.ones_like(ids),
        "mask_positions": positions,
    }
    y = {
        "masked_lm": np.take_along_axis(ids, positions, 1),
        "next_sentence": np.arange(len(ids)) % 2,
    }
    weights = {name: np.ones(values.shape, "float32") for name, values in y.items()}
    return _fit(model, (x, y, weights), settings)


def _keras_hub(settings):
    import keras
    import keras_hub

    width = settings["hidden_dim"]
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=VOCABULARY_SIZE,
        num_layers=settings["num_layers"],
        num_heads=settings["num_heads"],
        hidden_dim=width,
        intermediate_dim=4 * width,
        dtype=_policy(settings),
    )
    model = keras_hub.models.BertMaskedLM(backbone=backbone, preprocessor=None)
    model.compile(
        keras.optimizers.AdamW(1e-4, global_clipnorm=1.0),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy()],
    )
    ids, positions = _tokens(settings)
    x = {
        "token_ids": ids,
        "segment_ids": np.zeros_like(ids),
        "padding_mask": np.ones_like(ids),
        "mask_positions": positions,
    }
    y = np.take_along_axis(ids, positions, 1)
    return _fit(model, (x, y, np.ones(y.shape, "float32")), settings)


def _fit(model, batch, settings):
    """Steps of `fit`, all on one batch; what the input costs is another benchmark's."""
    import tensorflow as tf

    steps = settings["steps"]
    options = tf.data.Options()
    options.autotune.enabled = False  # with it `fit` comes back late
    data = tf.data.Dataset.from_tensors(batch).repeat(steps).with_options(options)

    def work():
        logs = model.fit(data, verbose=0, shuffle=False).history
        return {"amount": steps * settings["batch_size"] * settings["sequence_length"]} | {
            "loss": logs["loss"][-1]
        }

    return work


def _policy(settings):
    return "float32" if settings["dtype"] == "float32" else f"mixed_{settings['dtype']}"


def _transformers(settings, compiled=False):
    import torch
    from transformers import BertConfig, BertForMaskedLM

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    torch.manual_seed(0)
    width = settings["hidden_dim"]
    config = BertConfig(
        vocab_size=VOCABULARY_SIZE,
        num_hidden_layers=settings["num_layers"],
        num_attention_heads=settings["num_heads"],
        hidden_size=width,
        intermediate_size=4 * width,
    )
    model = BertForMaskedLM(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    ids, positions = _tokens(settings)
    labels = np.full_like(ids, -100)
    np.put_along_axis(labels, positions, np.take_along_axis(ids, positions, 1), 1)
    batch = {
        "input_ids": torch.tensor(ids, dtype=torch.long),
        "attention_mask": torch.ones(ids.shape, dtype=torch.long),
        "labels": torch.tensor(labels, dtype=torch.long),
    }
    forward = torch.compile(model) if compiled else model
    is_mixed = settings["dtype"] == "bfloat16"

    def work():
        for _ in range(settings["steps"]):
            with torch.autocast("cpu", torch.bfloat16, enabled=is_mixed):
                loss = forward(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
        return {"amount": settings["steps"] * ids.size, "loss": float(loss)}

    return work


SIDES = {
    "kit": _kit,
    "keras_hub": _keras_hub,
    "transformers": _transformers,
    "transformers_compiled": lambda settings: _transformers(settings, compiled=True),
}
