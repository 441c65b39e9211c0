import json
import os
import signal
import sys
import time

import pytest

from tools.launch_workers import main

SHOW = "import os; print(os.environ['TF_CONFIG'])"
# Worker 1 fails, worker 0 would go on for a minute.
FAIL = """
import json, os, pathlib, sys, time
if json.loads(os.environ["TF_CONFIG"])["task"]["index"] == 1:
    while not pathlib.Path(sys.argv[1]).exists():
        time.sleep(0.01)
    sys.exit(3)
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
time.sleep(60)
"""


def launch(*arguments):
    return main([*arguments[:-2], sys.executable, "-c", *arguments[-2:]])


def test_each_worker_knows_all_and_its_own_number(capfd):
    assert main(["--workers", "3", sys.executable, "-c", SHOW]) == 0
    lines = capfd.readouterr().out.splitlines()
    configs = {line[1]: json.loads(line[4:]) for line in lines if "TF_CONFIG=" not in line}
    assert sorted(configs) == ["0", "1", "2"]
    assert [configs[number]["task"]["index"] for number in "012"] == [0, 1, 2]
    (addresses,) = {tuple(config["cluster"]["worker"]) for config in configs.values()}
    assert len(set(addresses)) == 3
    assert sum("TF_CONFIG='{" in line for line in lines) == 3  # to be copied


def test_when_one_fails_the_others_are_stopped(tmp_path):
    began = time.monotonic()
    assert launch("--workers", "2", FAIL, str(tmp_path / "file")) == 3
    assert time.monotonic() - began < 50
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "file").read_text()), 0)


def test_all_start_again_as_often_as_asked(tmp_path, capfd):
    assert launch("--workers", "2", "--restarts", "2", FAIL, str(tmp_path / "file")) == 3
    said = capfd.readouterr().out
    assert "A worker ended with 3: all start again (1 of 2)." in said
    assert said.count("TF_CONFIG=") == 6


def test_a_worker_that_was_killed_ends_as_in_a_shell():
    kill = f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})"
    assert main(["--workers", "1", sys.executable, "-c", kill]) == 128 + signal.SIGKILL


@pytest.mark.parametrize(
    "arguments", [[], ["--workers", "0", "true"], ["--restarts", "-1", "true"]]
)
def test_a_command_line_that_makes_no_sense_is_refused(arguments):
    with pytest.raises(SystemExit):
        main(arguments)
