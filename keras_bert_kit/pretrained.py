"""From any source to a model and its tokenizer, and from these to any format."""

import logging
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import h5py
import keras

from keras_bert_kit.convert import google, hugging_face, keras_hub
from keras_bert_kit.convert.hub import local_folder
from keras_bert_kit.convert.hugging_face_config import Request, read_description, write_config
from keras_bert_kit.convert.variables import IDENTITY, Variables
from keras_bert_kit.convert.weights import build_unfilled, load_weights
from keras_bert_kit.json_file import read_json, write_json
from keras_bert_kit.keras_hub_models import keras_hub_models
from keras_bert_kit.model_description import ModelDescription
from keras_bert_kit.run_folder import CONFIG, WEIGHTS, RunFolder
from keras_bert_kit.text.keras_hub_tokenizer import (
    read_keras_hub_tokenizer,
    write_keras_hub_tokenizer,
)
from keras_bert_kit.text.tokenizer_files import (
    AnyTokenizer,
    make_tokenizer,
    read_tokenizer,
    read_vocabulary,
    tokenizer_options,
    write_tokenizer,
    write_vocabulary,
)

OURS, HUGGING_FACE, KERAS_HUB, TENSORFLOW1 = FORMATS = (
    *("keras_bert_kit", "hugging_face", "keras_hub", "tensorflow1"),
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """Where a model lies, and in which format.

    Attributes:
        format: one of `FORMATS`.
        place: its folder, a checkpoint of TensorFlow 1 (without the ends of its files' names), or
            the name of a KerasHub preset.
    """

    format: str
    place: Path | str


class Pretrained(NamedTuple):
    """A model, its tokenizer if it was asked for, and its description."""

    model: keras.Model
    tokenizer: AnyTokenizer | None
    description: ModelDescription


def find(
    source: str | Path,
    *,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    offline: bool = False,
    token: str | None = None,
) -> Source:
    """Finds out where a model lies and in which format, and downloads it if need be.

    Args:
        source: a folder of this package, of Hugging Face, of KerasHub or of Google's release, its
            `config.json`, or the name of a TensorFlow 1 checkpoint; an id of the Hugging Face Hub;
            or a preset of KerasHub: its name, `kaggle://...` or `hf://...`.
        revision: branch, tag or commit of a Hub id.
        cache_dir: where downloads from the Hub are kept; by default where Transformers has them.
        offline: whether to take what is in that cache and ask nobody.
        token: access token for private models of the Hub.

    Raises:
        FileNotFoundError: if there is no such folder or Hub id, or no model in it.
        OSError: if it cannot be downloaded.
        ValueError: if the format of the folder cannot be told.
    """
    if re.match(r"(kaggle|hf|modelscope|gs)://", str(source)) or _is_preset_name(str(source)):
        return Source(KERAS_HUB, str(source))
    path = Path(source).expanduser()
    checkpoint = path.with_suffix("") if path.suffix == ".index" else path
    if not path.is_dir() and Path(f"{checkpoint}.index").is_file():
        return Source(TENSORFLOW1, checkpoint)
    if path.is_file():
        if path.name not in (CONFIG, google.CONFIG):
            raise ValueError(
                f"{source} is a file of a model: give its folder, {path.parent}, which says what "
                "the model is."
            )
        source = path = path.parent
    folder = local_folder(
        path if path.is_dir() else source,
        revision=revision,
        cache_dir=cache_dir,
        offline=offline,
        token=token,
    )
    if (folder / google.CONFIG).exists() and not (folder / CONFIG).exists():
        return Source(TENSORFLOW1, folder)
    if not (folder / CONFIG).exists():
        raise FileNotFoundError(
            f"{folder} holds no model: it has neither {CONFIG} nor {google.CONFIG}. Train one with "
            "`python -m recipes.pretrain`, or give the folder of another one."
        )
    config = read_json(folder / CONFIG)
    if "recipe" in config or isinstance(config.get("encoder"), dict):
        return Source(OURS, folder)
    if "keras_hub" in str(config.get("module")) or "registered_name" in config:
        return Source(KERAS_HUB, folder if path.is_dir() else f"hf://{source}")
    return Source(HUGGING_FACE, folder)


def load(
    source: Source | str | Path,
    task: str | None = None,
    *,
    labels: Sequence[str] | None = None,
    initialize: Collection[str] = (),
    ignore: Collection[str] = (),
    dtype: str | keras.DTypePolicy | None = None,
    lowercase: bool | None = None,
    with_tokenizer: bool = True,
) -> Pretrained:
    """Loads a model, and its tokenizer, from wherever it is.

    Args:
        source: what `find` takes or gives.
        task: `"encoder"`, `"pretraining"`, `"classification"`, `"tagging"` or `"span"`; by default
            what the model is.
        labels: names of the classes of a classifier or tagger; by default those of the source.
        initialize: beginnings of paths of weights that may keep first values where the source has
            none or none of this shape, such as `["classifier"]` for a new head.
        ignore: beginnings of names of weights in the source that may be left over.
        dtype: dtype policy of the model.
        lowercase: whether the tokenizer lower-cases, where the source does not say.
        with_tokenizer: whether to load the tokenizer too.

    Raises:
        FileNotFoundError: if something is missing.
        OSError: if it cannot be read or downloaded.
        ValueError: if the source is broken, or not the model that is asked for: the message lists
            which weights are missing, left over or of another shape.
    """
    if not isinstance(source, Source):
        source = find(source)
    initialize, ignore = _listed("initialize", initialize), _listed("ignore", ignore)
    request = Request(task, _listed("labels", labels or ()) or None, initialize)
    read_model = {
        OURS: _read_ours,
        HUGGING_FACE: hugging_face.read_model,
        KERAS_HUB: keras_hub.read_model,
        TENSORFLOW1: google.read_model,
    }[source.format]
    tokenizer = load_tokenizer(source, lowercase) if with_tokenizer else None
    model, description = read_model(source.place, request, ignore, dtype)
    size = description.encoder.vocabulary_size
    if tokenizer is not None and len(tokenizer.vocabulary) > size:
        raise ValueError(
            f"The vocabulary in {source.place} has {len(tokenizer.vocabulary):,} tokens, but the "
            f"model was built for {size:,}. Restore the vocabulary that it was trained with."
        )
    return Pretrained(model, tokenizer, description)


def load_tokenizer(source: Source | str | Path, lowercase: bool | None = None) -> AnyTokenizer:
    """Loads the tokenizer of a model; see `load`."""
    if not isinstance(source, Source):
        source = find(source)
    if source.format == KERAS_HUB:
        return read_keras_hub_tokenizer(source.place)
    if source.format == OURS:
        config = RunFolder(source.place).read_config()
        vocabulary = read_vocabulary(source.place)
        fingerprint = config.get("vocabulary_fingerprint", vocabulary.fingerprint)
        if fingerprint != vocabulary.fingerprint:
            raise ValueError(
                f"The vocabulary in {source.place} is not the one that the model was trained with: "
                "its tokens or their order have changed. Restore it."
            )
        return make_tokenizer(vocabulary, config.get("tokenizer", {}))
    place = source.place if source.place.is_dir() else source.place.parent
    return read_tokenizer(place, lowercase)


def save(
    model: keras.Model,
    tokenizer: AnyTokenizer,
    folder: str | Path,
    file_format: str = OURS,
    *,
    labels: Sequence[str] | None = None,
    leave_out: Collection[str] = (),
) -> None:
    """Saves a model and its tokenizer.

    Args:
        model: an `Encoder` or the model of a task.
        tokenizer: its tokenizer.
        folder: where to write; it is made if need be.
        file_format: one of `FORMATS`.
        labels: names of the classes of a classifier or tagger.
        leave_out: beginnings of paths of weights that may be lost where the format has no place
            for them, such as `["next_sentence"]`.

    Raises:
        ValueError: if there is no such format, or it has no such model, or no place for a weight.
        OSError: if a file cannot be written.
    """
    if file_format not in FORMATS:
        raise ValueError(
            f"The format must be one of {', '.join(FORMATS)}; received {file_format!r}."
        )
    folder, leave_out = Path(folder).expanduser(), _listed("leave_out", leave_out)
    labels = _listed("labels", labels or ()) or None
    description, vocabulary = ModelDescription.of(model, labels), tokenizer.vocabulary
    if len(vocabulary) > description.encoder.vocabulary_size:
        raise ValueError(
            f"The tokenizer has {len(vocabulary):,} tokens, but the model only "
            f"{description.encoder.vocabulary_size:,}: they do not belong together."
        )
    if description.head.get("pooling") == "mean" and file_format != OURS:
        raise ValueError(
            f"{file_format} has no classifier of the mean over tokens, only of the first one: "
            "fine-tune with `pooling='first'` for it, or save in this package's own format."
        )
    if labels and file_format in (KERAS_HUB, TENSORFLOW1):
        logger.warning("Not kept, as %s has no place for them: the labels.", file_format)
    _refuse_to_mix(folder, file_format)
    # What cannot be written is found out before anything that is there is touched.
    if file_format == HUGGING_FACE:
        special_ids = {"pad_token_id": vocabulary.pad_id}
        if description.family == "roberta":
            special_ids |= {"bos_token_id": vocabulary.cls_id, "eos_token_id": vocabulary.sep_id}
        checked = hugging_face.check_model(model, labels, special_ids, leave_out)
    elif file_format == KERAS_HUB:
        hub_model = keras_hub.to_keras_hub(model, leave_out)
    elif file_format == TENSORFLOW1:
        checked = google.check_model(model, leave_out)
    # Without its configuration a folder is no model: what is cut off is not taken for a whole one.
    for name in (CONFIG, google.CONFIG):
        (folder / name).unlink(missing_ok=True)
    if file_format == OURS:
        run = RunFolder(folder)
        write_vocabulary(vocabulary, folder)
        run.write_weights(model)
        run.write_config(
            **description.as_dict(),
            tokenizer=tokenizer_options(tokenizer),
            vocabulary_fingerprint=vocabulary.fingerprint,
        )
    elif file_format == HUGGING_FACE:
        longest = description.encoder.max_sequence_length
        write_tokenizer(tokenizer, folder, description.family, longest)
        hugging_face.write_model(model, folder, checked=checked)
    elif file_format == KERAS_HUB:
        write_keras_hub_tokenizer(tokenizer, folder, description.family)
        keras_hub.save_preset(hub_model, folder)
    else:
        write_vocabulary(vocabulary, folder)
        options = tokenizer_options(tokenizer)
        rules = {
            "do_lower_case": options.get("lowercase"),
            "strip_accents": options.get("strip_accents"),
        }
        write_json(folder / "tokenizer_config.json", rules)
        google.write_model(model, folder, checked=checked)


def _refuse_to_mix(folder: Path, file_format: str) -> None:
    """Refuses to write over a run, or a model in another format: they share names of files."""
    if not any((folder / name).exists() for name in (CONFIG, google.CONFIG)):
        return
    found = find(folder)
    if found.format != file_format:
        raise ValueError(
            f"{folder} holds a model in the format {found.format}: choose another folder for "
            f"{file_format}, or remove that one."
        )
    if found.format == OURS and "recipe" in RunFolder(folder).read_config():
        raise ValueError(f"{folder} holds a run with its card and curve: choose another folder.")


def _listed(argument: str, values: Collection[str]) -> tuple[str, ...]:
    """The strings of an argument that takes several."""
    if isinstance(values, str):
        raise TypeError(f"`{argument}` must be a list of strings; received {values!r} alone.")
    return tuple(values)


def _read_ours(
    folder: Path, request: Request, ignore: Collection[str], dtype
) -> tuple[keras.Model, ModelDescription]:
    """Reads a run folder, perhaps with another head on its encoder."""
    run = RunFolder(folder)
    if not run.weights_file.exists():
        raise FileNotFoundError(
            f"{folder} holds no trained model: {WEIGHTS} is missing. Let its training end, or give "
            "the folder of another one."
        )
    description = ModelDescription.from_dict(run.read_config())
    model = build_unfilled(description, dtype)
    try:
        stored = _count_arrays(run.weights_file)
        model.load_weights(run.weights_file)
    except (ValueError, OSError, KeyError) as error:
        raise ValueError(f"{run.weights_file} is broken or of another model: {error}") from error
    if stored != len(model.weights):  # Keras reads what it finds a place for, and no more
        raise ValueError(
            f"{run.weights_file} holds {stored} weights, but the model that {CONFIG} describes has "
            f"{len(model.weights)}: the two are not of the same model."
        )
    if request.task in (None, description.task) and request.labels in (None, description.labels):
        return model, description
    # What a head is made of is the same as in Transformers; the encoder stays as it is.
    alike = ModelDescription(description.encoder).with_encoder(layer_norm_epsilon=1e-12)
    asked_for = read_description(
        write_config(alike, {}) | {"architectures": None},
        str(folder),
        lambda part: part in description.parts,
        replace(request, task=request.task or description.task),
        lambda: description.encoder.num_segments > 0,
    ).with_encoder(layer_norm_epsilon=description.encoder.layer_norm_epsilon)
    weights = Variables(model, let_go=True)
    other = build_unfilled(asked_for, dtype)
    load_weights(
        other,
        weights,
        {name: (name,) for name in (weight.path for weight in other.weights)},
        IDENTITY,
        str(folder),
        initialize=request.initialize,
        ignore=ignore,
        others=[n for n in weights.names() if n.split("/")[0] in description.parts],
    )
    return other, asked_for


def _count_arrays(file: Path) -> int:
    """How many weights a Keras file of weights holds."""
    count = 0

    def look_at(name: str, item: object) -> None:
        nonlocal count
        count += isinstance(item, h5py.Dataset) and "seed_generator" not in name

    with h5py.File(file) as content:
        content.visititems(look_at)
    return count


def _is_preset_name(source: str) -> bool:
    """Whether `source` is a name that KerasHub knows; asks it only for what may be one."""
    if not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)+", source) or Path(source).exists():
        return False
    try:
        models = keras_hub_models()
    except ImportError:
        return False
    return any(source in getattr(models, name).presets for name in keras_hub.BACKBONES)
