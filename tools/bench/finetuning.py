"""Fine-tuning on SST-2, end to end: from rows of text and label to an epoch of training steps.

All sides start from random weights and classify the first token, as BERT does, at 128 tokens at
most. A turn is one pass over rows drawn from the training file: tokenising, batches of 32, steps
with AdamW and clipping, each library with its usual collator:

- `kit` does what `recipes.finetune` does without development rows and checkpoints: batches by
  length, and it counts the loss, the accuracy and the norm of the gradients, watches for steps
  that are not finite, shows its progress and writes its records;
- `keras_hub` pads to one length, for which 128 is set here, where 512 is its own choice. tf.data's
  autotuning is off, as in the kit, because with it `fit` comes back late;
- `transformers` pads to the longest row of a batch, takes rows in any order, and steps with the
  optimizer that its `Trainer` has; the loop is written out here and does less than a `Trainer`;
- `transformers_bucketed` groups rows by length, an option of its `Trainer`.

Without the SST-2 file (and for `--smoke`) the rows are sentences of the prose in the package, and
without BERT's vocabulary its words.

The loss is what each has to show at the end of the pass: the kit the mean over its last steps,
the others that over the pass. How much of the batches is padding is told too.
"""

import csv
import lzma
import os
import re
from collections import Counter

import numpy as np

from tools.bench.harness import ROOT, Case

TITLE = "Fine-tuning on SST-2, end to end"
UNIT = "rows/s"
DATA = ROOT.parent / "shared" / "data"
SST2 = DATA / "sst2" / "train.tsv.xz"
VOCABULARY = DATA / "vocab" / "bert-base-uncased" / "vocab.txt"
ALL_ROWS = 67_349
BATCH_SIZE = 32
SEQUENCE_LENGTH = 128
LEARNING_RATE = 1e-4
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
# size: layers, heads, width
SIZES = {"tiny": (2, 2, 128), "base": (12, 12, 768)}
PEERS = ("keras_hub", "transformers", "transformers_bucketed")


def cases(smoke: bool) -> list[Case]:
    """Sizes and numbers of rows; an epoch of a BERT-base would take hours."""
    if smoke:
        return [_case("tiny", "32 rows", "prose", 32, ("kit",))]
    data = "sst2" if SST2.exists() else "prose"
    return [
        _case("tiny", "8,192 rows", data, 8_192),
        _case("base", "256 rows", data, 256),
        _case("tiny", "whole epoch", data, ALL_ROWS),
    ]


def _case(size: str, extent: str, data: str, rows: int, sides=("kit", *PEERS)) -> Case:
    layers, heads, width = SIZES[size]
    settings = {
        "num_layers": layers,
        "num_heads": heads,
        "hidden_dim": width,
        "data": data,
        "rows": rows,
    }
    name = f"{size}, {extent}" if data == "sst2" else f"{size}, {extent} of prose"
    return Case(name, settings, sides)


def _rows(settings: dict) -> tuple[list[str], list[int]]:
    """Texts and labels, drawn by the seed 0; all of them if there are not as many as asked for."""
    read = _sst2 if settings["data"] == "sst2" else _sentences
    texts, labels = zip(*read(), strict=True)
    count = min(settings["rows"], len(texts))
    drawn = np.random.default_rng(0).choice(len(texts), count, replace=False)
    return [texts[i] for i in drawn], [labels[i] for i in drawn]


def _sst2() -> list[tuple[str, int]]:
    with lzma.open(SST2, "rt", encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [(row["sentence"], int(row["label"])) for row in rows]


def _sentences() -> list[tuple[str, int]]:
    """Sentences of the sample prose, and whether their book was written for children."""
    from keras_bert_kit.sample_data.passages import author_passages

    passages = author_passages()
    return [
        (sentence, int(author in ("Baum", "Carroll")))
        for passage, author in zip(passages["text"], passages["label"], strict=True)
        for sentence in re.split(r"(?<=[.!?]) ", passage)
    ]


def _tokens() -> list[str]:
    """The tokens of a vocabulary, by id."""
    if VOCABULARY.exists():
        return VOCABULARY.read_text(encoding="utf-8").split("\n")[:-1]
    counts = Counter(re.findall(r"\w+|[^\w\s]", " ".join(t for t, _ in _sentences()).lower()))
    characters = sorted(set("".join(counts)))
    words = [word for word, _ in counts.most_common() if len(word) > 1]
    return [*SPECIAL_TOKENS, *characters, *(f"##{one}" for one in characters), *words]


def _kit(settings):
    from dataclasses import asdict
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from keras_bert_kit.config import EncoderConfig
    from keras_bert_kit.data.inputs import InputOptions
    from keras_bert_kit.data.rows import Rows
    from keras_bert_kit.encoder import Encoder
    from keras_bert_kit.tasks.fine_tuning import compiling_pays_off, training_batches
    from keras_bert_kit.tasks.text_task import TextTask
    from keras_bert_kit.text.vocabulary import Vocabulary
    from keras_bert_kit.text.wordpiece import WordPieceTokenizer
    from keras_bert_kit.training.fitting import fit_steps
    from keras_bert_kit.training.monitor import Monitor
    from keras_bert_kit.training.optimizers import AdamW
    from keras_bert_kit.training.progress import Progress
    from keras_bert_kit.training.training_options import TrainingOptions

    texts, labels = _rows(settings)
    rows = Rows({"text": texts, "label": labels}, settings["data"], list(range(1, len(texts) + 1)))
    task = TextTask(inputs=InputOptions(SEQUENCE_LENGTH), pooling="first")
    examples = task.examples(rows)
    task = task.with_labels_of(examples)
    tokenizer = WordPieceTokenizer(Vocabulary(_tokens()))
    width = settings["hidden_dim"]
    config = EncoderConfig(
        vocabulary_size=len(tokenizer.vocabulary),
        num_layers=settings["num_layers"],
        num_heads=settings["num_heads"],
        hidden_dim=width,
        intermediate_dim=4 * width,
    )
    model = task.model(Encoder(**asdict(config)), examples)
    options = TrainingOptions(batch_size=BATCH_SIZE)
    batches = training_batches(task, examples, model, tokenizer, options, seed=0)
    model.compile(
        AdamW(LEARNING_RATE, weight_decay=0.01, global_clipnorm=1.0),
        loss=model.losses_by_output(),
        weighted_metrics=model.metrics_by_output(),
        mean_over_weights=task.mean_over_weights,
        few_shapes=compiling_pays_off(batches, model.encoder.config, batches.steps_per_epoch),
    )

    def work():
        with TemporaryDirectory() as folder:
            return one_pass(Path(folder))

    def one_pass(folder):
        batches = training_batches(task, examples, model, tokenizer, options, seed=0)
        steps = batches.steps_per_epoch
        total_steps = int(model.optimizer.iterations.numpy()) + steps
        tokens_per_step = round(batches.tokens_per_step())
        monitor = Monitor(
            folder / "logs",
            options.log_every,
            tokens_per_step=tokens_per_step,
            metrics_file=folder / "metrics.jsonl",
        )
        with Progress(total_steps, tokens_per_step=tokens_per_step, metrics=("loss",)) as progress:
            fit_steps(model, batches.dataset, total_steps, steps, callbacks=[monitor, progress])
        return {
            "amount": len(texts),
            "loss": float(model.get_metrics_result()["loss"]),
            "padding_share": batches.padding_share(total_steps // steps - 1),
        }

    return work


def _keras_hub(settings):
    import keras
    import keras_hub
    import tensorflow as tf

    texts, labels = _rows(settings)
    tokens = _tokens()
    width = settings["hidden_dim"]
    preprocessor = keras_hub.models.BertTextClassifierPreprocessor(
        keras_hub.models.BertTokenizer(vocabulary=tokens, lowercase=True),
        sequence_length=SEQUENCE_LENGTH,
    )
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=len(tokens),
        num_layers=settings["num_layers"],
        num_heads=settings["num_heads"],
        hidden_dim=width,
        intermediate_dim=4 * width,
    )
    model = keras_hub.models.BertTextClassifier(backbone, num_classes=2, preprocessor=None)
    model.compile(
        keras.optimizers.AdamW(LEARNING_RATE, weight_decay=0.01, global_clipnorm=1.0),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy()],
    )
    options = tf.data.Options()
    options.autotune.enabled = False
    data = tf.data.Dataset.from_tensor_slices((texts, labels)).with_options(options)
    data = data.shuffle(len(texts)).batch(BATCH_SIZE)
    # By hand, as KerasHub's guide has it too: a model with a preprocessor traces it in every `fit`.
    data = data.map(preprocessor, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
    first = preprocessor(texts[:1024])["padding_mask"]
    padding_share = 1.0 - float(tf.reduce_mean(tf.cast(first, tf.float32)))

    def work():
        logs = model.fit(data, verbose=0).history
        return {"amount": len(texts), "loss": logs["loss"][-1], "padding_share": padding_share}

    return work


def _transformers(settings, bucketed=False):
    import torch
    from torch.utils.data import DataLoader
    from transformers import (
        BertConfig,
        BertForSequenceClassification,
        BertTokenizerFast,
        DataCollatorWithPadding,
    )
    from transformers.trainer_pt_utils import LengthGroupedSampler

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    torch.manual_seed(0)
    texts, labels = _rows(settings)
    tokens = _tokens()
    tokenizer = BertTokenizerFast(vocab={token: index for index, token in enumerate(tokens)})
    width = settings["hidden_dim"]
    config = BertConfig(
        vocab_size=len(tokens),
        num_hidden_layers=settings["num_layers"],
        num_attention_heads=settings["num_heads"],
        hidden_size=width,
        intermediate_size=4 * width,
        num_labels=2,
    )
    model = BertForSequenceClassification(config).train()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=LEARNING_RATE, weight_decay=0.01, fused=True
    )
    collator = DataCollatorWithPadding(tokenizer)

    def work():
        encoded = tokenizer(texts, truncation=True, max_length=SEQUENCE_LENGTH)
        features = [
            {"input_ids": ids, "token_type_ids": types, "attention_mask": mask, "label": label}
            for ids, types, mask, label in zip(
                encoded["input_ids"],
                encoded["token_type_ids"],
                encoded["attention_mask"],
                labels,
                strict=True,
            )
        ]
        sampler = LengthGroupedSampler(BATCH_SIZE, features) if bucketed else None
        losses, num_tokens, num_positions = [], 0, 0
        for batch in DataLoader(
            features, BATCH_SIZE, shuffle=sampler is None, sampler=sampler, collate_fn=collator
        ):
            loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
            num_tokens += int(batch["attention_mask"].sum())
            num_positions += batch["attention_mask"].numel()
        return {
            "amount": len(texts),
            "loss": float(np.mean(losses)),
            "padding_share": 1.0 - num_tokens / num_positions,
        }

    return work


SIDES = {
    "kit": _kit,
    "keras_hub": _keras_hub,
    "transformers": _transformers,
    "transformers_bucketed": lambda settings: _transformers(settings, bucketed=True),
}
