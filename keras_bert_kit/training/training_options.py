"""How to fine-tune: the options of a training, as the recipe shows them."""

from dataclasses import dataclass
from typing import Literal

WIDTH_OF_BASE, RATE_OF_BASE = 768, 3e-5
# What may differ when a training is taken up again: nothing that is learned depends on it.
OF_ITS_RECORDS = ("remat", "checkpoint_every", "checkpoint_minutes", "log_every")


@dataclass(frozen=True)
class TrainingOptions:
    """How long to train, how fast, and with which strategies."""

    epochs: float = 3.0
    """Times that every row is read."""
    batch_size: int = 32
    """Inputs a step."""
    micro_batches: int = 1
    """Parts that a batch is computed in, one after the other, when memory is short."""
    remat: bool = False
    """Compute what a block needs for its gradient again instead of keeping it ("activation
    checkpointing"), when memory is short: long texts, large models."""
    learning_rate: float | None = None
    """The highest learning rate; by default 3e-5 for a BERT-base, more for a narrower one."""
    warmup: float = 0.1
    """Share of the steps in which the learning rate rises; then it falls to zero."""
    weight_decay: float = 0.01
    """Decoupled weight decay of the matrices."""
    clip_norm: float = 1.0
    """The largest norm of all gradients together."""
    layer_decay: float | None = None
    """Factor of the learning rate from each block to the one below it, 0.9 say; by default 1."""
    frozen_blocks: int | None = None
    """Embeddings and so many lowest blocks do not learn; 0 freezes the embeddings alone."""
    unfreeze_every: float | None = None
    """Gradual unfreezing: the head first, then every so many epochs one more block from the top."""
    lora_rank: int | None = None
    """Rank of LoRA: small matrices beside those of the encoder learn, and these do not."""
    average: float | None = None
    """Decay of the moving average of the weights that is evaluated and kept, 0.999 say."""
    label_smoothing: float = 0.0
    """Share of the probability that is taken from the label and spread over all classes."""
    focal_gamma: float = 0.0
    """Gamma of the focal loss, which weighs down what the model already knows; 2 is usual."""
    evaluations: float = 1.0
    """Evaluations an epoch on the development rows; the best weights of all are kept."""
    patience: int | None = None
    """Stop after so many evaluations without a better one."""
    dropout: float = 0.1
    """Dropout rate, whatever it was in pre-training."""
    bucketed: bool = True
    """Whether inputs of like length go together, so that hardly anything is padding."""
    dtype: Literal["float32", "mixed_bfloat16"] = "float32"
    """Precision of the computation; weights are kept in float32."""
    jit_compile: bool = False
    """Whether to compile the step with XLA."""
    checkpoint_every: int = 500
    """Steps between two checkpoints."""
    checkpoint_minutes: float | None = None
    """Minutes after which a checkpoint is saved too, if no other was."""
    log_every: int = 50
    """Steps between two points in TensorBoard."""

    def __post_init__(self):
        """Refuses values that cannot be."""
        for name in (
            "epochs",
            "batch_size",
            "micro_batches",
            "evaluations",
            "checkpoint_every",
            "log_every",
        ):
            if not getattr(self, name) > 0:
                raise ValueError(f"`{name}` must be positive; received {getattr(self, name)}.")
        for name in ("weight_decay", "clip_norm", "frozen_blocks"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ValueError(f"`{name}` must not be negative; received {value}.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"`dropout` must be a share below 1; received {self.dropout}.")
        for name in ("learning_rate", "unfreeze_every", "lora_rank", "patience", "layer_decay"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"`{name}` must be positive, or left out; received {value}.")
        if self.average is not None and not 0 < self.average < 1:
            raise ValueError(f"`average` must lie between 0 and 1; received {self.average}.")
        if not 0 <= self.warmup < 1:
            raise ValueError(f"`warmup` must be a share of the steps; received {self.warmup}.")

    def rate_for(self, hidden_dim: int) -> float:
        """The learning rate for an encoder of this width.

        Example:
            >>> TrainingOptions().rate_for(768), round(TrainingOptions().rate_for(128), 6)
            (3e-05, 0.000441)
        """
        if self.learning_rate is not None:
            return self.learning_rate
        return RATE_OF_BASE * (WIDTH_OF_BASE / hidden_dim) ** 1.5
