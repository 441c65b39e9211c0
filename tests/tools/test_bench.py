import importlib
import json
import os
import subprocess
import sys

import pytest

from tools.bench.__main__ import NAMES, Options, main, run
from tools.bench.harness import ROOT, Case, Result, run_case, spread
from tools.bench.report import case_facts, markdown

# Each side writes its name down whenever it is its turn.
FAKE = """
import os
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
        "python": "3.11.7",
        "versions": {"numpy": "2.4"},
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
    assert spread([5.0, 1.0, 3.0]) == (3.0, 1.0, 5.0)
    assert spread([8.0, 1.0, 2.0, 7.0, 3.0, 6.0, 4.0, 5.0]) == (4.5, 3.0, 6.0)


def test_sides_take_turns_and_another_begins_each_round(fake):
    module, turns = fake
    kit, peer = take_turns(module, ("kit", "peer"), rounds=2, warm_up=1)
    assert turns.read_text().split() == ["kit", "peer", "peer", "kit", "kit", "peer"]
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


def test_the_first_side_is_compared_round_by_round():
    ours = Result("kit", seconds=[1.0, 10.0, 1.0], amounts=[8.0, 8.0, 8.0])
    theirs = Result("peer", seconds=[2.0, 20.0, 4.0], amounts=[8.0, 8.0, 8.0])
    case = Case("a case", {}, ("kit", "peer"))
    ours, theirs = case_facts(case, [ours, theirs], None)["sides"]
    assert ours["first_over_this"] == (1.0, 1.0, 1.0)
    assert theirs["first_over_this"] == (2.0, 2.0, 4.0)
    assert theirs["rate"] == 2.0  # the median; ours is 8, but theirs was less slowed down


def test_share_of_the_peak_is_rate_times_operations_over_peak():
    result = Result("kit", seconds=[2.0], amounts=[100.0])  # 50 units/s of 2e8 are 10 GFLOP/s
    case = Case("a case", {}, ("kit",), flops=2e8)
    assert case_facts(case, [result], 40.0)["sides"][0]["share_of_peak"] == 0.25
    assert "share_of_peak" not in case_facts(case, [result], None)["sides"][0]
    without = Case("a case", {}, ("kit",))
    assert "share_of_peak" not in case_facts(without, [result], 40.0)["sides"][0]


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


def test_a_run_is_reported_with_its_machine(fake, tmp_path, monkeypatch):
    module, _ = fake
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, f"tools.bench.{module}", importlib.import_module(module))
    options = Options(rounds=2, warm_up=0, cores=1, output=tmp_path)
    report = run(module, options)
    (case,) = report["cases"]
    assert case["case"] == "large"
    assert [side["side"] for side in case["sides"]] == ["kit", "peer", "absent"]
    assert len(case["sides"][0]["seconds"]) == 2
    assert report["machine"]["cores_used"] == 1
    assert len(table_of(report)) == 3
    json.dumps(report)


def test_only_the_sides_and_cases_asked_for_are_run(fake, tmp_path, monkeypatch):
    module, turns = fake
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, f"tools.bench.{module}", importlib.import_module(module))
    report = run(module, Options(smoke=True, sides=("peer",), cores=1, output=tmp_path))
    assert [side["side"] for side in report["cases"][0]["sides"]] == ["peer"]
    assert turns.read_text().split() == ["peer", "peer"]  # one turn of warming up, one that counts
    assert run(module, Options(cases="no such", output=tmp_path))["cases"] == []


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
    for name in NAMES:
        report = json.loads((tmp_path / f"{name}.json").read_text())
        assert report["cases"], name
        assert f"## {report['title']}" in (tmp_path / f"{name}.md").read_text()
