"""Tests of pre-training end to end, on seconds' worth of text."""

import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.data.shards import Shards
from recipes.command_line import main
from recipes.pretrain import Options, run

ROOT = Path(__file__).parents[2]


def metrics(folder, split):
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [entry for entry in map(json.loads, lines) if entry["split"] == split]


def command(*arguments, **kwargs):
    return subprocess.run(
        [sys.executable, "-m", "recipes.pretrain", *map(str, arguments)],
        cwd=ROOT,
        text=True,
        capture_output=True,
        **kwargs,
    )


def test_learns(tiny_run):
    _, results = tiny_run
    assert results["masked_lm_loss"] < results["unigram_entropy"]
    assert results["masked_lm_accuracy"] > results["commonest_rate"]
    assert results["next_sentence_low"] < results["next_sentence_accuracy"]


def test_leaves_a_whole_run_folder(tiny_run):
    folder, results = tiny_run
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "config.json",
        "vocab.txt",
        "model.weights.h5",
        "metrics.jsonl",
        "logs",
        "card.md",
        "curve.png",
        "checkpoints",
        "shards",
    }
    assert [entry["step"] for entry in metrics(folder, "heldout")] == [100, 200, 300]
    assert [entry["step"] for entry in metrics(folder, "train")] == [50, 100, 150, 200, 250, 300]
    card = (folder / "card.md").read_text()
    assert f"{results['masked_lm_loss']:.3f}" in card
    assert (folder / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_the_saved_model_is_the_measured_one(tiny_run):
    folder, results = tiny_run
    loaded = Bundle.from_pretrained(folder)
    assert loaded.model.count_params() > 0
    last = metrics(folder, "heldout")[-1]
    assert results["masked_lm_loss"] == pytest.approx(last["masked_lm_loss"], rel=1e-6)


def test_held_out_documents_are_not_trained_on(tiny_run):
    folder, _ = tiny_run
    train, heldout = (Shards(folder / "shards" / split) for split in ("train", "heldout"))
    assert train.num_documents + heldout.num_documents == 24
    assert heldout.num_documents > 0


def test_a_finished_run_is_measured_again_and_not_trained_on(tiny_run, tiny_options, capsys):
    folder, results = tiny_run
    before = (folder / "model.weights.h5").read_bytes()
    assert run(tiny_options) == results
    assert "Going on from step 300" in capsys.readouterr().out
    assert (folder / "model.weights.h5").read_bytes() == before


def test_other_options_under_the_same_name_are_refused(tiny_run, tiny_options):
    with pytest.raises(ValueError, match="steps: 300 then, 50 now"):
        run(dataclasses.replace(tiny_options, steps=50))


@pytest.fixture(scope="module")
def short_run(tiny_options):
    """A run of ten steps, of full sentences: its folder and its results."""
    options = dataclasses.replace(
        tiny_options,
        name="short",
        pairs="full_sentences",
        mask_unit="span",
        steps=10,
        evaluate_every=5,
    )
    return Path(options.output) / options.name, run(options)


def test_full_sentences_train_without_next_sentence(short_run):
    _, results = short_run
    assert not any("next_sentence" in name for name in results)
    assert results["masked_lm_loss"] > 0


def test_config_repeats_a_run_with_the_same_numbers(short_run):
    folder, results = short_run
    again = []
    arguments = ["--config", folder / "config.json", "--name", "again", "--output", folder.parent]
    assert main(Options, lambda o: again.append(run(o)), "", list(map(str, arguments))) == 0
    assert again == [results]
    assert metrics(folder, "heldout") == metrics(folder.parent / "again", "heldout")
    assert len(metrics(folder, "heldout")) == 2
    assert_same_weights(folder, folder.parent / "again")


@pytest.fixture(scope="module")
def roberta_run(tiny_options):
    options = dataclasses.replace(
        tiny_options, name="roberta", model="roberta", vocabulary_size=330, steps=200
    )
    return Path(options.output) / options.name, run(options), options


def test_a_roberta_learns_too(roberta_run):
    folder, results, _ = roberta_run
    assert results["masked_lm_loss"] < results["unigram_loss"]
    assert not any("next_sentence" in name for name in results)
    assert {"vocab.json", "merges.txt"} <= {path.name for path in folder.iterdir()}
    assert "A RoBERTa encoder with its masked-token head" in (folder / "card.md").read_text()


def test_a_roberta_fills_in_blanks_and_is_roberta_in_transformers(roberta_run, tmp_path):
    bundle = Bundle.from_pretrained(roberta_run[0])
    ((fillings,),) = bundle.fill_mask(["the star shines at <mask> ."], top_k=3)
    assert len(fillings) == 3
    bundle.save_pretrained(tmp_path, "hugging_face")
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["architectures"] == ["RobertaForMaskedLM"]
    assert config["pad_token_id"] == bundle.tokenizer.vocabulary.pad_id == 1


def test_a_roberta_goes_on_and_is_repeated_from_its_config(roberta_run, tiny_options, capsys):
    folder, results, options = roberta_run
    assert run(options) == results
    assert "Going on from step 200" in capsys.readouterr().out
    arguments = ["--config", str(folder / "config.json"), "--name", "roberta-again", "--steps", "1"]
    assert main(Options, run, "", [*arguments, "--output", tiny_options.output]) == 0
    again = Path(tiny_options.output) / "roberta-again"
    assert (again / "merges.txt").read_bytes() == (folder / "merges.txt").read_bytes()


@pytest.mark.parametrize("model", ["roberta", "distilbert"])
def test_only_bert_has_next_sentence_prediction(tiny_options, model):
    with pytest.raises(ValueError, match=f"`--model {model}` has no next-sentence prediction"):
        run(dataclasses.replace(tiny_options, name="pairs", model=model, pairs="next_sentence"))


@pytest.fixture(scope="module")
def begun_run(tiny_options, corpus_folder):
    """A run of one step that begins as BERT did, without half of the texts."""
    bread = str(corpus_folder / "bread.txt")
    run(dataclasses.replace(tiny_options, name="begun", start="bert", exclude=(bread,), steps=1))
    return Path(tiny_options.output) / "begun"


def test_first_weights_are_berts_own_where_asked_for(tiny_run, begun_run):
    for folder, low, high in ((begun_run, -0.1, 0), (tiny_run[0], -9, -2)):
        model = Bundle.from_pretrained(folder).model
        assert low < model.get_layer("masked_lm").output_bias.numpy().min() < high


def test_a_vocabulary_is_not_learned_from_excluded_texts(begun_run):
    vocabulary = (begun_run / "vocab.txt").read_text().split()
    assert "star" in vocabulary
    assert "bread" not in vocabulary


@pytest.fixture(scope="module")
def continued_options(tiny_run, corpus_folder, tmp_path_factory):
    """Options to go on from the first run on the same text without some of its documents."""
    stars = (corpus_folder / "stars.txt").read_text().split("\n\n")
    exclude = tmp_path_factory.mktemp("tests") / "test.jsonl"
    rows = [stars[0].upper(), stars[3].replace("\n", " "), "not there"]
    exclude.write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))
    return Options(
        continue_from=str(tiny_run[0]),
        data=(str(corpus_folder),),
        exclude=(str(exclude),),
        output=str(tiny_run[0].parent),
        name="continued",
        sequence_length=32,
        heldout=0.2,
        steps=10,
        batch_size=8,
        learning_rate=1e-5,
        evaluate_every=5,
        checkpoint_every=5,
        log_every=5,
    )


@pytest.fixture(scope="module")
def continued_run(continued_options):
    return Path(continued_options.output) / continued_options.name, run(continued_options)


def test_going_on_starts_at_the_loss_of_the_model(tiny_run, continued_run):
    first, results = tiny_run
    folder, continued = continued_run
    vocabulary = (folder / "vocab.txt").read_text()
    assert vocabulary == (first / "vocab.txt").read_text()
    start = metrics(folder, "heldout")[0]["masked_lm_loss"]
    from_nothing = np.log(len(vocabulary.splitlines()))
    assert abs(start - results["masked_lm_loss"]) < 0.25 * (
        from_nothing - results["masked_lm_loss"]
    )
    assert continued["next_sentence_count"] > 0
    loaded = Bundle.from_pretrained(folder)
    assert loaded.model.encoder.config["max_sequence_length"] == 64


def test_what_a_model_went_on_from_is_on_its_card(tiny_run, continued_run):
    card = (continued_run[0] / "card.md").read_text()
    assert f"pre-trained further from `{tiny_run[0]}` with" in card
    assert f"- first weights: those of {tiny_run[0]}\n" in card
    assert "- encoder: tiny, " in card
    assert "- documents left out, equal to a text of test.jsonl: 2\n" in card


def test_excluded_texts_are_not_trained_on(continued_run):
    shards = [Shards(continued_run[0] / "shards" / split) for split in ("train", "heldout")]
    assert sum(one.num_documents for one in shards) == 22
    assert [one.num_excluded_documents for one in shards] == [2, 2]


def test_a_continued_run_goes_on_and_is_repeated(continued_run, continued_options, capsys):
    folder, results = continued_run
    assert run(continued_options) == results
    assert "Going on from step 10" in capsys.readouterr().out
    arguments = ["--config", folder / "config.json", "--name", "continued-again"]
    arguments += ["--output", folder.parent]
    again = []
    assert main(Options, lambda o: again.append(run(o)), "", list(map(str, arguments))) == 0
    assert again == [results]
    assert_same_weights(folder, folder.parent / "continued-again")


def test_a_roberta_of_transformers_goes_on(roberta_run, continued_options, tmp_path, capsys):
    Bundle.from_pretrained(roberta_run[0], "encoder").save_pretrained(
        tmp_path / "encoder", "hugging_face"
    )
    options = dataclasses.replace(
        continued_options,
        continue_from=str(tmp_path / "encoder"),
        name="continued-roberta",
        exclude=(),
        steps=1,
    )
    results = run(options)
    assert not any("next_sentence" in name for name in results)
    folder = Path(options.output) / "continued-roberta"
    assert (folder / "merges.txt").read_text() == (roberta_run[0] / "merges.txt").read_text()
    assert "encoder; new and random: masked_lm. `--start` is of no" in capsys.readouterr().out
    assert (
        f"those of {tmp_path / 'encoder'}; new and random: masked_lm\n"
        in (folder / "card.md").read_text()
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": "mini"}, "`--size` is mini, but the model has tiny. Leave them out"),
        ({"model": "roberta"}, "`--model` is roberta, but the model has bert"),
        ({"lowercase": False}, "`--lowercase` is False, but the model has True"),
        ({"max_positions": 512}, "`--max-positions` is 512, but the model has 64"),
        ({"vocabulary_size": 8}, r"`--vocabulary-size` is 8, but the model has \d+"),
        ({"vocabulary": "other.txt"}, "the vocabulary .*other.txt is another than the model's"),
        ({"size": "mini", "lowercase": False}, "size` is mini, .* tiny; `--lowercase` is False,"),
        ({"sequence_length": 65}, "has 64 positions. Shorten the examples"),
        ({"name": "first"}, "is the folder of this run: give the run another `--name`"),
        ({"exclude": ("no-such-file",)}, "no-such-file is no file, no folder"),
        ({"continue_from": "no/such/model"}, "no/such/model"),
    ],
)
def test_options_that_contradict_the_model(continued_options, tmp_path, changes, message):
    if "vocabulary" in changes:
        path = tmp_path / changes["vocabulary"]
        path.write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nword\n")
        changes = {"vocabulary": str(path)}
    options = dataclasses.replace(continued_options, **({"name": "refused"} | changes))
    with pytest.raises((ValueError, OSError), match=message) as error:
        run(options)
    assert "\n" not in str(error.value)
    assert not (Path(options.output) / "refused").exists()


def test_options_that_agree_with_the_model(tiny_run, continued_options):
    options = dataclasses.replace(
        continued_options,
        name="agreeing",
        model="bert",
        size="tiny",
        lowercase=True,
        max_positions=64,
        vocabulary=str(tiny_run[0] / "vocab.txt"),
        pairs="full_sentences",
        steps=1,
    )
    assert "next_sentence_loss" not in run(options)


def assert_same_weights(folder, other):
    pairs = zip(
        Bundle.from_pretrained(folder).model.get_weights(),
        Bundle.from_pretrained(other).model.get_weights(),
        strict=True,
    )
    for found, expected in pairs:
        np.testing.assert_array_equal(found, expected)


def test_help_answers_in_two_seconds():
    seconds = []
    for _ in range(3):
        start = time.monotonic()
        result = command("--help")
        seconds.append(time.monotonic() - start)
    assert result.returncode == 0
    assert "--sequence-length" in result.stdout
    assert min(seconds) < 2


def assert_one_line(error, message):
    assert "Traceback" not in error
    last = error.splitlines()[-1]
    assert last.startswith("Error: ")
    assert message in last


def test_a_mistake_gets_one_line_in_a_terminal(tmp_path):
    result = command("--output", tmp_path / "runs", "--data", "no-such-folder")
    assert result.returncode == 1
    assert_one_line(result.stderr, "no-such-folder")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--vocabulary", "{vocabulary}"], "lacks the special token(s) [MASK]"),
        (["--sequence-length", "600"], "is longer than the model can read: it has 512 positions"),
    ],
)
def test_mistakes_get_one_line(tmp_path, capsys, arguments, message):
    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\nword\n")
    arguments = [argument.format(vocabulary=vocabulary) for argument in arguments]
    assert main(Options, run, "", ["--output", str(tmp_path / "runs"), *arguments]) == 1
    assert_one_line(capsys.readouterr().err, message)


def test_one_document_cannot_make_pairs(tmp_path):
    text = tmp_path / "one.txt"
    text.write_text("A sentence. " * 50)
    options = Options(data=(str(text),), output=str(tmp_path), heldout=0.5)
    with pytest.raises(ValueError, match="document"):
        run(options)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    result = command("--output", tmp_path / "runs")
    assert result.returncode == 1
    assert "Permission denied" in result.stderr.splitlines()[-1]
