"""Converts a model between formats, and checks that what was written computes the same.

    python -m recipes.convert --from saved_models/bert-tiny --to bert-tiny-hf --format hugging_face
    python -m recipes.convert --from google-bert/bert-base-uncased --to saved_models/bert-base
    python -m recipes.convert --from bert_tiny_en_uncased --to saved_models/hub-tiny
    python -m recipes.convert --from uncased_L-12_H-768_A-12 --to bert-base-hf --format hugging_face

Takes a folder of this package, of Hugging Face, of KerasHub or of Google's release, an id of the
Hugging Face Hub or a KerasHub preset. BERT-base takes a minute on two cores, most of it for the
check at the end.
"""

import sys
from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from recipes.command_line import main

LARGEST_DIFFERENCE = 1e-3  # more than rounding makes of it, in float32


@dataclass(frozen=True)
class Options:
    """What to convert, and into what."""

    source: Annotated[str, tyro.conf.arg(name="from")]
    """A folder, an id of the Hugging Face Hub, or a KerasHub preset."""
    to: str
    """The folder to write."""
    format: Literal["keras_bert_kit", "hugging_face", "keras_hub", "tensorflow1"] = "keras_bert_kit"
    """The format to write."""

    task: Literal["encoder", "pretraining", "classification", "tagging", "span"] | None = None
    """What to load it as; by default what it is."""
    labels: tuple[str, ...] = ()
    """Names of the classes of a classifier or tagger; by default those of the source."""
    lowercase: bool | None = None
    """Whether the tokenizer lower-cases, where the source does not say."""
    initialize: tuple[str, ...] = ()
    """Beginnings of weights that may get first values if the source has none, as `classifier`."""
    ignore: tuple[str, ...] = ()
    """Beginnings of weights in the source that may be left over."""
    leave_out: tuple[str, ...] = ()
    """Beginnings of weights that the new format need not have, as `next_sentence`."""

    revision: str | None = None
    """Branch, tag or commit of a Hub id."""
    cache_dir: str | None = None
    """Where downloads are kept; by default where Transformers keeps them."""
    offline: bool = False
    """Whether to take what is in that cache and ask nobody."""
    seed: int = 0
    """Seed of the random texts that the models are compared on."""


def run(options: Options) -> float:
    """Converts and compares; returns the largest difference of the outputs."""
    # Not at the top: `--help` answers without waiting for TensorFlow.
    from keras_bert_kit.bundle import Bundle
    from keras_bert_kit.model_description import ModelDescription
    from keras_bert_kit.pretrained import find
    from keras_bert_kit.verification import verify

    bundle = Bundle.from_pretrained(
        options.source,
        options.task,
        labels=options.labels or None,
        initialize=options.initialize,
        ignore=options.ignore,
        lowercase=options.lowercase,
        revision=options.revision,
        cache_dir=options.cache_dir,
        offline=options.offline,
    )
    description = ModelDescription.of(bundle.model, bundle.labels)
    print(
        f"Read {options.source}: {description.family}, {description.task}, "
        f"{bundle.model.count_params():,} parameters, "
        f"{len(bundle.tokenizer.vocabulary):,} tokens."
    )
    bundle.save_pretrained(options.to, options.format, leave_out=options.leave_out)
    print(f"Wrote {options.to} as {options.format}. Compared with what was read:\n")
    verification = verify(bundle, find(options.to), options.seed)
    print(verification)
    if not verification.largest <= LARGEST_DIFFERENCE:  # nor if it is not a number
        approximates = options.format == "keras_hub" and description.family == "bert"
        if not (approximates and description.encoder.activation == "gelu"):
            raise ValueError(
                f"What was written to {options.to} does not compute the same: the difference is "
                f"{verification.largest:.2g}, more than rounding explains. Do not use it."
            )
        print("\nThat is more than rounding: KerasHub's BERT approximates GELU.", file=sys.stderr)
    return verification.largest


if __name__ == "__main__":
    sys.exit(main(Options, run, __doc__))
