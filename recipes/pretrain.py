"""Pre-trains a BERT from text: vocabulary, shards, masked tokens and next sentences, model, card.

    python -m recipes.pretrain
    python -m recipes.pretrain --data my-texts/ "more/*.jsonl.gz" --name my-bert --size mini
    python -m recipes.pretrain --model roberta --data my-texts/ --name my-roberta
    python -m recipes.pretrain --config saved_models/my-bert/config.json --name my-bert-again
    python -m recipes.pretrain --continue-from saved_models/bert-tiny --data my-texts/ --name mine
    python -m recipes.pretrain --teacher saved_models/my-bert --data my-texts/ --name my-student

Without options it trains BERT-tiny on the prose that ships with the package, without a network.
Run again, it goes on where it was. Watch it with `tensorboard --logdir saved_models`.
"""

import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

from recipes.command_line import main
from recipes.pretraining_options import Options, deciding
from recipes.pretraining_start import begin, describe, first_model, new_tokenizer, set_beside


def run(
    options: Options, beside: Mapping[str, str | Path] | None = None, recipe: str = "pretrain"
) -> dict[str, float]:
    """Trains and measures; returns the results on the held-out text.

    Args:
        options: what and how.
        beside: of a student, models to set beside it and its teacher: folders by name.
        recipe: the recipe that was typed, for the card.
    """
    # Not at the top: `--help` answers without waiting for TensorFlow.
    import keras
    from rich.console import Console

    from keras_bert_kit.bundle import Bundle
    from keras_bert_kit.card import cloze_table, corpus_facts, pretraining_card
    from keras_bert_kit.continued_pretraining import size_of
    from keras_bert_kit.data.cloze import cloze_sentences
    from keras_bert_kit.data.data_service import check_answers
    from keras_bert_kit.data.excluded_texts import ExcludedTexts
    from keras_bert_kit.data.masking import Masking
    from keras_bert_kit.data.pretraining import PretrainingData
    from keras_bert_kit.data.shard_builder import build_shards
    from keras_bert_kit.evaluation.curves import training_curve
    from keras_bert_kit.evaluation.pretraining import evaluate_pretraining, results_table
    from keras_bert_kit.quiet import standard_error_closed
    from keras_bert_kit.run_folder import RunFolder
    from keras_bert_kit.sample_data import sample_files
    from keras_bert_kit.tasks.distilled_pretraining import Learner, pretraining_learner
    from keras_bert_kit.text.tokenizer_files import tokenizer_options
    from keras_bert_kit.training.blow_ups import LeftOut, RollBacks, WatchForBlowUps
    from keras_bert_kit.training.checkpoints import Checkpoints, SaveCheckpoints
    from keras_bert_kit.training.fitting import fit_steps
    from keras_bert_kit.training.monitor import Monitor
    from keras_bert_kit.training.optimizers import AdamW
    from keras_bert_kit.training.progress import Progress
    from keras_bert_kit.training.schedules import LinearWarmupDecay
    from keras_bert_kit.training.strategy import (
        check_workers,
        chief_first,
        choose_strategy,
        is_chief,
        off_strategy,
        wait_for_all,
    )

    if not 0 < options.heldout < 1:
        raise ValueError(f"`--heldout` must be a share of the text; received {options.heldout}.")
    if options.mask_unit != "span" and options.mask_span != Options.mask_span:
        raise ValueError("`--mask-span` means nothing without `--mask-unit span`: leave it out.")
    started = time.monotonic()
    with standard_error_closed():
        strategy = choose_strategy(options.strategy, options.cpus)
    check_workers(strategy, options.batch_size, options.checkpoint_minutes, options.roll_backs)
    if options.data_service:
        check_answers(options.data_service)
    keras.utils.set_random_seed(options.seed)
    with strategy.scope():
        options, beginning = begin(options)
    sources = options.data or sample_files()
    reading = {
        "text_field": options.text_field,
        "encoding": options.encoding,
        "undecodable": options.undecodable,
    }
    reading["exclude"] = ExcludedTexts(options.exclude, **reading) if options.exclude else None
    with chief_first(strategy):
        folder = RunFolder.open(
            Path(options.output) / options.name, "pretrain", deciding(options), deciding(Options())
        )

        if beginning:
            tokenizer = beginning.start.tokenizer
        else:
            tokenizer = new_tokenizer(options, folder, sources, reading)
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
    description = describe(options, beginning, len(vocabulary))
    example_options = {
        "batch_size": options.batch_size,
        "sequence_length": options.sequence_length,
        "max_predictions": options.max_predictions,
        "masking": Masking(
            rate=options.mask_rate, unit=options.mask_unit, max_span_words=options.mask_span
        ),
        "pairs": "next_sentence" if "next_sentence" in description.heads else "full_sentences",
        "short_sequence_rate": options.short_sequences,
        "seed": options.seed,
    }
    if "heldout" not in shards:
        raise ValueError("No document is held out to measure with: give another `--shards`.")
    data = PretrainingData(shards["train"], vocabulary, **example_options)
    heldout = PretrainingData(shards["heldout"], vocabulary, **example_options).one_pass()

    token_counts = shards["train"].token_counts()
    with strategy.scope():
        model, first_weights = first_model(options, beginning, description, token_counts)
        learner, loss_weights = Learner(model, None)
        if options.teacher:
            teacher = beginning.teacher.model
            learner, loss_weights = pretraining_learner(model, teacher, options.distillation)
        learner.compile(
            AdamW(
                LinearWarmupDecay(
                    options.learning_rate, round(options.warmup * options.steps), options.steps
                ),
                weight_decay=options.weight_decay,
                global_clipnorm=options.clip_norm,
            ),
            loss=learner.losses_by_output(),
            loss_weights=loss_weights,
            weighted_metrics=learner.metrics_by_output(),
            micro_batches=options.micro_batches,
            remat=options.remat,
            jit_compile=options.jit_compile,
        )

    is_writer = is_chief(strategy)
    if is_writer:
        folder.write_config(**description.as_dict(), tokenizer=tokenizer_options(tokenizer))
    checkpoints = Checkpoints(folder.path / "checkpoints", writes=is_writer)
    start_step = checkpoints.restore(learner)
    if start_step and is_writer:
        print(f"Going on from step {start_step:,}.")
    left_out = LeftOut(folder.path / "checkpoints" / "left-out.json")
    bundle = Bundle(tokenizer, model)
    cloze = cloze_sentences(shards["heldout"], vocabulary, 10)
    tokens_per_step = options.batch_size * options.sequence_length
    console = None if is_writer else Console(quiet=True)
    with Progress(options.steps, tokens_per_step=tokens_per_step, console=console) as progress:
        fit_steps(
            learner,
            left_out.of(partial(data.dataset, service=options.data_service)),
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
                    writes=is_writer,
                ),
                WatchForBlowUps(options.max_skipped_steps, options.max_loss),
                SaveCheckpoints(checkpoints, options.checkpoint_every, options.checkpoint_minutes),
                progress,
            ],
            RollBacks(learner, checkpoints, left_out, options.roll_backs),
        )

    if not is_writer:
        wait_for_all(strategy)
        return {}
    model = off_strategy(model)
    bundle = Bundle(tokenizer, model)
    results = evaluate_pretraining(model, heldout, token_counts)
    folder.write_weights(model)
    num_layers = description.encoder.num_layers
    size = size_of(description.encoder) or f"{num_layers} layer{'s' * (num_layers != 1)}"
    baselines = ("unigram_loss", "commonest_rate", "majority_rate")
    training_curve(
        folder.metrics_file,
        folder.path / "curve.png",
        title=f"{options.name}: {description.family}-{size}",
        baselines={name: results[name] for name in baselines if name in results},
    )
    # Of its teacher a student may have its first weights only, to be set beside a taught one.
    is_taught = bool(options.teacher) and options.distillation.learns_from_teacher
    comparison = set_beside(model, beginning, beside or {}, heldout) if is_taught else None
    lesson = {"losses": options.distillation.in_words} if is_taught else {}
    card = pretraining_card(
        options.name,
        f"python -m recipes.{recipe} {shlex.join(sys.argv[1:])}",
        corpus_facts(sources, shards, tokenizer, options.exclude),
        {
            "encoder": f"{size}, {model.encoder.count_params():,} parameters",
            "first weights": first_weights,
            **lesson,
            "masked": f"{options.mask_rate:.0%} of the tokens, by {options.mask_unit}",
            "steps": options.steps,
            "batch": f"{options.batch_size} x {options.sequence_length} tokens",
            "token positions seen": options.steps * tokens_per_step,
            "learning rate": f"{options.learning_rate}, linear warm-up and decay",
        },
        results,
        cloze_table(bundle, cloze),
        description.family,
        vocabulary.mask_token,
        options.continue_from or (None if is_taught else options.teacher),
        options.teacher if is_taught else None,
        comparison.card_section if comparison else None,
    )
    folder.write_text("card.md", card)
    print(f"\n{results_table(results)}\n")
    if comparison:
        print(f"{comparison.verdict}\n\n{comparison.table}\n")
    minutes = (time.monotonic() - started) / 60
    print(f"Done in {minutes:.1f} minutes. The model, its card and its curve: {folder.path}")
    wait_for_all(strategy)  # a worker that leaves earlier counts as crashed
    return results


if __name__ == "__main__":
    sys.exit(main(Options, run, __doc__))
