"""Shards that were made before, given in the place of the text to make them of."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keras_bert_kit.data.shards import MANIFEST, Shards
from keras_bert_kit.text.vocabulary import Vocabulary

logger = logging.getLogger(__name__)


def folder_of_shards(sources: str | Path | Sequence[str | Path]) -> Path | None:
    """The folder, where `sources` is one folder of shards and nothing else."""
    if not isinstance(sources, str | Path):
        if len(sources) != 1:
            return None
        (sources,) = sources
    folder = Path(sources).expanduser()
    return folder if (folder / "train" / MANIFEST).exists() else None


def take_shards(
    folder: Path, splits: Sequence[str], vocabulary: Vocabulary, settings: dict[str, Any]
) -> dict[str, Shards]:
    """Opens shards as they are, whatever they were made of and what was left out of it.

    Args:
        folder: where they are.
        splits: those that are needed.
        vocabulary: what their tokens must be ids of.
        settings: other settings that must have been the same; None stands for the usual value.

    Raises:
        FileNotFoundError: if a split is not there.
        ValueError: if they were made with another vocabulary or other settings.
    """
    shards = {split: Shards(folder / split) for split in splits}
    for one in shards.values():
        one.check_vocabulary(vocabulary)
        found = one.manifest["options"] | {"lowercase": one.manifest["lowercase"]}
        for name, value in settings.items():
            if found.get(name) != value:
                raise ValueError(
                    f"The shards in {folder} were made with `{name}` {found.get(name)!r}, and "
                    f"{value!r} is asked for. Ask for the former, or give the text itself."
                )
    logger.info("Took the shards in %s as they are.", folder)
    return shards
