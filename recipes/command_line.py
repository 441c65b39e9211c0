"""The command line of a recipe: options from a dataclass, one clear line for a user's mistake."""

import dataclasses
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import tyro

INTERRUPTED = 130  # what shells expect after Ctrl-C
TRACEBACK = "KERAS_BERT_KIT_TRACEBACK"
WORKER_GONE = "Collective ops is aborted"  # what TensorFlow says to those that are left


def main(
    options_type: type,
    run: Callable,
    description: str,
    arguments: Sequence[str] | None = None,
) -> int:
    """Reads the options, runs the recipe, and turns what goes wrong into a line and an exit code.

    Args:
        options_type: a dataclass; its docstrings are the help texts.
        run: the recipe; takes an instance of `options_type`.
        description: what `--help` says first.
        arguments: the command line without the program's name; by default the real one.

    Returns:
        The exit code: 0, 1 for an error, 130 after Ctrl-C.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("keras_bert_kit").setLevel(logging.INFO)
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        default, arguments = _take_config(options_type, arguments)
        options = tyro.cli(options_type, args=arguments, default=default, description=description)
        _start_tensorflow(has_strategy=hasattr(options, "strategy"))
        run(options)
    except KeyboardInterrupt:
        print("Stopped. Run the same command again to go on.", file=sys.stderr)
        return INTERRUPTED
    except (ValueError, OSError, ImportError) as error:
        if os.environ.get(TRACEBACK) or not _is_for_the_user(error):
            traceback.print_exc()
        else:
            print(f"Error: {error}", file=sys.stderr)
        return 1
    except Exception as error:
        if os.environ.get(TRACEBACK) or WORKER_GONE not in str(error):
            raise
        print(
            "Error: another worker of this training has ended. Start all of them again to go on at "
            "the last checkpoint.",
            file=sys.stderr,
        )
        return 1
    return 0


def _start_tensorflow(has_strategy: bool) -> None:
    """Lets TensorFlow say what it says at its start to nobody, and not before every result."""
    from keras_bert_kit.quiet import standard_error_closed

    with standard_error_closed():
        import tensorflow as tf
        import tensorflow_text  # noqa: F401 (it registers its kernels)

        if not has_strategy:  # which settles first what devices there are
            tf.config.list_logical_devices()


def _is_for_the_user(error: Exception) -> bool:
    """Whether the message is ours, or the system's: other errors are bugs and show where."""
    raised_in = Path(traceback.extract_tb(error.__traceback__)[-1].filename)
    return isinstance(error, OSError) or bool({"keras_bert_kit", "recipes"} & set(raised_in.parts))


def _split(argument: str) -> list[str]:
    return argument.split("=", 1) if argument.startswith("--config=") else [argument]


def _take_config(options_type: type, arguments: list[str]) -> tuple[object | None, list[str]]:
    """Takes `--config FILE` off the arguments; the options in that file become the defaults.

    The vocabulary is the one beside the file: learning it again may give another (see
    `learn_vocabulary`).
    """
    arguments = [part for a in arguments for part in _split(a)]
    if "--config" not in arguments:
        return None, arguments
    at = arguments.index("--config")
    if at + 1 == len(arguments):
        raise ValueError("`--config` needs the `config.json` of a run behind it.")
    path = Path(arguments[at + 1])
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))["options"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not the `config.json` of a run ({error}).") from error
    fields = {field.name for field in dataclasses.fields(options_type)}
    groups = {
        field.name: field.default_factory
        for field in dataclasses.fields(options_type)
        if dataclasses.is_dataclass(field.default_factory)
    }
    unknown = sorted(set(saved) - fields)
    for name in set(groups) & set(saved):
        known = {field.name for field in dataclasses.fields(groups[name])}
        unknown += sorted(set(saved[name]) - known)
    if unknown:
        raise ValueError(
            f"{path} has options that this recipe does not know: {', '.join(unknown)}."
        )
    saved = {key: _as_option(value, groups.get(key)) for key, value in saved.items()}
    if "vocabulary" in fields and (path.parent / "vocab.txt").exists():
        saved["vocabulary"] = str(path.parent / "vocab.txt")
    elif "vocabulary" in fields and (path.parent / "vocab.json").exists():
        saved["vocabulary"] = str(path.parent)
    return options_type(**saved), arguments[:at] + arguments[at + 2 :]


def _as_option(value: object, group: type | None) -> object:
    """An option from JSON: lists are tuples, the options of a group are of its class."""
    if group is not None:
        return group(**{name: _as_option(part, None) for name, part in value.items()})
    return tuple(value) if isinstance(value, list) else value
