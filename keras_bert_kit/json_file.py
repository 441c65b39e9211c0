"""JSON files that hold an object, such as `config.json`."""

import json
from pathlib import Path

from keras_bert_kit.atomic_file import write_atomically


def read_json(path: Path) -> dict:
    """The content of a JSON file that holds an object.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not JSON, or no object.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path.parent} has no {path.name}: give the folder of a model.")
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}.") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds a {type(content).__name__}, not an object.")
    return content


def write_json(path: Path, content: dict) -> None:
    """Writes an object as JSON, indented, whole or not at all.

    Raises:
        OSError: if it cannot be written.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))
