"""Fine-tuning: from an encoder, a task and labelled examples to a trained model."""

import logging
import math
from collections.abc import Collection
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console

from keras_bert_kit import pretrained
from keras_bert_kit.bundle import ANSWERING, Bundle
from keras_bert_kit.data.batching import Batches
from keras_bert_kit.encoder import Encoder
from keras_bert_kit.evaluation.curves import read_curves
from keras_bert_kit.tasks.dev_evaluation import DevEvaluation, mode_of
from keras_bert_kit.training.averaging import AveragedWeights
from keras_bert_kit.training.best_weights import BestWeights
from keras_bert_kit.training.checkpoints import Checkpoints, SaveCheckpoints
from keras_bert_kit.training.fitting import fit_steps
from keras_bert_kit.training.freezing import GradualUnfreezing, freeze
from keras_bert_kit.training.lora import add_lora, merge_lora
from keras_bert_kit.training.monitor import Monitor
from keras_bert_kit.training.optimizers import AdamW
from keras_bert_kit.training.progress import Progress
from keras_bert_kit.training.schedules import LinearWarmupDecay
from keras_bert_kit.training.strategy import is_chief, off_strategy
from keras_bert_kit.training.training_options import TrainingOptions

METRICS = "metrics.jsonl"
TPU = tf.distribute.TPUStrategy
# Lengths of batches are multiples of it. XLA compiles the step anew for every length.
LENGTH_STEP, XLA_LENGTH_STEP = 4, 32
# What compiling all passes of one length takes, and what they save per token, width and block.
SECONDS_TO_COMPILE, SECONDS_SAVED = 0.25, 5e-8

logger = logging.getLogger(__name__)


class FineTuned(NamedTuple):
    """What a training leaves.

    Attributes:
        bundle: the model with the best weights, its tokenizer, labels and way of reading texts.
        task: the task, with what was decided on the development examples.
        dev_value: how good it is on the development examples, more being better.
        description: a sentence on the training examples and their batches.
        num_tokens: how many tokens it was trained on, each time counted; about so many, as batches
            differ.
        tokens_per_second: the median while it was trained; None for a training so short that
            nothing was timed.
    """

    bundle: Bundle
    task: object
    dev_value: float
    description: str
    num_tokens: int
    tokens_per_second: int | None


def fine_tune(
    task,
    source,
    train,
    dev,
    options: TrainingOptions,
    folder: str | Path,
    *,
    seed: int = 0,
    metric: str | None = None,
    random_start: bool = False,
    strategy: tf.distribute.Strategy | None = None,
) -> FineTuned:
    """Trains a model for a task and keeps the weights that are best on the development examples.

    The same call goes on where an earlier one was stopped.

    Args:
        task: `TextTask`, `TaggingTask` or `QuestionTask`, with its labels.
        source: the encoder: whatever `Bundle.from_pretrained` takes.
        train: training examples, as `task.examples` gives them.
        dev: development examples, never trained on.
        options: how to train.
        folder: where checkpoints, logs and `metrics.jsonl` go.
        seed: seed of the head's first weights, of dropout and of the order.
        metric: what the best weights are chosen by; by default the task's own.
        random_start: whether to begin with random weights instead of the source's, for comparison.
        strategy: where to train, see `choose_strategy`; by default on one device. Each of several
            workers makes this call, and gets the same model, which is of none of the replicas.

    Raises:
        ValueError: if options contradict each other or the source does not fit.
    """
    keras.utils.set_random_seed(seed)
    folder = Path(folder)
    encoder, tokenizer, _ = pretrained.load(
        source, "encoder", initialize=["pooler"], dtype=options.dtype
    )
    with (strategy or tf.distribute.get_strategy()).scope():
        encoder = rebuilt(encoder, options, keep_weights=not random_start)
        task = within_positions(task, encoder)
        model = task.model(encoder, train)
    batches = training_batches(task, train, model, tokenizer, options, seed)
    return train_model(task, model, tokenizer, batches, dev, options, folder, metric=metric)


def within_positions(task, encoder):
    """A task whose inputs are no longer than the model can read; that they are cut is logged."""
    positions = encoder.config["max_sequence_length"]
    if task.inputs.sequence_length <= positions:
        return task
    logger.info("Inputs have at most %d tokens: the model has no more positions.", positions)
    return replace(task, inputs=replace(task.inputs, sequence_length=positions, stride=None))


def training_batches(task, train, model, tokenizer, options: TrainingOptions, seed: int) -> Batches:
    """The batches of a training with some options, of few lengths where XLA compiles them."""
    is_compiled = options.jit_compile or isinstance(model.distribute_strategy, TPU)
    return task.batches(
        train,
        model,
        tokenizer,
        batch_size=options.batch_size,
        seed=seed,
        bucketed=options.bucketed,
        pad_to=task.inputs.sequence_length,
        length_step=XLA_LENGTH_STEP if is_compiled else LENGTH_STEP,
    )


def train_model(
    task,
    model,
    tokenizer,
    batches: Batches,
    dev,
    options: TrainingOptions,
    folder: str | Path,
    *,
    metric: str | None = None,
    learner=None,
    loss_weights: dict[str, float] | None = None,
    mean_over_weights: bool | Collection[str] | None = None,
) -> FineTuned:
    """Trains a model, measures it as it goes, and ends with its best weights.

    Under a strategy, in whose scope model and learner were made, it predicts with copies on one
    device of every worker. Only the chief writes files and shows progress.

    Args:
        task: the task, with its labels.
        model: the model, as `task.model` makes it.
        tokenizer: its tokenizer.
        batches: the training batches.
        dev: development examples.
        options: how to train.
        folder: where checkpoints, logs and `metrics.jsonl` go.
        metric: what the best weights are chosen by; by default the task's own.
        learner: what `fit` is called of, if not the model itself but one that it is a part of.
        loss_weights: of the learner's losses; by default all 1.
        mean_over_weights: see `TrainingStep.compile`; by default as the task has it.
    """
    folder = Path(folder)
    learner = learner or model
    strategy = learner.distribute_strategy
    is_writer = is_chief(strategy)
    description = describe_batches(batches)
    steps_per_epoch = batches.steps_per_epoch
    total_steps = max(1, round(options.epochs * steps_per_epoch))
    with strategy.scope():
        callbacks = _prepare(model, options, steps_per_epoch, total_steps)
        few_shapes = compiling_pays_off(batches, learner.encoder.config, total_steps)
        if mean_over_weights is None:
            mean_over_weights = task.mean_over_weights
        _compile(learner, options, total_steps, few_shapes, mean_over_weights, loss_weights)
    checkpoints = Checkpoints(folder / "checkpoints", writes=is_writer)
    start_step = checkpoints.restore(learner)
    if is_writer:
        print(description)
        if start_step:
            print(f"Going on from step {start_step:,}.")
    metric = metric or task.metric
    tokens_per_step = round(batches.tokens_per_step())
    best = BestWeights(
        f"val_{metric}",
        mode_of(metric),
        options.patience,
        folder / "best",
        restore=False,
        writes=is_writer,
    )
    best.resume(start_step)
    monitor = Monitor(
        folder / "logs",
        options.log_every,
        tokens_per_step=tokens_per_step,
        options_text="\n".join(f"- {k}: `{v}`" for k, v in asdict(options).items()),
        metrics_file=folder / METRICS,
        writes=is_writer,
    )
    with Progress(
        total_steps,
        tokens_per_step=tokens_per_step,
        metrics=("loss",),
        held_out_metrics=("loss", metric),
        console=None if is_writer else Console(quiet=True),
    ) as progress:
        if not best.stopped:
            fit_steps(
                learner,
                batches.dataset,
                total_steps,
                max(1, math.ceil(steps_per_epoch / options.evaluations)),
                callbacks=[
                    *callbacks,
                    DevEvaluation(
                        task, tokenizer, dev, metric, of=model, clocks=(monitor, progress)
                    ),
                    monitor,
                    best,
                    SaveCheckpoints(
                        checkpoints, options.checkpoint_every, options.checkpoint_minutes
                    ),
                    progress,
                ],
            )
    num_tokens = tokens_per_step * int(learner.optimizer.iterations.numpy())
    best.restore_best(learner)
    model = off_strategy(model) if options.lora_rank is None else merge_lora(model)
    found = task.predict(model, tokenizer, dev)
    task = task.tuned(dev, found)
    bundle = Bundle(
        tokenizer,
        model,
        task.labels,
        inputs=task.inputs,
        **{name: getattr(task, name, None) for name in ANSWERING},
    )
    sign = 1 if mode_of(metric) == "max" else -1
    dev_value = task.metrics(dev, found)[metric]
    _, rates = read_curves(folder / METRICS)["train"].get("tokens_per_second", ((), ()))
    return FineTuned(
        bundle,
        task,
        -math.inf if dev_value is None else sign * dev_value,
        description,
        num_tokens,
        round(np.median(rates)) if len(rates) else None,
    )


def compiling_pays_off(batches: Batches, encoder: dict, total_steps: int) -> bool:
    """Whether passes compiled for every length save more time than compiling them takes.

    Args:
        batches: of training.
        encoder: the configuration of the encoder.
        total_steps: steps of the whole training.
    """
    tokens = total_steps * batches.tokens_per_step()
    saved = SECONDS_SAVED * tokens * encoder["hidden_dim"] * encoder["num_layers"]
    return saved > SECONDS_TO_COMPILE * batches.num_lengths()


def describe_batches(batches: Batches) -> str:
    """How many inputs there are, how long, how much of the batches is padding, what was cut."""
    features = batches.features
    num_cut = int((features.num_cut > 0).sum())
    lines = (
        f"{features.num_rows:,} training rows in {len(features):,} inputs of "
        f"{features.lengths.mean():.0f} tokens on average, {features.lengths.max():,} at most; "
        f"{batches.steps_per_epoch:,} steps an epoch, {batches.padding_share():.1%} padding."
    )
    if not num_cut:
        return lines
    return f"{lines} Too long and cut: {num_cut:,} rows, {features.num_cut.sum():,} tokens."


def rebuilt(encoder: Encoder, options: TrainingOptions, keep_weights: bool = True) -> Encoder:
    """The encoder with another dropout rate, and perhaps with new random weights."""
    changed = Encoder(**{**encoder.config, "dropout": options.dropout}, dtype=options.dtype)
    if keep_weights:
        values = {weight.path: weight for weight in encoder.weights}
        for weight in changed.trainable_weights:  # not the seeds of dropout
            weight.assign(values[weight.path])
    return changed


def _prepare(model, options: TrainingOptions, steps_per_epoch: int, total_steps: int) -> list:
    """Freezes and adds LoRA, as the options say; returns the callbacks for it."""
    callbacks = []
    if options.frozen_blocks is not None:
        freeze(model, options.frozen_blocks)
    if options.lora_rank is not None:
        add_lora(model, options.lora_rank)
    if options.unfreeze_every is not None:
        callbacks.append(GradualUnfreezing(max(1, round(options.unfreeze_every * steps_per_epoch))))
    if options.average is not None:
        callbacks.append(AveragedWeights(keep_at_end=False))
    return callbacks


def _compile(
    learner,
    options: TrainingOptions,
    total_steps: int,
    few_shapes: bool,
    mean_over_weights: bool | Collection[str],
    loss_weights: dict[str, float] | None,
) -> None:
    width = learner.encoder.config["hidden_dim"]
    warmup_steps = min(round(options.warmup * total_steps), total_steps - 1)
    learner.compile(
        AdamW(
            LinearWarmupDecay(options.rate_for(width), warmup_steps, total_steps),
            weight_decay=options.weight_decay,
            global_clipnorm=options.clip_norm,
            layer_decay=options.layer_decay,
            use_ema=options.average is not None,
            ema_momentum=options.average or 0.99,
        ),
        loss=learner.losses_by_output(options.label_smoothing, options.focal_gamma),
        loss_weights=loss_weights,
        weighted_metrics=learner.metrics_by_output(),
        micro_batches=options.micro_batches,
        remat=options.remat,
        few_shapes=few_shapes,
        mean_over_weights=mean_over_weights,
        jit_compile=options.jit_compile,
    )
