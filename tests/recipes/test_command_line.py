"""Tests of what a user's mistake, Ctrl-C and a bug look like on the command line."""

import json
from dataclasses import dataclass, field

import pytest

from keras_bert_kit.text.vocabulary import Vocabulary
from recipes.command_line import main


@dataclass(frozen=True)
class Options:
    """Options of a recipe."""

    steps: int = 3
    """How many steps."""
    data: tuple[str, ...] = ()
    """What to read."""


def call(run, *arguments):
    return main(Options, run, "Does something.", list(arguments))


def raising(error):
    def run(options):
        raise error

    return run


def test_options_arrive():
    received = []
    assert call(received.append, "--steps", "5", "--data", "a", "b") == 0
    assert received == [Options(5, ("a", "b"))]


def test_config_gives_the_defaults_and_options_go_before(tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"options": {"steps": 7, "data": ["x", "y"]}}))
    received = []
    call(received.append, "--config", str(config))
    call(received.append, "--data", "z", f"--config={config}")
    assert received == [Options(7, ("x", "y")), Options(7, ("z",))]


@dataclass(frozen=True)
class Group:
    """Options that belong together."""

    rate: float = 0.1


@dataclass(frozen=True)
class GroupedOptions:
    """Options with a group among them."""

    steps: int = 3
    group: Group = field(default_factory=Group)


def test_config_gives_the_options_of_a_group_too(tmp_path):
    config = tmp_path / "config.json"
    options = {"steps": 7, "group": {"rate": 0.5}}
    config.write_text(json.dumps({"options": options}))
    received = []
    assert main(GroupedOptions, received.append, "", ["--config", str(config)]) == 0
    assert received[0].group.rate == 0.5


def test_an_option_that_a_group_has_no_more_is_named(tmp_path, capsys):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"options": {"group": {"speed": 1}}}))
    assert main(GroupedOptions, print, "", ["--config", str(config)]) == 1
    assert "has options that this recipe does not know: speed" in capsys.readouterr().err


def test_a_mistake_of_the_user_is_one_line(capsys):
    assert call(lambda options: Vocabulary([])) == 1
    error = capsys.readouterr().err
    assert error.startswith("Error: The vocabulary lacks the special token(s) [PAD]")
    assert error.count("\n") == 1


def test_what_the_system_refuses_is_one_line(capsys):
    assert call(raising(OSError(28, "No space left on device", "model"))) == 1
    assert capsys.readouterr().err == "Error: [Errno 28] No space left on device: 'model'\n"


def test_a_bug_shows_where_it_is(capsys):
    assert call(lambda options: json.loads("x")) == 1  # raised in another package: not our message
    error = capsys.readouterr().err
    assert "Traceback" in error
    assert "Expecting value" in error


def test_a_traceback_on_request(capsys, monkeypatch):
    monkeypatch.setenv("KERAS_BERT_KIT_TRACEBACK", "1")
    assert call(lambda options: Vocabulary([])) == 1
    assert "Traceback" in capsys.readouterr().err


def test_another_worker_that_is_gone_is_one_line_and_other_errors_are_raised(capsys):
    gone = "Graph execution error: Collective ops is aborted by: Error reported from task:1"
    assert call(raising(RuntimeError(gone))) == 1
    assert capsys.readouterr().err.startswith("Error: another worker of this training has ended.")
    with pytest.raises(RuntimeError, match="something else"):
        call(raising(RuntimeError("something else")))


def test_interruption_says_how_to_go_on(capsys):
    assert call(raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == "Stopped. Run the same command again to go on.\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "is not the `config.json` of a run"),
        ("[]", "is not the `config.json` of a run"),
        ("{", "is not the `config.json` of a run"),
        ('{"options": {"speed": 1}}', "has options that this recipe does not know: speed"),
    ],
)
def test_a_wrong_config_is_named(tmp_path, capsys, content, message):
    path = tmp_path / "config.json"
    path.write_text(content)
    assert call(print, "--config", str(path)) == 1
    assert message in capsys.readouterr().err


def test_config_without_a_file(capsys):
    assert call(print, "--config") == 1
    assert "`--config` needs the `config.json` of a run behind it" in capsys.readouterr().err


def test_a_misspelt_option_is_refused(capsys):
    with pytest.raises(SystemExit) as exit_info:
        call(print, "--setps", "5")
    assert exit_info.value.code == 2
    assert "--setps" in capsys.readouterr().err
