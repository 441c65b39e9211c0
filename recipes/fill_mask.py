"""Fills in the blanks: the likeliest tokens for every `[MASK]` in a text.

    python -m recipes.fill_mask "She opened the [MASK] and went out." --model saved_models/bert-tiny
    python -m recipes.fill_mask "The [MASK] of the ship was drunk." --attention

Answers at once on the model that ships with the kit.
"""

import sys
from dataclasses import dataclass
from typing import Annotated

import tyro

from recipes.command_line import main


@dataclass(frozen=True)
class Options:
    """What to fill in, and with what."""

    texts: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Texts with one `[MASK]` or more each."""
    model: str = "saved_models/bert-tiny"
    """The folder of a run of `recipes.pretrain`."""
    top_k: int = 5
    """How many tokens for each `[MASK]`."""
    attention: bool = False
    """Whether to show also what each `[MASK]` looks at most in every layer."""


def run(options: Options) -> None:
    """Prints the likeliest tokens, one line for every `[MASK]`."""
    # Not at the top: `--help` answers without waiting for TensorFlow.
    from keras_bert_kit.bundle import Bundle

    bundle = Bundle.from_pretrained(options.model)
    texts = list(options.texts)
    for text, masks in zip(texts, bundle.fill_mask(texts, options.top_k), strict=True):
        print(text)
        for fillings in masks:
            print("  " + "  ".join(f"{token} {share:.3f}" for token, share in fillings))
        if options.attention:
            internals = bundle.internals(text)
            for at in internals.mask_positions:
                for layer, weights in enumerate(internals.attention, start=1):
                    strongest = weights[:, at].mean(axis=0).argsort()[::-1][: options.top_k]
                    seen = (
                        f"{internals.tokens[i]} {weights[:, at, i].mean():.3f}" for i in strongest
                    )
                    print(f"  layer {layer} looks at  {'  '.join(seen)}")


if __name__ == "__main__":
    sys.exit(main(Options, run, __doc__))
