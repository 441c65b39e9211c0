"""Files of tiny models for the clients in `examples/`."""

from pathlib import Path

from tiny_bundles import tiny_bundle

from keras_bert_kit.data.inputs import InputOptions
from keras_bert_kit.export.lite_conversion import convert
from keras_bert_kit.export.metadata import pack
from keras_bert_kit.text.tokenizer_files import tokenizer_options

LENGTH = 16


def exported(folder: Path, task: str, length: int = LENGTH, **about) -> Path:
    """A tiny model of a task as a file, as `export_lite` packs it."""
    bundle = tiny_bundle(task, InputOptions(length), positions=max(18, length))
    path = folder / f"{task}.tflite"
    facts = {
        "model": type(bundle.model).__name__,
        "problem": getattr(bundle.model, "arguments", {}).get("problem"),
        "sequence_length": length,
        "tokenizer": {
            "kind": type(bundle.tokenizer).__name__,
            **tokenizer_options(bundle.tokenizer),
        },
    }
    content = pack(
        convert(bundle, "float32", length),
        name=task,
        description="A tiny model.",
        tokenizer=bundle.tokenizer,
        labels=bundle.labels,
        about=facts | about,
    )
    path.write_bytes(content)
    return path
