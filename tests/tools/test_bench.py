import importlib
import json
import os
import platform
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import pytest

from tools.bench.__main__ import NAMES, Options, main, run
from tools.bench.batch_turns import batch_turns
from tools.bench.harness import ROOT, Case, Result, SideProcess, run_case, spread
from tools.bench.report import case_facts, markdown

# Each side writes its name down whenever it is its turn.
FAKE = """
import os
import subprocess
import sys

from tools.bench.harness import Case

TITLE, UNIT = "A fake", "units/s"
SIDES = {}


def cases(smoke):
    return [Case("small" if smoke else "large", {"amount": 2}, ("kit", "peer", "absent"), 5e8)]


def side(function):
    SIDES[function.__name__] = function
    return function


def turn_of(name, settings):
    with open(os.environ["TURNS"], "a") as file:
        file.write(name + " ")
    return settings["amount"]


@side
def kit(settings):
    print("what a library prints")
    return lambda: {"amount": turn_of("kit", settings), "loss": 0.5}


@side
def peer(settings):
    return lambda: turn_of("peer", settings)


@side
def absent(settings):
    import a_library_that_is_not_there


@side
def dying(settings):
    def work():
        if open(os.environ["TURNS"]).read().count("dying"):
            print("a line before", file=sys.stderr)
            raise ValueError("no more of this")
        return turn_of("dying", settings)

    return work


@side
def starting(settings):
    child = subprocess.Popen(["sleep", "600"])
    return lambda: {"amount": 1, "pids": [os.getpid(), child.pid]}


@side
def threads(settings):
    names = ("OMP_NUM_THREADS", "RAYON_NUM_THREADS", "TOKENIZERS_PARALLELISM")
    return lambda: {"amount": 1, "threads": [os.environ[name] for name in names]}


@side
def leaving(settings):
    return lambda: os._exit(3)
"""


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """The name of a benchmark that needs no library, and the file with its turns."""
    (tmp_path / "fake_bench.py").write_text(FAKE)
    (tmp_path / "turns.txt").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("TURNS", str(tmp_path / "turns.txt"))
    return "fake_bench", tmp_path / "turns.txt"


@pytest.fixture
def fake_benchmark(fake, tmp_path, monkeypatch):
    """The same, where `run` finds it."""
    module, turns = fake
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, f"tools.bench.{module}", importlib.import_module(module))
    return module, turns


def take_turns(module, sides, rounds=1, warm_up=0):
    pythons = dict.fromkeys(sides, sys.executable)
    results = run_case(module, Case("a case", {"amount": 2}, sides), pythons, 1, rounds, warm_up)
    assert [result.side for result in results] == list(sides)
    return results


def report_of(*cases):
    machine = {
        "processor": "A processor",
        "cores_used": 1,
        "cores": 2,
        "memory_gigabytes": 8.0,
        "load_average": 0.25,
        "date": "2026-01-01T00:00:00+00:00",
        "commit": "abc",
        "versions": {"kit": {"Python": "3.11.7", "numpy": "2.4"}},
    }
    command = "python -m tools.bench fake"
    return {
        "title": "A fake",
        "unit": "units/s",
        "command": command,
        "machine": machine,
        "cases": cases,
    }


def table_of(report):
    return [line for line in markdown(report).splitlines() if line.startswith("|")][2:]


def test_rates_are_amounts_over_seconds():
    assert Result("kit", seconds=[2.0, 0.5], amounts=[10.0, 10.0]).rates() == [5.0, 20.0]


def test_spread_is_the_median_and_the_quartiles():
    assert spread([3.0]) == (3.0, 3.0, 3.0)
    assert spread([5.0, 1.0]) == (3.0, 2.0, 4.0)
    assert spread([5.0, 1.0, 3.0]) == (3.0, 2.0, 4.0)
    assert spread([7.0, 1.0, 2.0, 6.0, 3.0, 5.0, 4.0]) == (4.0, 2.5, 5.5)


def test_sides_take_turns_in_an_order_drawn_by_the_round(fake):
    module, turns = fake
    kit, peer = take_turns(module, ("kit", "peer"), rounds=2, warm_up=1)
    assert turns.read_text().split() == ["peer", "kit", "kit", "peer", "kit", "peer"]
    assert kit.amounts == peer.amounts == [2, 2]  # the turns for warming up do not count
    assert len(kit.seconds) == len(peer.seconds) == 2
    assert min(kit.seconds + peer.seconds) > 0


def test_facts_are_those_of_the_last_turn(fake):
    kit, peer = take_turns(fake[0], ("kit", "peer"))
    assert kit.facts["loss"] == 0.5
    assert set(kit.facts) - set(peer.facts) == {"loss"}
    assert "processor_seconds" in peer.facts


def test_a_library_that_is_not_installed_is_named_and_the_others_go_on(fake):
    absent, kit = take_turns(fake[0], ("absent", "kit"))
    assert absent.problem == "not installed: a_library_that_is_not_there"
    assert not absent.seconds
    assert not kit.problem
    assert kit.amounts == [2]


def test_a_side_that_fails_in_the_middle_says_why_and_the_others_go_on(fake):
    dying, kit = take_turns(fake[0], ("dying", "kit"), rounds=3)
    assert dying.problem == "ValueError: no more of this"
    assert dying.amounts == [2]
    assert kit.amounts == [2, 2, 2]


def test_a_side_that_ends_without_a_word_is_reported_by_its_code(fake):
    (leaving,) = take_turns(fake[0], ("leaving",))
    assert leaving.problem == "ended with code 3"


def test_a_side_and_what_it_has_started_are_stopped_between_turns_and_killed_in_the_end(fake):
    process = SideProcess(fake[0], "starting", {}, sys.executable, 1)
    assert process.answer() == {"ready": True}
    pids = process.turn()["pids"]
    wait_until(lambda: [state(pid) for pid in pids] == ["T", "T"])
    assert process.turn()["pids"] == pids
    process.close()
    wait_until(lambda: {state(pid) for pid in pids} <= {"", "Z"})


def wait_until(is_so):
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def state(pid):
    """A letter, as `ps` shows it; empty if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""


@pytest.mark.parametrize(("cores", "in_parallel"), [(1, "false"), (2, "true")])
def test_libraries_are_told_how_many_threads_they_may_have(fake, cores, in_parallel):
    process = SideProcess(fake[0], "threads", {}, sys.executable, cores)
    process.answer()
    assert process.turn()["threads"] == [str(cores), str(cores), in_parallel]
    process.close()


def test_batches_made_ahead_come_off_before_the_clock_starts():
    def slow_at_first():
        for number in count():
            time.sleep(0.2 if number < 2 else 0)
            yield number

    batches = slow_at_first()
    done = batch_turns(batches, 2, num_parallel=1, size=lambda batch: 10, amount=25)()
    assert done["amount"] == 30
    assert done["seconds"] < 0.2
    assert done["processor_seconds"] < 0.2
    assert next(batches) == 5  # two, then three that counted


def test_turns_end_with_the_last_of_the_batches_that_come_together():
    assert (
        batch_turns(count(), 0, num_parallel=2, size=lambda batch: 10, amount=25)()["amount"] == 40
    )


def test_the_first_side_is_compared_round_by_round():
    ours = Result("kit", seconds=[1.0, 10.0, 1.0], amounts=[8.0, 8.0, 8.0])
    theirs = Result("peer", seconds=[2.0, 20.0, 4.0], amounts=[8.0, 8.0, 8.0])
    case = Case("a case", {}, ("kit", "peer"))
    ours, theirs = case_facts(case, [ours, theirs], None)["sides"]
    assert ours["first_over_this"] == (1.0, 1.0, 1.0)
    assert theirs["first_over_this"] == (2.0, 2.0, 3.0)
    assert theirs["rate"] == 2.0  # the median; ours is 8, but theirs was less slowed down


def test_share_of_the_peak_is_rate_times_operations_over_peak():
    result = Result("kit", seconds=[2.0], amounts=[100.0])  # 50 units/s of 2e8 are 10 GFLOP/s
    case = Case("a case", {}, ("kit",), flops=2e8)
    assert case_facts(case, [result], 40.0)["sides"][0]["share_of_peak"] == 0.25
    assert "share_of_peak" not in case_facts(case, [result], None)["sides"][0]
    without = Case("a case", {}, ("kit",))
    assert "share_of_peak" not in case_facts(without, [result], 40.0)["sides"][0]


def differences_of(name, **values):
    results = [Result(side, [1.0], [1.0], {name: value}) for side, value in values.items()]
    return case_facts(Case("a case", {}, tuple(values)), results, None)["differences"]


def test_sides_that_computed_something_else_are_named():
    assert differences_of("ids", kit="ab", peer="ab") == []
    assert differences_of("ids", kit="ab", peer="cd") == ["`ids` differs: kit ab, peer cd"]
    assert differences_of("first_probability", kit=0.5, peer=0.500001) == []
    assert differences_of("first_probability", kit=0.5, peer=0.5001, kit_int8=0.6) == [
        "`first_probability` differs: kit 0.5, peer 0.5001"
    ]
    assert differences_of("first_probability", kit_int8=0.5, onnx_int8=0.6) == []
    report = report_of(
        {"case": "a case", "sides": [], "differences": ["`ids` differs: kit ab, peer cd"]}
    )
    assert "\n\n- a case: `ids` differs: kit ab, peer cd\n\nA processor" in markdown(report)


def test_a_side_that_took_no_turn_is_a_problem():
    facts = case_facts(Case("a case", {}, ("kit",)), [Result("kit")], None)
    assert facts["sides"] == [{"side": "kit", "problem": "no turn"}]


def test_markdown_has_a_row_for_each_side():
    kit = Result("kit", seconds=[1.0], amounts=[1234.0], facts={"peak_megabytes": 2048.0})
    peer = Result("peer", seconds=[2.0], amounts=[1234.0])
    absent = Result("absent", problem="not installed: a|b")
    case = Case("a case", {}, ("kit", "peer", "absent"), flops=1e6)
    report = report_of(case_facts(case, [kit, peer, absent], 10.0))
    assert table_of(report) == [
        "| a case | kit | 1,234 | 1,234 to 1,234 | 1.00 | 2,048 | 12% |",
        "|  | peer | 617 | 617 to 617 | 2.00 |  | 6% |",
        "|  | absent | not installed: a\\|b |  |  |  |  |",
    ]
    text = markdown(report)
    assert text.startswith("## A fake\n\n```shell\npython -m tools.bench fake\n```\n")
    assert "A processor, 1 of 2 cores, 8.0 GB; load 0.2 at the start;" in text
    assert text.endswith("commit abc; Python 3.11.7, numpy 2.4.\n")


def test_markdown_tells_versions_by_environment():
    report = report_of()
    report["machine"]["versions"]["peers"] = {"Python": "3.12.1", "torch": "2.13"}
    versions = "kit: Python 3.11.7, numpy 2.4; peers: Python 3.12.1, torch 2.13."
    assert markdown(report).endswith(f"commit abc; {versions}\n")


def test_a_run_is_reported_with_its_machine(fake_benchmark, tmp_path):
    module, _ = fake_benchmark
    peers = Path(sys.executable)
    report = run(module, Options(rounds=2, warm_up=0, cores=1, peers=peers, output=tmp_path))
    (case,) = report["cases"]
    assert case["case"] == "large"
    assert [side["side"] for side in case["sides"]] == ["kit", "peer", "absent"]
    assert len(case["sides"][0]["seconds"]) == 2
    assert report["machine"]["cores_used"] == 1
    assert report["smoke"] is False
    assert report["machine"]["versions"]["kit"]["Python"] == platform.python_version()
    assert set(report["machine"]["versions"]) == {"kit"}
    assert len(table_of(report)) == 3
    json.dumps(report)


def test_only_the_sides_and_cases_asked_for_are_run(fake_benchmark, tmp_path):
    module, turns = fake_benchmark
    report = run(module, Options(smoke=True, sides=("peer",), cores=1, output=tmp_path))
    assert [side["side"] for side in report["cases"][0]["sides"]] == ["peer"]
    assert turns.read_text().split() == ["peer"]  # a smoke run does not warm up
    assert run(module, Options(cases="no such", output=tmp_path))["cases"] == []


def test_the_peak_is_measured_whatever_cases_are_asked_for(tmp_path):
    options = Options(smoke=True, cases="tiny", sides=("kit_copy",), output=tmp_path)
    assert [case["case"] for case in run("machine", options)["cases"]] == ["copy"]


@pytest.mark.parametrize(
    ("smoke", "cores", "peaks"), [(False, 1, {"float32": 50.0}), (True, 1, {}), (False, 2, {})]
)
def test_the_peak_is_one_of_as_many_cores_and_of_no_smoke_run(
    fake_benchmark, tmp_path, capsys, smoke, cores, peaks
):
    module, _ = fake_benchmark
    measured = report_of({"settings": {"dtype": "float32"}, "sides": [{"rate": 50.0}]})
    (tmp_path / "machine.json").write_text(json.dumps(measured | {"smoke": smoke}))
    report = run(module, Options(smoke=True, sides=("peer",), cores=cores, output=tmp_path))
    assert report["peaks"] == peaks
    assert ("share_of_peak" in report["cases"][0]["sides"][0]) is bool(peaks)
    warning = f"`python -m tools.bench machine --cores {cores}` measures the peak."
    assert (warning in capsys.readouterr().err) is not bool(peaks)


def test_the_command_of_a_report_can_be_run_again(fake_benchmark, tmp_path, monkeypatch):
    module, _ = fake_benchmark
    monkeypatch.setattr(sys, "argv", ["__main__.py", module, "--cases", "no such"])
    report = run(module, Options(cases="no such", output=tmp_path))
    assert report["command"] == f"python -m tools.bench {module} --cases 'no such'"


def test_an_unknown_benchmark_is_named_beside_those_that_there_are(capsys):
    assert main(Options(names=("fast",))) == 2
    assert f"There is no benchmark fast. There are {', '.join(NAMES)}." in capsys.readouterr().out
    assert main(Options()) == 2
    assert "Which benchmark?" in capsys.readouterr().out


@pytest.mark.slow
def test_all_benchmarks_run_on_small_cases(tmp_path):
    command = [sys.executable, "-m", "tools.bench", "all", "--smoke", "--output", str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    measured = set()
    for name in NAMES:
        report = json.loads((tmp_path / f"{name}.json").read_text())
        sides = [side for case in report["cases"] for side in case["sides"]]
        assert any(side["side"].startswith("kit") for side in sides), name
        measured |= {side["side"] for side in sides if "problem" not in side}
        assert f"## {report['title']}" in (tmp_path / f"{name}.md").read_text()
    assert measured >= {"keras_hub", "onnx", "tokenizers", "transformers"}
