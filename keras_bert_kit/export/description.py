"""What is in the folder of an export besides models: enough to use them without this package."""

from importlib.metadata import version
from pathlib import Path

from keras_bert_kit import __version__
from keras_bert_kit.bundle import Bundle
from keras_bert_kit.export.served_model import input_names
from keras_bert_kit.json_file import write_json
from keras_bert_kit.model_description import ModelDescription
from keras_bert_kit.text.tokenizer_files import tokenizer_options, write_vocabulary

DESCRIPTION, LABELS = "export.json", "labels.txt"
MADE_WITH = ("tensorflow", "tensorflow-text", "keras")


def describe(bundle: Bundle, folder: str | Path, **entries) -> None:
    """Writes `export.json`, the vocabulary and, if the model has any, `labels.txt`.

    `export.json` holds what the model is, how it reads texts, its labels, the SHA-256 of its
    vocabulary, and the versions that wrote it.

    Args:
        bundle: the model.
        folder: where to.
        **entries: what else is to be in `export.json`, as JSON types.

    Raises:
        OSError: if a file cannot be written.
    """
    folder = Path(folder)
    description = ModelDescription.of(bundle.model, bundle.labels)
    write_vocabulary(bundle.tokenizer.vocabulary, folder)
    if bundle.labels:
        text = "".join(f"{label}\n" for label in bundle.labels)
        (folder / LABELS).write_text(text, encoding="utf-8")
    write_json(
        folder / DESCRIPTION,
        {
            **entries,
            **description.as_dict(),
            "max_sequence_length": bundle.encoder.config["max_sequence_length"],
            "inputs": {
                "names": input_names(bundle.model),
                **(bundle.inputs.as_dict() if bundle.inputs else {}),
            },
            **bundle.answering,
            "tokenizer": tokenizer_options(bundle.tokenizer),
            "vocabulary_fingerprint": bundle.tokenizer.vocabulary.fingerprint,
            "versions": {"keras-bert-kit": __version__} | {n: version(n) for n in MADE_WITH},
        },
    )
