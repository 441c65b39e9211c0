"""`python -m tools.bench`: see the package's docstring."""

import importlib
import json
import shlex
import subprocess
import sys
import venv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from tools.bench import machine
from tools.bench.harness import ROOT, python_of, run_case
from tools.bench.report import case_facts, markdown

NAMES = (
    "machine",
    "pretraining",
    "inference",
    "finetuning",
    "tokenizing",
    "pipeline",
    "startup",
)
PEERS = ROOT / ".peers" / "bin" / "python"


@dataclass(frozen=True)
class Options:
    """What to measure, and how long."""

    names: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Benchmarks, or `all`."""
    cases: str = ""
    """Only the cases whose names hold this, but all of `machine`, which measures the peak."""
    sides: tuple[str, ...] = ()
    """Only these sides."""
    cores: int = 2
    """How many cores each side may use."""
    rounds: int = 7
    """Turns of each side that count."""
    warm_up: int = 2
    """Turns before them."""
    smoke: bool = False
    """Small cases, one turn: whether it all still runs."""
    peers: Path | None = None
    """The Python interpreter with the other libraries; by default that of `--install-peers`, and
    this one where there is none."""
    install_peers: bool = False
    """Make an environment for the other libraries, in `.peers/`."""
    output: Path = Path("bench-results")
    """The folder of the JSON and Markdown files."""


def main(options: Options) -> int:
    """Prints a Markdown table for each benchmark; 1 if a side of the kit failed."""
    if options.install_peers:
        install_peers()
    names = NAMES if options.names == ("all",) else options.names
    if unknown := set(names) - set(NAMES):
        print(f"There is no benchmark {', '.join(sorted(unknown))}. There are {', '.join(NAMES)}.")
        return 2
    if not names and not options.install_peers:
        print(f"Which benchmark? There are {', '.join(NAMES)}; `all` runs them all.")
        return 2
    has_failed = False
    for name in names:
        report = run(name, options)
        options.output.mkdir(parents=True, exist_ok=True)
        (options.output / f"{name}.json").write_text(json.dumps(report, indent=1) + "\n")
        text = markdown(report)
        (options.output / f"{name}.md").write_text(text)
        print(text, flush=True)
        ours = [s for case in report["cases"] for s in case["sides"] if s["side"].startswith("kit")]
        has_failed |= any("problem" in side for side in ours)
    return int(has_failed)


def run(name: str, options: Options) -> dict:
    """The report of a benchmark, as plain values."""
    module = importlib.import_module(f"tools.bench.{name}")
    peers = options.peers or (PEERS if PEERS.exists() else None)
    pythons = {side: python_of(side, peers) for side in module.SIDES}
    cases = module.cases(options.smoke)
    peak_rates = _peaks(options) if any(case.flops for case in cases) else {}
    report = {
        "benchmark": name,
        "title": module.TITLE,
        "unit": module.UNIT,
        "command": shlex.join(["python", "-m", "tools.bench", *sys.argv[1:]]),
        "smoke": options.smoke,
        "peaks": peak_rates,
        "machine": machine.facts(set(pythons.values()), options.cores),
        "cases": [],
    }
    for case in cases:
        sides = [side for side in case.sides if not options.sides or side in options.sides]
        if not sides or (name != "machine" and options.cases not in case.name):
            continue
        print(f"{name}: {case.name} ({', '.join(sides)})", file=sys.stderr, flush=True)
        rounds, warm_up = (1, 0) if options.smoke else (options.rounds, options.warm_up)
        case = replace(case, sides=tuple(sides))
        results = run_case(module.__name__, case, pythons, options.cores, rounds, warm_up)
        report["cases"].append(case_facts(case, results, peak_rates.get(case.dtype)))
    return report


def _peaks(options: Options) -> dict[str, float]:
    """What `machine` measured last, into the same folder, on as many cores, and no smoke run."""
    path = options.output / "machine.json"
    if not path.exists():
        return {}
    report = json.loads(path.read_text())
    if report.get("smoke", True) or report["machine"]["cores_used"] != options.cores:
        print(
            f"No shares of the peak: {path} is not of {options.cores} cores, or of a smoke run. "
            f"`python -m tools.bench machine --cores {options.cores}` measures the peak.",
            file=sys.stderr,
        )
        return {}
    return machine.peaks(report)


def install_peers() -> None:
    """Makes `.peers/`, with the extra `peers` installed."""
    folder = PEERS.parents[1]
    if not PEERS.exists():
        venv.create(folder, with_pip=True)
    command = [str(PEERS), "-m", "pip", "install", "--quiet", "-e", f"{ROOT}[peers]"]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options)))
