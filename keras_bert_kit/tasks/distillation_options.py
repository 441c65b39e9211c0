"""How to distil: the options of a distillation, as the recipes show them."""

from dataclasses import dataclass, replace
from typing import Literal

FOR_A_TASK = {"family": "same", "label_weight": 0.5, "soft_weight": 0.5}
# DistilBERT's, https://arxiv.org/abs/1910.01108, section 3 and its `train.py`
FOR_PRETRAINING = {"label_weight": 2.0, "soft_weight": 5.0, "hidden": "last"}


@dataclass(frozen=True)
class DistillationOptions:
    """What the student is, and what it learns from its teacher.

    What is None by default depends on whether the student learns a task or is pre-trained:
    `for_task` and `for_pretraining` say it.
    """

    layers: tuple[int, ...] = ()
    """How many blocks of the teacher, or of `student`, the student begins with, or which, counted
    from 0; by default half of the teacher's, and all of `student`."""
    family: Literal["same", "distilbert"] | None = None
    """`distilbert` for a student without segments and pooler, which is for single texts; the
    default when a BERT is the teacher in pre-training, else it is the teacher's."""
    student: str | None = None
    """Another model to begin with, or to take `layers` from, instead of the teacher."""
    temperature: float = 2.0
    """Temperature of the soft cross-entropy: the higher, the more the unlikely classes count."""
    label_weight: float | None = None
    """Weight of the loss on labels, in pre-training masked tokens; by default 0.5, there 2."""
    soft_weight: float | None = None
    """Weight of the loss on what the teacher says; by default 0.5, in pre-training 5."""
    hidden: Literal["last", "all"] | None = None
    """Compare hidden states too: the last as in DistilBERT, the default in pre-training, or all as
    in TinyBERT."""
    hidden_weight: float = 1.0
    """Weight of the loss on hidden states."""
    attention: bool = False
    """Compare what tokens look at too, in the same blocks."""
    attention_weight: float = 1.0
    """Weight of the loss on attention."""

    def __post_init__(self):
        """Refuses values that cannot be."""
        for name in ("label_weight", "soft_weight", "hidden_weight", "attention_weight"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ValueError(f"`{name}` must be at least 0; received {value}.")
        if not self.temperature > 0:
            raise ValueError(f"`temperature` must be positive; received {self.temperature}.")
        if self.student is not None and not self.layers and self.family == "distilbert":
            raise ValueError(
                "`student` is taken as it is: leave `family` out, or choose blocks of it with "
                "`layers`."
            )

    @property
    def chosen_layers(self) -> int | tuple[int, ...] | None:
        """What `student_encoder` takes."""
        return self.layers[0] if len(self.layers) == 1 else self.layers or None

    @property
    def learns_from_teacher(self) -> bool:
        """Whether anything that the teacher says or does counts."""
        return bool(
            self.soft_weight
            or (self.hidden and self.hidden_weight)
            or (self.attention and self.attention_weight)
        )

    @property
    def in_words(self) -> str:
        """The losses with their weights, of completed options.

        Example:
            >>> DistillationOptions().for_pretraining("bert").in_words
            '2 x labels + 5 x soft cross-entropy at temperature 2 + 1 x hidden states (last)'
        """
        parts = {
            "labels": self.label_weight,
            f"soft cross-entropy at temperature {self.temperature:g}": self.soft_weight,
            f"hidden states ({self.hidden})": self.hidden_weight if self.hidden else 0,
            "attention": self.attention_weight if self.attention else 0,
        }
        return " + ".join(f"{weight:g} x {name}" for name, weight in parts.items() if weight)

    def for_task(self) -> "DistillationOptions":
        """These options, completed for a task.

        Raises:
            ValueError: for the weight of a loss that is not asked for.

        Example:
            >>> DistillationOptions(soft_weight=0.9).for_task().soft_weight
            0.9
            >>> DistillationOptions().for_task().label_weight
            0.5
        """
        return self._completed(FOR_A_TASK)

    def for_pretraining(self, family_of_teacher: str) -> "DistillationOptions":
        """These options, completed as DistilBERT was pre-trained.

        Args:
            family_of_teacher: `"bert"`, `"roberta"` or `"distilbert"`.

        Raises:
            ValueError: for the weight of a loss that is not asked for.

        Example:
            >>> found = DistillationOptions(layers=(3,)).for_pretraining("bert")
            >>> found.family, found.soft_weight, found.label_weight, found.hidden
            ('distilbert', 5.0, 2.0, 'last')
            >>> DistillationOptions().for_pretraining("roberta").family
            'same'
        """
        is_bert = family_of_teacher == "bert" and self.student is None
        return self._completed(FOR_PRETRAINING | {"family": "distilbert" if is_bert else "same"})

    def _completed(self, usual: dict) -> "DistillationOptions":
        open_ones = {name: value for name, value in usual.items() if getattr(self, name) is None}
        options = replace(self, **open_ones)
        for name in ("hidden", "attention"):
            if not getattr(options, name) and getattr(options, f"{name}_weight") not in (0, 1):
                raise ValueError(
                    f"`{name}_weight` means nothing without `{name}`: give that too, or leave the "
                    "weight out."
                )
        return options
