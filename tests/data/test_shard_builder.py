"""The same bytes whatever happens on the way, and clear words where there can be none."""

import errno
import json
import logging
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from shard_files import contents, documents
from splitting_tokenizer import word_split

from keras_bert_kit.data import build_settings, shard_builder, shard_settings
from keras_bert_kit.data.excluded_texts import ExcludedTexts
from keras_bert_kit.data.shard_builder import build_shards
from keras_bert_kit.data.shards import Shards
from keras_bert_kit.text.learn_bytepair import learn_bytepair_vocabulary
from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary

WORDS = ["it", "rained.", "We", "slept."]
VOCABULARY = Vocabulary([*SPECIAL_TOKENS, *WORDS])


@pytest.fixture(autouse=True)
def without_tensorflow(monkeypatch):
    monkeypatch.setattr(build_settings, "word_piece", word_split)


@pytest.fixture
def corpus(tmp_path):
    """Forty documents of 3 to 9 tokens in three files."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    documents = [
        " ".join(WORDS[number // 3**place % 3] for place in range(3)) + " slept." * (number % 7)
        for number in range(40)
    ]
    for index, part in enumerate((documents[:13], documents[13:27], documents[27:])):
        (folder / f"{index}.txt").write_text("\n\n".join(part))
    return folder


OPTIONS = {"heldout_fraction": 0.2, "tokens_per_shard": 20, "num_processes": 1, "progress": False}


def build(corpus, folder, vocabulary=VOCABULARY, **options):
    return build_shards(corpus, folder, vocabulary, **(OPTIONS | options))


# What is written


def test_every_document_is_written_once_and_in_order(corpus, tmp_path):
    shards = build(corpus, tmp_path / "shards")
    assert set(shards) == {"train", "heldout"}
    assert shards["train"].num_documents == 32
    assert shards["heldout"].num_documents == 8
    expected = [
        tuple(VOCABULARY.id_of(word) for word in text.split())
        for file in sorted(corpus.iterdir())
        for text in file.read_text().split("\n\n")
    ]
    heldout = set(documents(shards["heldout"]))
    assert documents(shards["train"]) == [d for d in expected if d not in heldout]
    assert documents(shards["heldout"]) == [d for d in expected if d in heldout]


def test_shards_are_no_longer_than_asked_unless_one_document_is(corpus, tmp_path):
    (corpus / "3.txt").write_text("it " * 50)
    train = build(corpus, tmp_path / "shards", heldout_fraction=0)["train"]
    sizes = [len(train.shard(index).tokens) for index in range(len(train))]
    assert all(10 < size <= 20 for size in sizes[:-2])
    assert sizes[-1] == 50
    assert train.document_counts[-1] == 1


def test_the_manifest_describes_the_shards(corpus, tmp_path):
    manifest = build(corpus, tmp_path / "shards", seed=3)["train"].manifest
    assert manifest["split"] == "train"
    assert manifest["lowercase"] is True
    assert manifest["vocabulary_size"] == 9
    assert manifest["options"] == {
        "text_field": "text",
        "encoding": "utf-8",
        "undecodable": "error",
        "heldout_fraction": 0.2,
        "seed": 3,
        "tokens_per_shard": 20,
    }
    assert [Path(source["path"]).name for source in manifest["sources"]] == [
        "0.txt",
        "1.txt",
        "2.txt",
    ]
    assert manifest["num_tokens"] == sum(shard["tokens"] for shard in manifest["shards"])
    assert set(manifest["made_with"]) == {"sentencex", "tensorflow-text"}


def test_documents_without_tokens_are_dropped_and_counted(corpus, tmp_path, caplog):
    (corpus / "0a.txt").write_text("\x01\n\n\x01\x01")
    (corpus / "4.txt").write_text("\x01 \x01")
    train = build(corpus, tmp_path / "shards", heldout_fraction=0)["train"]
    assert train.num_documents == 40
    assert train.manifest["num_empty_documents"] == 3
    assert "Dropped 3 document(s) without a single token." in caplog.text


def test_no_document_with_tokens(tmp_path):
    (tmp_path / "a.txt").write_text("\x01")
    with pytest.raises(
        ValueError, match=r"No document for .*train has a single token: there is no"
    ):
        build(tmp_path / "a.txt", tmp_path / "shards", heldout_fraction=0)


def test_the_real_tokenizer(tmp_path, monkeypatch):
    monkeypatch.undo()
    (tmp_path / "a.txt").write_text("It rained. We slept.\n\nWe rained.")
    pieces = Vocabulary([*SPECIAL_TOKENS, "it", "rain", "##ed", "we", "sle", "##pt", "."])
    train = build(tmp_path / "a.txt", tmp_path / "shards", pieces, heldout_fraction=0)["train"]
    assert train.shard(0).tokens.tolist() == [5, 6, 7, 11, 8, 9, 10, 11, 8, 6, 7, 11]
    assert train.shard(0).sentence_ends.tolist() == [4, 8, 12]
    assert train.shard(0).document_ends.tolist() == [2, 3]


# The same bytes


def test_the_number_of_processes_and_the_size_of_chunks_do_not_show(corpus, tmp_path, monkeypatch):
    build(corpus, tmp_path / "one")
    monkeypatch.setattr(shard_builder, "CHUNK_CHARACTERS", 50)
    build(corpus, tmp_path / "two", num_processes=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_build_killed_before_or_after_any_write_goes_on_to_the_same_bytes(
    corpus, tmp_path, monkeypatch
):
    class Killed(BaseException):
        pass

    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    build(corpus, tmp_path / "whole", tokens_per_shard=60)
    whole = contents(tmp_path / "whole")
    monkeypatch.setattr(shard_builder, "CHUNK_CHARACTERS", 50)
    replace, kills = Path.replace, 0
    for before in (True, False):
        for survived in range(1000):
            left = survived

            def killed_replace(self, target, before=before):
                nonlocal left
                left -= 1
                if left < 0 and before:
                    raise Killed
                replace(self, target)
                if left < 0:
                    raise Killed

            folder = tmp_path / f"{before}-{survived}"
            monkeypatch.setattr(Path, "replace", killed_replace)
            try:
                build(corpus, folder, tokens_per_shard=60)
            except Killed:
                kills += 1
                monkeypatch.setattr(Path, "replace", replace)
                build(corpus, folder, tokens_per_shard=60)
                assert contents(folder) == whole
            else:
                break
    assert kills > 40


def test_a_build_that_goes_on_does_not_tokenise_what_is_done(corpus, tmp_path, monkeypatch, caplog):
    build(corpus, tmp_path / "shards")
    manifest = json.loads((tmp_path / "shards" / "train" / "manifest.json").read_text())
    seen = []

    def counting(vocabulary, lowercase):
        tokenize = word_split(vocabulary, lowercase)
        return lambda texts: (seen.extend(texts), tokenize(texts))[1]

    monkeypatch.setattr(build_settings, "word_piece", counting)
    for split in ("train", "heldout"):
        (tmp_path / "shards" / split / "manifest.json").unlink()
    records = {"heldout": [], "train": manifest["shards"][:3]}
    header = {name: manifest[name] for name in list(manifest)[:8]}
    (tmp_path / "shards" / "progress.json").write_text(json.dumps(header | {"shards": records}))
    with caplog.at_level(logging.INFO):
        shards = build(corpus, tmp_path / "shards")
    assert "after 3 whole shard(s)" in caplog.text
    done = sum(shard["documents"] for shard in manifest["shards"][:3])
    assert len(seen) == shards["train"].num_sentences + shards["heldout"].num_sentences - sum(
        shard["sentences"] for shard in manifest["shards"][:3]
    )
    assert done >= 6


def test_complete_shards_are_reused(corpus, tmp_path, caplog, monkeypatch):
    build(corpus, tmp_path / "shards")
    before = contents(tmp_path / "shards")
    monkeypatch.setattr(shard_builder, "choose_heldout", None)  # not even read
    with caplog.at_level(logging.INFO):
        shards = build(corpus, tmp_path / "shards", num_processes=2)
    assert shards["train"].num_documents == 32
    assert f"Reused the shards in {tmp_path / 'shards'}: train 32 documents" in caplog.text
    assert contents(tmp_path / "shards") == before


def test_a_corpus_may_move(corpus, tmp_path, monkeypatch):
    build(corpus, tmp_path / "shards")
    corpus.rename(tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path)
    assert build("elsewhere", tmp_path / "shards")["train"].num_documents == 32


# Refused


@pytest.mark.parametrize("is_complete", [True, False])
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"lowercase": False}, "`lowercase` was True and is False"),
        ({"heldout_fraction": 0.1}, r"`heldout_fraction` was 0\.2 and is 0\.1"),
        ({"seed": 1, "encoding": "ascii"}, "`encoding` was 'utf-8' and is 'ascii'; `seed` was 0 a"),
        ({"tokens_per_shard": 21}, "`tokens_per_shard` was 20 and is 21"),
        (
            {"vocabulary": Vocabulary([*VOCABULARY.tokens, "new"])},
            f"the vocabulary's fingerprint was '{VOCABULARY.fingerprint[:12]}' and is '",
        ),
    ],
)
def test_other_settings_are_refused(corpus, tmp_path, monkeypatch, is_complete, change, expected):
    _build_first(corpus, tmp_path, monkeypatch, is_complete)
    match = rf"shards holds shards made otherwise: {expected}.*\. Choose another folder, or delete"
    with pytest.raises(ValueError, match=match):
        build(corpus, tmp_path / "shards", **change)


@pytest.mark.parametrize("is_complete", [True, False])
def test_another_corpus_is_refused(corpus, tmp_path, monkeypatch, is_complete):
    _build_first(corpus, tmp_path, monkeypatch, is_complete)
    text = (corpus / "1.txt").read_text()
    (corpus / "1.txt").write_text(text + "!")
    expected = (
        rf"source file 2 was '1\.txt of {len(text)} bytes' and is '1\.txt of {len(text) + 1} "
    )
    with pytest.raises(ValueError, match=expected):
        build(corpus, tmp_path / "shards")
    (corpus / "1.txt").unlink()
    with pytest.raises(ValueError, match="the number of source files was 3 and is 2"):
        build(corpus, tmp_path / "shards")


def test_another_version_of_the_splitter_is_refused_half_way_only(corpus, tmp_path, monkeypatch):
    _build_first(corpus, tmp_path, monkeypatch, is_complete=False)
    monkeypatch.setattr(shard_settings, "version", lambda name: "99")
    with pytest.raises(ValueError, match=r"made_with was .* and is {'sentencex': '99', "):
        build(corpus, tmp_path / "shards")
    build(corpus, tmp_path / "other")
    monkeypatch.setattr(shard_settings, "version", lambda name: "100")
    build(corpus, tmp_path / "other")


def test_bad_lines_can_be_skipped_once_they_have_stopped_a_build(corpus, tmp_path, caplog):
    with (corpus / "2.txt").open("ab") as file:
        file.write(b"\n\n\xff\n")
    with pytest.raises(ValueError, match=r"2\.txt is not utf-8: byte \d+ is 0xff"):
        build(corpus, tmp_path / "shards")
    build(corpus, tmp_path / "shards", undecodable="skip")
    assert caplog.text.count("skipped 1 line(s) that are not utf-8") == 1
    with pytest.raises(ValueError, match="`undecodable` was 'skip' and is 'error'"):
        build(corpus, tmp_path / "shards")


def _build_first(corpus, tmp_path, monkeypatch, is_complete):
    """Builds shards, and stops at the manifest if they are not to be complete."""
    if is_complete:
        build(corpus, tmp_path / "shards")
        return
    monkeypatch.setattr(shard_builder, "MANIFEST", "no/such\0name")
    with pytest.raises(ValueError, match="null byte"):
        build(corpus, tmp_path / "shards")
    monkeypatch.undo()
    monkeypatch.setattr(build_settings, "word_piece", word_split)
    assert (tmp_path / "shards" / "progress.json").exists()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"heldout_fraction": 1}, r"`heldout_fraction` must be at least 0 and below 1\. Received"),
        ({"heldout_fraction": -0.1}, r"at least 0 and below 1\. Received: -0\.1"),
        ({"tokens_per_shard": 0}, r"`tokens_per_shard` must be at least 1\. Received: 0"),
        ({"num_processes": 0}, r"`num_processes` must be at least 1\. Received: 0"),
    ],
)
def test_options_out_of_range(corpus, tmp_path, options, expected):
    with pytest.raises(ValueError, match=expected):
        build(corpus, tmp_path / "shards", **options)


def test_a_single_document_cannot_be_split(tmp_path):
    (tmp_path / "a.txt").write_text("it rained.\nWe slept.")
    with pytest.raises(ValueError, match="The corpus is a single document: none can be held out"):
        build(tmp_path / "a.txt", tmp_path / "shards")


def test_many_differences_are_counted(corpus, tmp_path):
    for number in range(3, 9):
        (corpus / f"{number}.txt").write_text("it")
    build(corpus, tmp_path / "shards")
    for number in range(1, 9):
        (corpus / f"{number}.txt").write_text("rained.")
    with pytest.raises(ValueError, match=r"source file 6 was '5\.txt of 2 bytes' .*; and 3 more\."):
        build(corpus, tmp_path / "shards")


# Texts left out


@pytest.fixture
def excluded(corpus, tmp_path):
    """Five documents of the corpus, one of them twice, and a text that is not in it."""
    texts = [text for file in sorted(corpus.iterdir()) for text in file.read_text().split("\n\n")]
    chosen = [texts[0].upper(), texts[11], texts[12], texts[20].replace(" ", "\n"), texts[39]]
    path = tmp_path / "test.txt"
    path.write_text("\n\n".join([*chosen, chosen[1], "not there"]))
    keys = {" ".join(text.casefold().split()) for text in chosen}
    left = [text for text in texts if " ".join(text.casefold().split()) not in keys]
    return path, left


def test_excluded_texts_are_in_neither_split(corpus, tmp_path, excluded, caplog):
    path, left = excluded
    with caplog.at_level(logging.INFO):
        shards = build(corpus, tmp_path / "shards", exclude=ExcludedTexts(path))
    expected = sorted(tuple(VOCABULARY.id_of(word) for word in text.split()) for text in left)
    assert sorted(documents(shards["train"]) + documents(shards["heldout"])) == expected
    num = 40 - len(left)
    assert num >= 5
    assert shards["train"].num_excluded_documents == num
    assert shards["heldout"].num_excluded_documents == num
    assert f"Left out {num} document(s) that equal one of the 6 texts to exclude." in caplog.text
    caplog.clear()
    with caplog.at_level(logging.INFO):
        build(corpus, tmp_path / "shards", exclude=ExcludedTexts(path))
    assert "Reused the shards" in caplog.text
    assert f"Left out {num} document(s)" in caplog.text


def test_excluding_nothing_is_warned_of(corpus, tmp_path, caplog):
    (tmp_path / "test.txt").write_text("not there")
    shards = build(corpus, tmp_path / "shards", exclude=ExcludedTexts(tmp_path / "test.txt"))
    assert shards["train"].num_excluded_documents == 0
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("WARNING", "Left out 0 document(s) that equal one of the 1 texts to exclude.")
    ]


def test_what_is_left_out_is_counted_once_whatever_stops_the_build(
    corpus, tmp_path, excluded, monkeypatch
):
    class Killed(BaseException):
        pass

    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(shard_builder, "CHUNK_CHARACTERS", 50)
    build(corpus, tmp_path / "whole", exclude=ExcludedTexts(excluded[0]))
    replace, kills = Path.replace, 0
    for survived in range(0, 1000, 3):
        left = survived

        def killed_replace(self, target):
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            replace(self, target)

        folder = tmp_path / str(survived)
        monkeypatch.setattr(Path, "replace", killed_replace)
        try:
            build(corpus, folder, exclude=ExcludedTexts(excluded[0]))
        except Killed:
            kills += 1
            monkeypatch.setattr(Path, "replace", replace)
            build(corpus, folder, exclude=ExcludedTexts(excluded[0]))
            assert contents(folder) == contents(tmp_path / "whole")
        else:
            break
    assert kills > 10


@pytest.mark.parametrize("is_complete", [True, False])
def test_other_exclusions_do_not_reuse_shards(corpus, tmp_path, monkeypatch, is_complete, excluded):
    _build_first(corpus, tmp_path, monkeypatch, is_complete)
    with pytest.raises(ValueError, match="`exclude` was None and is '6 texts, fingerprint"):
        build(corpus, tmp_path / "shards", exclude=ExcludedTexts(excluded[0]))
    build(corpus, tmp_path / "other", exclude=ExcludedTexts(excluded[0]))
    with pytest.raises(ValueError, match=r"`exclude` was '6 texts, fingerprint .*' and is None"):
        build(corpus, tmp_path / "other")
    excluded[0].write_text(excluded[0].read_text().replace("not there", "not these"))
    with pytest.raises(ValueError, match=r"`exclude` was '6 texts, .*' and is '6 texts, "):
        build(corpus, tmp_path / "other", exclude=ExcludedTexts(excluded[0]))


# Other tokenizers


def test_accents_may_stay_in_lowercase(tmp_path, monkeypatch):
    monkeypatch.undo()
    (tmp_path / "a.txt").write_text("Caf\u00e9.\n\ncafe.")
    words = Vocabulary([*SPECIAL_TOKENS, "cafe", "caf\u00e9", "."])
    options = {"heldout_fraction": 0}
    kept = build(tmp_path / "a.txt", tmp_path / "1", words, strip_accents=False, **options)
    assert kept["train"].shard(0).tokens.tolist() == [6, 7, 5, 7]
    usual = build(tmp_path / "a.txt", tmp_path / "2", words, strip_accents=True, **options)
    assert usual["train"].shard(0).tokens.tolist() == [5, 7, 5, 7]
    assert "strip_accents" not in usual["train"].manifest["options"]
    with pytest.raises(ValueError, match="`strip_accents` was False and is None"):
        build(tmp_path / "a.txt", tmp_path / "1", words, **options)


def test_a_space_may_come_before_every_text(tmp_path, monkeypatch):
    monkeypatch.undo()
    (tmp_path / "a.txt").write_text("a b")
    words = learn_bytepair_vocabulary(["b a a a"], 262)
    first = [
        build(
            tmp_path / "a.txt",
            tmp_path / str(space),
            words,
            heldout_fraction=0,
            add_prefix_space=space,
        )["train"]
        .shard(0)
        .tokens[0]
        for space in (False, True)
    ]
    assert [words.token_of(int(token)) for token in first] == ["a", "\u0120a"]


# Disks and processes that fail


def test_a_full_disk_leaves_nothing_half_written_and_is_no_end(corpus, tmp_path, monkeypatch):
    build(corpus, tmp_path / "whole")
    fsync, calls = os.fsync, 0

    def full(descriptor):
        nonlocal calls
        calls += 1
        if calls > 15:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    folder = tmp_path / "shards"
    with pytest.raises(
        OSError, match=r"Could not write .*: No space left on device\. Make room, o"
    ):
        build(corpus, folder)
    assert not list(folder.rglob("*.unfinished"))
    assert not list(folder.rglob("manifest.json"))
    monkeypatch.setattr(os, "fsync", fsync)
    build(corpus, folder)
    assert contents(folder) == contents(tmp_path / "whole")


def test_a_limit_on_the_size_of_files(corpus, tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"Could not write .*: File too large\. Make room, or"):
            build(corpus, tmp_path / "shards", tokens_per_shard=2_000, heldout_fraction=0.1)
            build(corpus, tmp_path / "other", tokens_per_shard=5, heldout_fraction=0.1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.rglob("*.unfinished"))


def test_a_folder_that_cannot_be_written_to_is_known_before_any_work(corpus, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(shard_builder, "tokenize_in_order", None)
    with pytest.raises(
        OSError, match=r"Could not write .*progress\.json: Not a directory\. Make r"
    ):
        build(corpus, tmp_path / "file" / "shards")


def test_what_a_killed_build_left_half_written_goes(corpus, tmp_path):
    folder = tmp_path / "shards"
    (folder / "train").mkdir(parents=True)
    (folder / "train" / "00000.tokens.npy.123.unfinished").write_bytes(b"half")
    (folder / "progress.json.123.unfinished").write_bytes(b"{")
    (folder / "notes.txt").write_text("of the user")
    build(corpus, folder)
    assert not list(folder.rglob("*.unfinished"))
    assert (folder / "notes.txt").exists()


def test_a_process_that_dies_is_reported_and_the_build_can_go_on(corpus, tmp_path):
    (corpus / "3.txt").write_text("DIE")
    with pytest.raises(RuntimeError, match="A process that tokenises has died"):
        build(corpus, tmp_path / "shards", num_processes=2, heldout_fraction=0)
    assert (tmp_path / "shards" / "progress.json").exists()


SCRIPT = """
import logging, signal, sys
sys.path[:] = {path!r}
logging.basicConfig(level=logging.INFO, format="%(message)s")
from splitting_tokenizer import word_split
from keras_bert_kit.data import build_settings, shard_builder
from keras_bert_kit.text.vocabulary import Vocabulary
build_settings.word_piece = word_split
shard_builder.CHUNK_CHARACTERS = 50
if __name__ == "__main__":
    # A shell that starts the tests in the background has them ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        shard_builder.build_shards(
            {corpus!r}, {folder!r}, Vocabulary({tokens!r}), **{options!r}
        )
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL])
def test_ctrl_c_and_kill_end_all_processes_quietly_and_leave_it_to_go_on(corpus, tmp_path, kill):
    for path in corpus.iterdir():
        path.write_text(path.read_text().replace("\n\n", " SLEEP\n\n"))
    folder = tmp_path / "shards"
    script = tmp_path / "script.py"
    names = {"path": sys.path, "corpus": str(corpus), "folder": str(folder)}
    options = OPTIONS | {"num_processes": 2, "heldout_fraction": 0}
    names |= {"tokens": list(VOCABULARY.tokens), "options": options}
    script.write_text(SCRIPT.format(**names))
    process = subprocess.Popen(
        [sys.executable, script], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    first = folder / "train" / "00000.document_ends.npy"
    while not first.exists():
        assert process.poll() is None
        time.sleep(0.01)
    if kill == signal.SIGINT:
        os.killpg(process.pid, kill)  # as a terminal does: to all processes at once
    else:
        process.kill()
    _, errors = process.communicate(timeout=30)  # its pipe is closed when the last process ends
    assert process.returncode == (130 if kill == signal.SIGINT else -signal.SIGKILL)
    assert "Traceback" not in errors
    if kill == signal.SIGINT:
        assert "whole shard(s) in" in errors
        assert "Run the same again to go on." in errors
    with pytest.raises(FileNotFoundError, match="not complete"):
        Shards(folder / "train")
    build(corpus, folder, heldout_fraction=0)
    build(corpus, tmp_path / "whole", heldout_fraction=0)
    assert contents(folder) == contents(tmp_path / "whole")


# Progress


def test_progress_without_a_terminal_is_a_line(corpus, tmp_path, capsys):
    build(corpus, tmp_path / "shards", progress=True)
    error = capsys.readouterr().err
    assert error.startswith("Tokenising: 100% of the text read, 0.0 M tokens, ")
    assert error.count("\n") == 1


def test_progress_can_be_silent(corpus, tmp_path, capsys):
    build(corpus, tmp_path / "shards")
    assert capsys.readouterr() == ("", "")


def test_progress_on_a_terminal_is_a_bar(corpus, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    build(corpus, tmp_path / "shards", progress=True)
    assert "Tokenising" in capsys.readouterr().err


def test_small_corpora_start_no_process(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(64), raising=False)
    found = shard_builder._default_processes
    assert found(shard_builder.Corpus(corpus)) == 1
    monkeypatch.setattr(shard_builder, "BYTES_PER_PROCESS", 100)
    assert found(shard_builder.Corpus(corpus)) == sum(map(os.path.getsize, corpus.iterdir())) // 100
