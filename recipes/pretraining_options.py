"""What to pre-train, on what and how: the options of `recipes.pretrain`."""

from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Literal

import tyro

from keras_bert_kit.tasks.distillation_options import DistillationOptions
from keras_bert_kit.training.strategy_name import StrategyName


@dataclass(frozen=True)
class Options:
    """What to read, what to train and for how long."""

    data: tuple[str, ...] = ()
    """Files, folders, globs or `tfds:` names; by default the prose that ships with the package."""
    name: str = "my-bert"
    """Name of the run: its folder in `output`."""
    output: str = "saved_models"
    """The folder of all runs."""

    continue_from: str | None = None
    """Go on from a trained model (a folder of any format, an id of the Hugging Face Hub, a KerasHub
    preset): with its family, size, vocabulary and weights, so that `--start` is of no effect."""
    teacher: str | None = None
    """Distil a pre-trained model as DistilBERT was: a student with half of its blocks and all its
    other weights learns from masked tokens and from what the teacher says. `--start` is of no
    effect then either."""
    distillation: tyro.conf.OmitArgPrefixes[DistillationOptions] = field(
        default_factory=DistillationOptions
    )
    teacher_dtype: Literal["float32", "mixed_bfloat16"] = "float32"
    """Precision in which the teacher is computed."""
    model: Literal["bert", "roberta", "distilbert"] | None = None
    """Family, by default `bert`; RoBERTa has byte-level BPE and no next-sentence prediction."""
    size: Literal["tiny", "mini", "small", "medium", "base", "large", "distil"] | None = None
    """Size of the encoder, by default `tiny`."""
    dropout: float = 0.0
    """Dropout rate; 0.1 in the paper, of use only when the text is read many times."""
    max_positions: int | None = None
    """Positions that get an embedding, by default 512: the longest text that it can ever read."""

    vocabulary: str | None = None
    """A `vocab.txt`, or a folder with `vocab.json` and `merges.txt`; by default one is learned."""
    vocabulary_size: int | None = None
    """Number of tokens to learn, by default 8,000."""
    alphabet_size: int = 1_000
    """Characters that get pieces of their own when learning; Chinese needs 5,000 or more."""
    lowercase: Annotated[bool | None, tyro.conf.arg(constructor=bool)] = None
    """Whether the tokenizer lowercases and strips accents, as by default; byte-level BPE never
    does."""

    exclude: tuple[str, ...] = ()
    """Files of texts that are not trained on, such as a test set: equal documents are left out."""
    text_field: str = "text"
    """The field of JSON lines and TFDS rows that holds the text."""
    encoding: str = "utf-8"
    """Encoding of the text files."""
    undecodable: Literal["error", "skip"] = "error"
    """What to do with a line that is not in that encoding: stop, or skip and count."""
    heldout: float = 0.1
    """Share of the documents that is not trained on, but measured with."""
    shards: str | None = None
    """Folder for the tokenised text; by default `shards` in the run's folder."""
    processes: int | None = None
    """Processes that tokenise; by default one a core."""
    data_service: str | None = None
    """Address of a tf.data service that makes the batches, `grpc://host:port`, where processors are
    short; see docs/scaling.md."""

    pairs: Literal["next_sentence", "full_sentences"] | None = None
    """BERT's sentence pairs, or RoBERTa's full sentences without next-sentence prediction; by
    default as the family has it, or as the model that training goes on from."""
    sequence_length: int = 128
    """Tokens of an example, special tokens included."""
    short_sequences: float | None = None
    """Share of examples with a random shorter length; by default as in the papers."""
    mask_unit: Literal["token", "word", "span"] = "token"
    """Whether single pieces, whole words or spans of words are masked."""
    mask_rate: float = 0.15
    """Share of the tokens to predict."""
    mask_span: int = 3
    """Longest span in words, with `--mask-unit span`."""
    max_predictions: int | None = None
    """Most predictions of an example; by default `mask_rate` times `sequence_length`."""

    start: Literal["mimetic", "bert"] = "mimetic"
    """First weights: attention to the words around, or BERT's own, which needs a long run."""
    steps: int = 600
    """Optimizer steps."""
    batch_size: int = 32
    """Examples a step."""
    micro_batches: int = 1
    """Parts that a batch is computed in, one after the other, when memory is short."""
    remat: bool = False
    """Compute what a block needs for its gradient again instead of keeping it ("activation
    checkpointing"), when memory is short: long texts, large models."""
    learning_rate: float = 2e-3
    """The highest learning rate."""
    warmup: float = 0.1
    """Share of the steps in which the learning rate rises; then it falls to zero."""
    weight_decay: float = 0.01
    """Decoupled weight decay of the matrices."""
    clip_norm: float = 1.0
    """The largest norm of all gradients together."""
    strategy: StrategyName = "auto"
    """Where to train: on `one` device, `mirrored` on all GPUs of this machine, `multiworker` as
    `TF_CONFIG` says, on a `tpu`; see docs/scaling.md."""
    cpus: int | None = None
    """Without GPUs, cut the CPU into so many devices, to try a strategy out."""
    dtype: Literal["float32", "mixed_bfloat16"] = "float32"
    """Precision of the computation; weights are kept in float32."""
    jit_compile: bool = False
    """Whether to compile the step with XLA."""
    seed: int = 0
    """Seed of all random draws."""

    log_every: int = 50
    """Steps between two points in TensorBoard."""
    evaluate_every: int = 200
    """Steps between two evaluations on the held-out text."""
    checkpoint_every: int = 200
    """Steps between two checkpoints."""
    checkpoint_minutes: float | None = None
    """Minutes after which a checkpoint is saved too, if no other was."""
    histograms: bool = False
    """Whether TensorBoard gets histograms of the weights."""

    max_skipped_steps: int = 50
    """So many steps in a row whose gradients are not finite end the training."""
    max_loss: float | None = None
    """So does a loss above this."""
    roll_backs: int = 0
    """How often to go back to the last checkpoint instead, and to leave out the batches since."""


# What is None above by default, because a model that training goes on from has its own.
OF_A_NEW_MODEL = {
    "model": "bert",
    "size": "tiny",
    "max_positions": 512,
    "vocabulary_size": 8_000,
    "lowercase": True,
}

# How text is read by default.
USUAL_PAIRS = {
    "bert": "next_sentence",
    "roberta": "full_sentences",
    "distilbert": "full_sentences",
}

# What may differ when a run is taken up again: where it lies and what it shows, not what it learns.
# A vocabulary counts by its tokens, not by where its file is.
NOT_OF_THE_RESULT = (
    "output",
    "name",
    "vocabulary",
    "shards",
    "processes",
    "data_service",
    "micro_batches",
    "remat",
    "strategy",
    "cpus",
    "log_every",
    "checkpoint_every",
    "checkpoint_minutes",
    "histograms",
    "max_skipped_steps",
    "max_loss",
    "roll_backs",
)
# What counts only when there is a teacher.
OF_A_TEACHER = ("distillation", "teacher_dtype")


def deciding(options: Options) -> dict:
    """The options that the result depends on, by name."""
    found = {k: v for k, v in asdict(options).items() if k not in NOT_OF_THE_RESULT}
    return found if options.teacher else {k: v for k, v in found.items() if k not in OF_A_TEACHER}


def check_apart(options: Options) -> None:
    """Refuses options of a student where there is none, and two models to begin with.

    Raises:
        ValueError: naming the options.
    """
    if options.teacher and options.continue_from:
        raise ValueError(
            "`--teacher` and `--continue-from` both say what to begin with: give one. To begin a "
            "student with another model, give `--teacher` and `--student`."
        )
    if options.teacher:
        return
    usual, given = asdict(DistillationOptions()), asdict(options.distillation)
    named = [name for name in given if given[name] != usual[name]]
    if options.teacher_dtype != "float32":
        named.append("teacher_dtype")
    if named:
        names = ", ".join(f"`--{name.replace('_', '-')}`" for name in named)
        raise ValueError(f"{names} say how to distil: give `--teacher` too, or leave them out.")


def with_defaults(options: Options) -> Options:
    """The options of a new model, with nothing left open but what follows from its family."""
    given = {name: getattr(options, name) for name in OF_A_NEW_MODEL}
    options = replace(
        options, **{k: OF_A_NEW_MODEL[k] if v is None else v for k, v in given.items()}
    )
    if options.pairs == "next_sentence" and options.model != "bert":
        raise ValueError(
            f"`--model {options.model}` has no next-sentence prediction: leave `--pairs` out, or "
            "train `--model bert`."
        )
    return options
