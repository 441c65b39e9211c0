"""The folder that a training leaves behind, and that everything later reads."""

import errno
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import keras

from keras_bert_kit.atomic_file import write_atomically
from keras_bert_kit.json_file import read_json, write_json
from keras_bert_kit.text.tokenizer_files import AnyVocabulary, read_vocabulary, write_vocabulary

CONFIG, WEIGHTS = "config.json", "model.weights.h5"


@dataclass(frozen=True)
class RunFolder:
    """Where a run keeps its files.

    - `config.json`: the options of the run, and what is needed to build its model again.
    - `vocab.txt`, or `vocab.json` and `merges.txt`: the vocabulary, WordPiece or byte-level BPE.
    - `model.weights.h5`: the trained weights; there only once training has ended.
    - `checkpoints/`: where the run goes on from; `shards/`: its tokenised text.
    - `metrics.jsonl`, `logs/`: what was measured on the way, for programs and for TensorBoard.
    - `card.md`, `curve.png`: what a reader wants to know.

    Args:
        path: the folder.
    """

    path: Path

    @classmethod
    def open(
        cls, path: str | Path, recipe: str, options: dict, usual: dict | None = None
    ) -> "RunFolder":
        """Makes the folder of a run, or takes up the one that an earlier start of it made.

        A start that ended before it made anything, as options were mistaken, is no run yet.

        Args:
            path: the folder.
            recipe: name of the recipe.
            options: what the run's result depends on, as JSON types.
            usual: what they are by default, which a start of an earlier version did where it had
                no such option.

        Raises:
            ValueError: if the folder is of another recipe, or of a run with other options; the
                message lists them.
            OSError: if it cannot be written.
        """
        folder = cls(Path(path))
        options, usual = (json.loads(json.dumps(some)) for some in (options, usual or {}))
        if not folder.config_file.exists():
            folder.path.mkdir(parents=True, exist_ok=True)
            folder.write_config(recipe=recipe, options=options)
            return folder
        begun = folder.read_config()
        if "recipe" not in begun:
            raise ValueError(
                f"{folder.path} holds a model that no training here has made. Give this run "
                "another `--name`, or remove that folder."
            )
        then, now = flat(usual) | flat(begun["options"]), flat(options)
        # Only what matters now: an earlier version may have kept more.
        differences = [
            f"{name}: {then.get(name)!r} then, {now[name]!r} now"
            for name in sorted(now)
            if then.get(name) != now[name]
        ]
        is_another = begun["recipe"] != recipe or differences
        if is_another and not folder.has_begun:
            write_json(folder.config_file, {"recipe": recipe, "options": options})
        elif begun["recipe"] != recipe:
            raise ValueError(
                f"{folder.path} holds another run, of `recipes.{begun['recipe']}`. Give this one "
                "another `--name`, or remove that folder."
            )
        elif differences:
            raise ValueError(
                f"{folder.path} holds a run with other options ({'; '.join(differences)}). To go "
                "on, give those it had; to begin anew, give another `--name` or remove that folder."
            )
        return folder

    @property
    def config_file(self) -> Path:
        """`config.json`."""
        return self.path / CONFIG

    @property
    def weights_file(self) -> Path:
        """`model.weights.h5`."""
        return self.path / WEIGHTS

    @property
    def metrics_file(self) -> Path:
        """`metrics.jsonl`."""
        return self.path / "metrics.jsonl"

    @property
    def has_begun(self) -> bool:
        """Whether any start of the run made more than `config.json`."""
        return any(path.is_file() and path != self.config_file for path in self.path.rglob("*"))

    def read_config(self) -> dict:
        """The contents of `config.json`.

        Raises:
            FileNotFoundError: if there is none.
            ValueError: if it is not JSON.
        """
        return read_json(self.config_file)

    def write_config(self, **entries) -> None:
        """Adds entries to `config.json`, whole or not at all."""
        config = self.read_config() if self.config_file.exists() else {}
        write_json(self.config_file, config | entries)

    def keep_entry(self, name: str, value: object, what: str) -> None:
        """Writes an entry of `config.json`, or checks that it is the one that the run began with.

        Raises:
            ValueError: if it is another.
        """
        begun = self.read_config().get(name, value)
        if begun != value:
            raise ValueError(
                f"The run in {self.path} began with other data: {what} have changed. Give this one "
                "another `--name`, or remove that folder."
            )
        self.write_config(**{name: value})

    def read_vocabulary(self) -> AnyVocabulary | None:
        """The vocabulary; none if the run has not got one yet.

        Raises:
            ValueError: if its files cannot be read.
        """
        if not any((self.path / name).exists() for name in ("vocab.txt", "vocab.json")):
            return None
        return read_vocabulary(self.path)

    def keep_vocabulary(self, vocabulary: AnyVocabulary) -> None:
        """Writes the vocabulary, or checks that it is the one that the run began with.

        Raises:
            ValueError: if it is another.
        """
        kept = self.read_vocabulary()
        if kept is None:
            write_vocabulary(vocabulary, self.path)
            self.write_config(vocabulary_fingerprint=vocabulary.fingerprint)
        elif kept.fingerprint != vocabulary.fingerprint:
            raise ValueError(
                f"The run in {self.path} began with another vocabulary than the one given now. "
                "Leave `--vocabulary` out to go on, or give this run another `--name`."
            )

    def write_text(self, name: str, text: str) -> None:
        """Writes a text file, whole or not at all."""
        write_atomically(self.path / name, lambda file: file.write(text.encode()))

    def write_weights(self, model: keras.Model) -> None:
        """Writes the weights, without the optimizer's moments, whole or not at all."""
        # `save_weights` of a compiled model would write those too, twice the size of the weights.
        copy = type(model).from_config(model.get_config())
        copy.set_weights(model.get_weights())
        partial = self.path / "partial.weights.h5"
        try:
            # HDF5 does not survive a full disk: the process would end with a segmentation fault.
            size = 1_000_000 + sum(value.nbytes for value in copy.get_weights())
            if shutil.disk_usage(self.path).free < size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            copy.save_weights(partial)
            partial.replace(self.weights_file)
        except OSError as error:
            reason = error.strerror or str(error).splitlines()[0]
            raise OSError(
                f"Could not write {self.weights_file}: {reason}. Make room, or choose a folder "
                "that can be written to."
            ) from error
        finally:
            partial.unlink(missing_ok=True)


def flat(options: dict) -> dict:
    """Options by name, those of groups such as `files` among the others, as one types them."""
    found = {}
    for name, value in options.items():
        found |= flat(value) if isinstance(value, dict) else {name: value}
    return found
