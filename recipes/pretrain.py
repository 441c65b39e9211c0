"""Pre-trains a BERT from text: vocabulary, shards, masked tokens and next sentences, model, card.

    python -m recipes.pretrain
    python -m recipes.pretrain --data my-texts/ "more/*.jsonl.gz" --name my-bert --size mini
    python -m recipes.pretrain --model roberta --data my-texts/ --name my-roberta
    python -m recipes.pretrain --config saved_models/my-bert/config.json --name my-bert-again
    python -m recipes.pretrain --continue-from saved_models/bert-tiny --data my-texts/ --name mine

Without options it trains BERT-tiny on the prose that ships with the package, without a network.
Run again, it goes on where it was. Watch it with `tensorboard --logdir saved_models`.
"""

import shlex
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from recipes.command_line import main


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
    learning_rate: float = 2e-3
    """The highest learning rate."""
    warmup: float = 0.1
    """Share of the steps in which the learning rate rises; then it falls to zero."""
    weight_decay: float = 0.01
    """Decoupled weight decay of the matrices."""
    clip_norm: float = 1.0
    """The largest norm of all gradients together."""
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
    histograms: bool = False
    """Whether TensorBoard gets histograms of the weights."""


# What is None above by default, because a model that training goes on from has its own.
OF_A_NEW_MODEL = {
    "model": "bert",
    "size": "tiny",
    "max_positions": 512,
    "vocabulary_size": 8_000,
    "lowercase": True,
}

# What may differ when a run is taken up again: where it lies and what it shows, not what it learns.
# A vocabulary counts by its tokens, not by where its file is.
NOT_OF_THE_RESULT = (
    "output",
    "name",
    "vocabulary",
    "shards",
    "processes",
    "log_every",
    "checkpoint_every",
    "histograms",
)


def run(options: Options) -> dict[str, float]:
    """Trains and measures; returns the results on the held-out text."""
    # Not at the top: `--help` answers without waiting for TensorFlow.
    import keras

    from keras_bert_kit.bundle import Bundle
    from keras_bert_kit.card import cloze_table, pretraining_card
    from keras_bert_kit.config import encoder_config
    from keras_bert_kit.continued_pretraining import size_of
    from keras_bert_kit.data.cloze import cloze_sentences
    from keras_bert_kit.data.excluded_texts import ExcludedTexts
    from keras_bert_kit.data.masking import Masking
    from keras_bert_kit.data.pretraining import PretrainingData
    from keras_bert_kit.data.shard_builder import build_shards
    from keras_bert_kit.evaluation.curves import training_curve
    from keras_bert_kit.evaluation.pretraining import evaluate_pretraining, results_table
    from keras_bert_kit.model_description import ModelDescription
    from keras_bert_kit.run_folder import RunFolder
    from keras_bert_kit.sample_data import sample_files
    from keras_bert_kit.text.tokenizer_files import tokenizer_options
    from keras_bert_kit.training.checkpoints import Checkpoints, SaveCheckpoints
    from keras_bert_kit.training.fitting import fit_steps
    from keras_bert_kit.training.mimetic import start_mimetic
    from keras_bert_kit.training.monitor import Monitor
    from keras_bert_kit.training.optimizers import AdamW
    from keras_bert_kit.training.progress import Progress
    from keras_bert_kit.training.schedules import LinearWarmupDecay

    started = time.monotonic()
    keras.utils.set_random_seed(options.seed)
    start = go_on_from(options) if options.continue_from else None
    if start:
        family, next_sentence = start.description.family, start.has_next_sentence
        max_positions = start.description.encoder.max_sequence_length
    else:
        options = with_defaults(options)
        family, max_positions = options.model, options.max_positions
        next_sentence = options.pairs == "next_sentence" if options.pairs else family == "bert"
    if options.sequence_length > max_positions:
        raise ValueError(
            f"`--sequence-length {options.sequence_length}` is longer than the model can read: it "
            f"has {max_positions} positions. "
            + ("Shorten" if start else "Raise `--max-positions`, or shorten")
            + " the examples."
        )
    sources = options.data or sample_files()
    reading = {
        "text_field": options.text_field,
        "encoding": options.encoding,
        "undecodable": options.undecodable,
    }
    reading["exclude"] = ExcludedTexts(options.exclude, **reading) if options.exclude else None
    decisive = {k: v for k, v in asdict(options).items() if k not in NOT_OF_THE_RESULT}
    folder = RunFolder.open(Path(options.output) / options.name, "pretrain", decisive)

    tokenizer = start.tokenizer if start else new_tokenizer(options, folder, sources, reading)
    vocabulary = tokenizer.vocabulary
    folder.keep_vocabulary(vocabulary)
    shards = build_shards(
        sources,
        options.shards or folder.path / "shards",
        vocabulary,
        heldout_fraction=options.heldout,
        seed=options.seed,
        num_processes=options.processes,
        **tokenizer_options(tokenizer),
        **reading,
    )
    example_options = {
        "batch_size": options.batch_size,
        "sequence_length": options.sequence_length,
        "max_predictions": options.max_predictions,
        "masking": Masking(
            rate=options.mask_rate, unit=options.mask_unit, max_span_words=options.mask_span
        ),
        "pairs": "next_sentence" if next_sentence else "full_sentences",
        "short_sequence_rate": options.short_sequences,
        "seed": options.seed,
    }
    data = PretrainingData(shards["train"], vocabulary, **example_options)
    heldout = PretrainingData(shards["heldout"], vocabulary, **example_options).one_pass()

    token_counts = shards["train"].token_counts()
    if start:
        model, description = start.model, start.description
        first_weights = f"those of {options.continue_from}"
        if start.new_parts:
            first_weights += f"; new and random: {', '.join(start.new_parts)}"
        print(f"First weights: {first_weights}. `--start` is of no effect.")
    else:
        description = ModelDescription(
            encoder_config(
                options.size,
                family,
                vocabulary_size=len(vocabulary),
                dropout=options.dropout,
                max_sequence_length=max_positions,
                pooler=next_sentence,  # which nothing else would train
            ),
            "pretraining",
            {"next_sentence": next_sentence},
        )
        model, first_weights = description.build(options.dtype), options.start
        if options.start == "mimetic":
            start_mimetic(model, token_counts)
    folder.write_config(**description.as_dict(), tokenizer=tokenizer_options(tokenizer))
    model.compile(
        AdamW(
            LinearWarmupDecay(
                options.learning_rate, round(options.warmup * options.steps), options.steps
            ),
            weight_decay=options.weight_decay,
            global_clipnorm=options.clip_norm,
        ),
        loss=model.losses_by_output(),
        weighted_metrics=model.metrics_by_output(),
        jit_compile=options.jit_compile,
    )

    checkpoints = Checkpoints(folder.path / "checkpoints")
    start_step = checkpoints.restore(model)
    if start_step:
        print(f"Going on from step {start_step:,}.")
    bundle = Bundle(tokenizer, model)
    cloze = cloze_sentences(shards["heldout"], vocabulary, 10)
    tokens_per_step = options.batch_size * options.sequence_length
    with Progress(options.steps, tokens_per_step=tokens_per_step) as progress:
        fit_steps(
            model,
            data.dataset,
            options.steps,
            options.evaluate_every,
            heldout,
            [
                Monitor(
                    folder.path / "logs",
                    options.log_every,
                    tokens_per_step=tokens_per_step,
                    histograms=options.histograms,
                    options_text="\n".join(f"- {k}: `{v}`" for k, v in asdict(options).items()),
                    samples=lambda: cloze_table(bundle, cloze[:5]),
                    metrics_file=folder.metrics_file,
                ),
                SaveCheckpoints(checkpoints, options.checkpoint_every),
                progress,
            ],
        )

    num_excluded = shards["train"].num_excluded_documents
    byte_pair = "lowercase" not in tokenizer_options(tokenizer)
    size = size_of(description.encoder) or f"{description.encoder.num_layers} layers"
    results = evaluate_pretraining(model, heldout, token_counts)
    folder.write_weights(model)
    left_out = {}
    if options.exclude:
        files = ", ".join(Path(source).name for source in options.exclude)
        left_out[f"documents left out, equal to a text of {files}"] = num_excluded
    baselines = ("unigram_loss", "commonest_rate", "majority_rate")
    training_curve(
        folder.metrics_file,
        folder.path / "curve.png",
        title=f"{options.name}: {family}-{size}",
        baselines={name: results[name] for name in baselines if name in results},
    )
    card = pretraining_card(
        options.name,
        "python -m recipes.pretrain " + shlex.join(sys.argv[1:]),
        {
            "sources": ", ".join(Path(source).name for source in sources),
            "documents trained on": shards["train"].num_documents,
            "documents held out": shards["heldout"].num_documents,
            **left_out,
            "tokens trained on": shards["train"].num_tokens,
            "vocabulary": f"{len(vocabulary):,} pieces"
            + (", byte-level BPE" if byte_pair else ", lowercased" * tokenizer.lowercase),
        },
        {
            "encoder": f"{size}, {model.encoder.count_params():,} parameters",
            "first weights": first_weights,
            "masked": f"{options.mask_rate:.0%} of the tokens, by {options.mask_unit}",
            "steps": options.steps,
            "batch": f"{options.batch_size} x {options.sequence_length} tokens",
            "token positions seen": options.steps * tokens_per_step,
            "learning rate": f"{options.learning_rate}, linear warm-up and decay",
        },
        results,
        cloze_table(bundle, cloze),
        family,
        vocabulary.mask_token,
        options.continue_from,
    )
    folder.write_text("card.md", card)
    print(f"\n{results_table(results)}\n")
    minutes = (time.monotonic() - started) / 60
    print(f"Done in {minutes:.1f} minutes. The model, its card and its curve: {folder.path}")
    return results


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


def go_on_from(options: Options):
    """The model that `--continue-from` names, if no option says that it is another."""
    from keras_bert_kit.continued_pretraining import load_for_pretraining, size_of

    run_folder = Path(options.output) / options.name
    if run_folder.resolve() == Path(options.continue_from).expanduser().resolve():
        raise ValueError(
            f"`--continue-from {options.continue_from}` is the folder of this run: give the run "
            "another `--name`."
        )
    start = load_for_pretraining(
        options.continue_from,
        options.pairs == "next_sentence" if options.pairs else None,
        dropout=options.dropout,
        dtype=options.dtype,
    )
    encoder, vocabulary = start.description.encoder, start.tokenizer.vocabulary
    its_own = {
        "model": start.description.family,
        "size": size_of(encoder) or "none that has a name",
        "max_positions": encoder.max_sequence_length,
        "vocabulary_size": len(vocabulary),
        "lowercase": getattr(start.tokenizer, "lowercase", None),  # byte-level BPE has none
    }
    differences = [
        f"`--{name.replace('_', '-')}` is {given}, but the model has {own}"
        for name, own in its_own.items()
        if own is not None and (given := getattr(options, name)) not in (None, own)
    ]
    if (
        options.vocabulary
        and type(vocabulary).read(options.vocabulary).fingerprint != vocabulary.fingerprint
    ):
        differences.append(f"the vocabulary {options.vocabulary} is another than the model's")
    if differences:
        raise ValueError(
            f"These options contradict `--continue-from {options.continue_from}`: "
            f"{'; '.join(differences)}. Leave them out: the model's own are taken."
        )
    return start


def new_tokenizer(options: Options, folder, sources, reading: dict):
    """A tokenizer with the vocabulary that is given, that the run has, or that is learned now."""
    from keras_bert_kit.data.corpus import read_documents
    from keras_bert_kit.text.bytepair_vocabulary import BytePairVocabulary
    from keras_bert_kit.text.learn import learn_vocabulary
    from keras_bert_kit.text.learn_bytepair import learn_bytepair_vocabulary
    from keras_bert_kit.text.tokenizer_files import make_tokenizer
    from keras_bert_kit.text.vocabulary import Vocabulary

    byte_pair = options.model == "roberta"
    if options.vocabulary:
        read = BytePairVocabulary.read if byte_pair else Vocabulary.read
        vocabulary = read(options.vocabulary)
    else:
        vocabulary = folder.read_vocabulary()
    if vocabulary is None:
        lines = (line for document in read_documents(sources, **reading) for line in document)
        if byte_pair:
            vocabulary = learn_bytepair_vocabulary(lines, options.vocabulary_size)
        else:
            vocabulary = learn_vocabulary(
                lines,
                options.vocabulary_size,
                lowercase=options.lowercase,
                alphabet_size=options.alphabet_size,
            )
    return make_tokenizer(vocabulary, {} if byte_pair else {"lowercase": options.lowercase})


if __name__ == "__main__":
    sys.exit(main(Options, run, __doc__))
