"""Runs the sides of a benchmark as processes of their own, which take turns."""

import contextlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile

ROOT = Path(__file__).parents[2]
OURS = "kit"


@dataclass(frozen=True)
class Case:
    """The same work for several sides.

    Attributes:
        name: what the work is, for a table.
        settings: what the sides are told, as plain values.
        sides: names of them, in the order of the table; the first is what others are compared to.
        flops: floating-point operations a unit of work has to take, for its share of the peak;
            0 where that says nothing.
        dtype: the type these are in.
    """

    name: str
    settings: dict
    sides: tuple[str, ...]
    flops: float = 0.0
    dtype: str = "float32"


@dataclass
class Result:
    """What became of a side.

    Attributes:
        side: its name.
        seconds: of each of its turns but those for warming up.
        amounts: how much work each turn was, in the unit of the benchmark.
        facts: what else the side tells, of its last turn, such as its memory.
        problem: why there is nothing, or empty.
    """

    side: str
    seconds: list[float] = field(default_factory=list)
    amounts: list[float] = field(default_factory=list)
    facts: dict = field(default_factory=dict)
    problem: str = ""

    def rates(self) -> list[float]:
        """Units of work a second, of each turn."""
        return [amount / second for amount, second in zip(self.amounts, self.seconds, strict=True)]


class SideProcess:
    """A side of a case, made ready in a process of its own.

    Between its turns it is stopped, with what it has started: threads that read ahead or spin would
    else take time from the turns of the others, and do their own work for nothing.

    Args:
        module: the benchmark's module.
        side: name of the side.
        settings: of the case.
        python: the interpreter.
        cores: how many cores the process may use, from the last one down.
    """

    def __init__(self, module: str, side: str, settings: dict, python: str, cores: int):
        threads = {f"TF_NUM_{kind}_THREADS": str(cores) for kind in ("INTRAOP", "INTEROP")}
        threads |= {"OMP_NUM_THREADS": str(cores), "RAYON_NUM_THREADS": str(cores)}
        threads["TOKENIZERS_PARALLELISM"] = "true" if cores > 1 else "false"
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}
        self._errors = TemporaryFile()  # noqa: SIM115 - `close` closes it
        self._process = subprocess.Popen(
            [python, "-m", "tools.bench.worker", module, side, json.dumps(settings), str(cores)],
            cwd=ROOT,
            env=os.environ | threads | quiet,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            process_group=0,  # what it starts is stopped and killed with it
        )

    def answer(self) -> dict:
        """The next thing that the process says: that it is ready, a turn, or a `problem`."""
        line = self._process.stdout.readline()
        if line:
            self._signal(signal.SIGSTOP)
            return json.loads(line)
        self._process.wait()
        self._errors.seek(0)
        last = self._errors.read().decode(errors="replace").strip().splitlines()[-1:]
        return {"problem": " ".join(last) or f"ended with code {self._process.returncode}"}

    def turn(self) -> dict:
        """Does the work once; the `seconds`, the `amount` and other facts."""
        self._signal(signal.SIGCONT)
        try:
            self._process.stdin.write("go\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended; `answer` says why
        return self.answer()

    def close(self) -> None:
        """Ends the process."""
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._errors.close()

    def _signal(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, number)


def run_case(
    module: str, case: Case, pythons: dict[str, str], cores: int, rounds: int, warm_up: int
) -> list[Result]:
    """Lets the sides of a case take turns.

    Args:
        module: the benchmark's module.
        case: what to do.
        pythons: the interpreter of each side.
        cores: how many cores each may use.
        rounds: turns of each side that count.
        warm_up: turns before them.

    Returns:
        A result for each side, in the order of the case.
    """
    results = {side: Result(side) for side in case.sides}
    with contextlib.ExitStack() as stack:
        processes = {}
        for side in case.sides:  # one after the other: some need much memory to get ready
            process = SideProcess(module, side, case.settings, pythons[side], cores)
            stack.callback(process.close)
            problem = process.answer().get("problem", "")
            if problem:
                results[side].problem = problem
            else:
                processes[side] = process
        for number in range(warm_up + rounds):
            for side in _order(list(processes), number):
                answer = processes[side].turn()
                if "problem" in answer:
                    results[side].problem = answer["problem"]
                    del processes[side]
                elif number >= warm_up:
                    results[side].seconds.append(answer.pop("seconds"))
                    results[side].amounts.append(answer.pop("amount"))
                    results[side].facts = answer
    return list(results.values())


def _order(sides: list[str], number: int) -> list[str]:
    """Another order each round, the same in every run: none always comes after the same one."""
    return random.Random(number).sample(sides, len(sides))


def spread(values: list[float]) -> tuple[float, float, float]:
    """The median, and the quartiles, between values where need be."""
    if len(values) == 1:
        return (values[0],) * 3
    low, median, high = statistics.quantiles(values, method="inclusive")
    return median, low, high


def python_of(side: str, peers: Path | None) -> str:
    """The interpreter of a side: ours is this one, that of the others their environment's."""
    return sys.executable if side.startswith(OURS) or peers is None else str(peers)
