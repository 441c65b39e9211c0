"""`recipes.pretrain --teacher`: a student of a pre-trained model, in a folder like any other."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from test_finetune import labelled, write_csv

import recipes.finetune as finetune
from keras_bert_kit.bundle import Bundle
from keras_bert_kit.tasks.distillation_options import DistillationOptions
from keras_bert_kit.training.training_options import TrainingOptions
from recipes.command_line import main
from recipes.pretrain import run
from recipes.pretraining_options import Options, deciding

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def options(tiny_run, corpus_folder, tmp_path_factory):
    return Options(
        teacher=str(tiny_run[0]),
        data=(str(corpus_folder),),
        output=str(tmp_path_factory.mktemp("students")),
        name="student",
        sequence_length=32,
        heldout=0.2,
        steps=60,
        batch_size=8,
        learning_rate=1e-3,
        evaluate_every=30,
        checkpoint_every=1000,
        log_every=10,
    )


@pytest.fixture(scope="module")
def finished(options):
    return Path(options.output) / options.name, run(options)


def metrics(folder, split):
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [entry for entry in map(json.loads, lines) if entry["split"] == split]


def test_a_student_is_a_model_like_any_other(finished, tiny_run):
    folder, results = finished
    bundle, teacher = (Bundle.from_pretrained(path) for path in (folder, tiny_run[0]))
    assert bundle.encoder.config["num_layers"] == 1
    assert not bundle.encoder.config["pooler"]
    assert set(bundle.encoder.input) == {"token_ids", "padding_mask"}
    assert bundle.tokenizer.vocabulary.fingerprint == teacher.tokenizer.vocabulary.fingerprint
    assert results["masked_lm_loss"] < results["unigram_loss"]
    assert not any("next_sentence" in name for name in results)
    ((fillings,),) = bundle.fill_mask(["the star shines at [MASK] ."], top_k=3)
    assert len(fillings) == 3


def test_a_student_comes_nearer_to_its_teacher(finished):
    first, last = (metrics(finished[0], "train")[at] for at in (0, -1))
    assert last["soft_masked_lm_loss"] < 0.5 * first["soft_masked_lm_loss"]
    assert last["hidden_1_loss"] < first["hidden_1_loss"]
    total = sum(
        weight * last[f"{name}_loss"]
        for name, weight in (("masked_lm", 2), ("soft_masked_lm", 5), ("hidden_1", 1))
    )
    assert last["loss"] == pytest.approx(total, rel=1e-5)


def test_the_card_sets_it_beside_its_teacher(finished, options):
    folder, results = finished
    card = (folder / "card.md").read_text()
    assert (
        f"A DistilBERT encoder with its masked-token head, distilled from `{options.teacher}`"
        in card
    )
    assert "- encoder: 1 layer, " in card
    assert "embeddings, head and, of its blocks 0 to 1, 0\n" in card
    assert "2 x labels + 5 x soft cross-entropy at temperature 2 + 1 x hidden states (last)" in card
    assert "The student keeps " in card
    assert "| teacher | " in card
    row = next(line for line in card.splitlines() if line.startswith("| student |"))
    assert f"| {results['masked_lm_loss']:.3f} | {results['masked_lm_accuracy']:.3f} |" in row


def test_a_student_is_fine_tuned(finished, tmp_path):
    train = write_csv(tmp_path / "train.csv", [["text", "label"], *labelled(40)])
    done = finetune.run(
        finetune.Options(
            train=(train,),
            model=str(finished[0]),
            output=str(tmp_path),
            dev_share=0.2,
            sequence_length=32,
            training=TrainingOptions(epochs=1, batch_size=8, learning_rate=1e-3),
            baselines=False,
        )
    )
    assert done["mean"]["accuracy"] >= 0


def test_an_interrupted_student_goes_on_and_ends_the_same(finished, options, tmp_path):
    options = replace(options, output=str(tmp_path))
    config = tmp_path / "options.json"
    config.write_text(json.dumps({"options": asdict(options)}))
    process = subprocess.Popen(
        [sys.executable, "-m", "recipes.pretrain", "--config", str(config)],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    folder = tmp_path / options.name
    metrics_file = folder / "metrics.jsonl"
    while process.poll() is None and (not metrics_file.exists() or not metrics_file.read_text()):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=120)
    if process.returncode == 0:
        pytest.skip("The run was over before the signal came.")
    assert process.returncode == 130, error

    assert run(options) == finished[1]
    assert [entry["step"] for entry in metrics(folder, "heldout")] == [30, 60]
    pairs = (Bundle.from_pretrained(path).model.get_weights() for path in (folder, finished[0]))
    for found, expected in zip(*pairs, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_finished_run_is_repeated_from_its_config(finished, options, tmp_path):
    found = []
    arguments = ["--config", str(finished[0] / "config.json"), "--output", str(tmp_path)]
    assert main(Options, lambda o: found.append(o), "", [*arguments, "--name", "again"]) == 0
    distillation = options.distillation.for_pretraining("bert")
    changes = {"output": str(tmp_path), "name": "again", "distillation": distillation}
    assert [deciding(one) for one in found] == [deciding(replace(options, **changes))]


def test_families_precisions_and_other_losses(options):
    changed = replace(
        options,
        name="same",
        steps=2,
        teacher_dtype="mixed_bfloat16",
        dtype="mixed_bfloat16",
        dropout=0.1,
        distillation=DistillationOptions(layers=(1,), family="same", hidden="all", attention=True),
    )
    assert run(changed)["masked_lm_loss"] > 0
    encoder = Bundle.from_pretrained(Path(options.output) / "same").encoder
    assert encoder.config["num_segments"] == 2
    assert encoder.config["num_layers"] == 1
    config = json.loads((Path(options.output) / "same" / "config.json").read_text())
    assert config["options"]["teacher_dtype"] == "mixed_bfloat16"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"continue_from": "x"}, "`--teacher` and `--continue-from` both say what to begin with"),
        ({"pairs": "next_sentence"}, "learns from masked tokens and its teacher alone"),
        ({"model": "bert"}, "contradict `--teacher .*`: `--model` is bert, but the model has dist"),
        ({"size": "tiny"}, "`--size` is tiny, but the model has none that has a name. Leave them"),
        ({"vocabulary_size": 8}, r"`--vocabulary-size` is 8, .* the student has its teacher's own"),
        ({"vocabulary": "other.txt"}, "the vocabulary .*other.txt is another than the model's"),
        ({"sequence_length": 65}, "has 64 positions. Shorten the examples"),
        ({"distillation": DistillationOptions(layers=(3,))}, "1 to 2 of them; received 3"),
        ({"teacher": "no/such/model"}, "no/such/model"),
        ({"teacher": None, "teacher_dtype": "mixed_bfloat16"}, "`--teacher-dtype` say how to dist"),
        (
            {"teacher": None, "distillation": DistillationOptions(layers=(1,), hidden="last")},
            "`--layers`, `--hidden` say how to distil: give `--teacher` too, or leave them out",
        ),
    ],
)
def test_options_that_contradict_each_other(options, tmp_path, changes, message):
    if "vocabulary" in changes:
        path = tmp_path / changes["vocabulary"]
        path.write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nword\n")
        changes = {"vocabulary": str(path)}
    with pytest.raises((ValueError, OSError), match=message) as error:
        run(replace(options, **({"name": "refused"} | changes)))
    assert "\n" not in str(error.value)
    assert not (Path(options.output) / "refused").exists()


def test_a_student_does_not_lie_in_the_folder_of_its_teacher(options, tiny_run):
    folder = tiny_run[0]
    with pytest.raises(ValueError, match=r"`--teacher .*` is the folder of this run"):
        run(replace(options, output=str(folder.parent), name=folder.name))
