"""How to distil: the options of a distillation for a task, as the recipe shows them."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class DistillationOptions:
    """What the student is, and what it learns from its teacher."""

    layers: tuple[int, ...] = ()
    """How many blocks of the teacher the student begins with, or which, counted from 0; by default
    half of them."""
    family: Literal["same", "distilbert"] = "same"
    """`distilbert` for a student without segments and pooler, which is for single texts."""
    student: str | None = None
    """Another model to begin with, instead of blocks of the teacher."""
    temperature: float = 2.0
    """Temperature of the soft cross-entropy: the higher, the more the unlikely classes count."""
    label_weight: float = 0.5
    """Weight of the loss on the labels."""
    soft_weight: float = 0.5
    """Weight of the loss on what the teacher says."""
    hidden: Literal["last", "all"] | None = None
    """Compare hidden states too: the last as in DistilBERT, or all as in TinyBERT."""
    hidden_weight: float = 1.0
    """Weight of the loss on hidden states."""
    attention: bool = False
    """Compare what tokens look at too, in the same blocks."""
    attention_weight: float = 1.0
    """Weight of the loss on attention."""

    def __post_init__(self):
        """Refuses values that cannot be."""
        for name in ("label_weight", "soft_weight", "hidden_weight", "attention_weight"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"`{name}` must be at least 0; received {getattr(self, name)}.")
        if not self.temperature > 0:
            raise ValueError(f"`temperature` must be positive; received {self.temperature}.")
        if self.student is not None and (self.layers or self.family != "same"):
            raise ValueError(
                "`student` is a model of its own: leave `layers` and `family` out, or `student`."
            )

    @property
    def chosen_layers(self) -> int | tuple[int, ...] | None:
        """What `student_encoder` takes."""
        return self.layers[0] if len(self.layers) == 1 else self.layers or None
