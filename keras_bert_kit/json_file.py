"""JSON files that hold an object, such as `config.json`."""

import json
from pathlib import Path


def read_json(path: Path) -> dict:
    """The content of a JSON file that holds an object.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not JSON, or no object.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path.parent} has no {path.name}: give the folder of a model.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}.") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds a {type(content).__name__}, not an object.")
    return content
