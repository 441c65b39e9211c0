"""Prepares a corpus that is too large for one machine, by an Apache Beam pipeline.

    python tools/prepare_corpus.py --data my-texts/ --vocabulary vocab.txt --output my-shards
    python tools/prepare_corpus.py --data my-texts/ --vocabulary vocab.txt --output my-shards \
        --quality --near-duplicates 0.8

Writes the shards that `recipes.pretrain` would write of the same text, byte for byte, wherever it
runs: options that are none of its own are handed to Beam, such as `--runner=FlinkRunner`. Without a
runner it stays on this machine, in one process. The last lines say what became of the documents.
Needs the extra `beam`; docs/corpora.md says more.
"""

import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import tyro

from keras_bert_kit.data.quality import QualityRules


@dataclass(frozen=True)
class Options:
    """What to read, what to leave out, and where to write."""

    data: tuple[str, ...]
    """Files, folders, globs or `tfds:` names; remote files and globs such as `gs://bucket/*.gz`."""
    vocabulary: str
    """A `vocab.txt`, or a folder with `vocab.json` and `merges.txt`; on this machine."""
    output: str
    """Folder for the shards, remote or seen by all workers."""
    lowercase: bool = True
    """Whether WordPiece lowercases and strips accents."""
    heldout: float = 0.01
    """Share of documents that are held out."""
    seed: int = 0
    """Another seed, other documents held out."""
    tokens_per_shard: int = 2_000_000
    """Most tokens of a shard."""
    text_field: str = "text"
    """Field of JSON rows and datasets that holds the text."""
    encoding: str = "utf-8"
    """Encoding of the files."""
    undecodable: str = "error"
    """What to do with lines that are not valid in it: error or skip."""
    exclude: tuple[str, ...] = ()
    """Files whose texts are left out, such as those of test sets; on this machine."""
    quality: bool = False
    """Whether to leave out documents that break one of the rules."""
    rules: QualityRules = field(default_factory=QualityRules)
    near_duplicates: float | None = None
    """From which Jaccard similarity on (0.8, say) a document is left out as like an earlier one."""
    overwrite: bool = False
    """Whether to delete shards that are in the output already."""


def run(options: Options, flags: Sequence[str] = ()) -> dict[str, int]:
    """Writes the shards; returns what became of the documents.

    Args:
        options: what and how.
        flags: of Beam and its runner.
    """
    # Not at the top: `--help` answers without waiting for them.
    from keras_bert_kit.data.beam_builder import build_shards_with_beam
    from keras_bert_kit.data.excluded_texts import ExcludedTexts
    from keras_bert_kit.text.bytepair_vocabulary import BytePairVocabulary
    from keras_bert_kit.text.vocabulary import Vocabulary

    is_folder = Path(options.vocabulary).is_dir()
    reading = {
        "text_field": options.text_field,
        "encoding": options.encoding,
        "undecodable": options.undecodable,
    }
    outcome = build_shards_with_beam(
        options.data,
        options.output,
        (BytePairVocabulary if is_folder else Vocabulary).read(options.vocabulary),
        lowercase=options.lowercase,
        heldout_fraction=options.heldout,
        seed=options.seed,
        tokens_per_shard=options.tokens_per_shard,
        exclude=ExcludedTexts(options.exclude, **reading) if options.exclude else None,
        quality=options.rules if options.quality else None,
        near_duplicates=options.near_duplicates,
        overwrite=options.overwrite,
        flags=flags,
        **reading,
    )
    read = outcome["read"]
    print("| documents | number | share |\n| --- | ---: | ---: |")
    for fate, number in outcome.items():
        label = fate if fate in ("read", "kept") else f"left out: {fate}"
        print(f"| {label} | {number:,} | {number / read:.1%} |")
    print(f"\nThe shards: {options.output}")
    return outcome


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads the command line; returns the exit code, 1 for an error."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")  # nothing here needs a GPU
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    logging.getLogger("keras_bert_kit").setLevel(logging.INFO)
    logging.getLogger("apache_beam").setLevel(logging.WARNING)
    logging.getLogger("apache_beam.runners.common").setLevel(logging.CRITICAL)  # raised anyway
    for remote in ("dataflow", "portability.portable_runner"):  # where a job can be watched
        logging.getLogger(f"apache_beam.runners.{remote}").setLevel(logging.INFO)
    options, flags = tyro.cli(
        Options, args=arguments, description=__doc__, return_unknown_args=True
    )
    try:
        run(options, flags)
    except KeyboardInterrupt:
        print("Stopped. Nothing is complete: run it again with `--overwrite`.", file=sys.stderr)
        return 130
    except (ValueError, OSError, ImportError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
