"""The results of a benchmark as plain values, and as Markdown."""

import math

from tools.bench.harness import Case, Result, spread


def case_facts(case: Case, results: list[Result], peak: float | None) -> dict:
    """A case and what became of its sides.

    Args:
        case: what was done.
        results: of its sides.
        peak: GFLOP/s of the machine in the type of the case, for the shares of it.
    """
    first = results[0]
    sides = [_side_facts(result, first, case.flops, peak) for result in results]
    return {
        "case": case.name,
        "settings": case.settings,
        "sides": sides,
        "differences": _differences(results),
    }


def _side_facts(result: Result, first: Result, flops: float, peak: float | None) -> dict:
    if result.problem or not result.seconds:
        return {"side": result.side, "problem": result.problem or "no turn"}
    rate, low, high = spread(result.rates())
    facts = {"side": result.side, "rate": rate, "quartiles": [low, high], **result.facts}
    facts["seconds"] = result.seconds
    facts["amounts"] = result.amounts
    if not first.problem and len(first.seconds) == len(result.seconds):
        # of turns in the same round, so that what slows the machine for a while slows both
        pairs = zip(first.rates(), result.rates(), strict=True)
        facts["first_over_this"] = spread([ours / theirs for ours, theirs in pairs])
    if flops and peak:
        facts["share_of_peak"] = rate * flops / 1e9 / peak
    return facts


def _differences(results: list[Result]) -> list[str]:
    """What sides should have computed alike and did not; int8 computes something else."""
    found = []
    for name in ("ids", "first_probability"):
        sides = [r for r in results if name in r.facts and not r.side.endswith("int8")]
        values = [side.facts[name] for side in sides]
        if not all(_is_same(value, values[0]) for value in values):
            by_side = (f"{r.side} {value}" for r, value in zip(sides, values, strict=True))
            found.append(f"`{name}` differs: {', '.join(by_side)}")
    return found


def _is_same(a: str | float, b: str | float) -> bool:
    return a == b if isinstance(a, str) else math.isclose(a, b, abs_tol=1e-5)


def markdown(report: dict) -> str:
    """A report as a page: the command, the table, the machine."""
    cases = report["cases"]
    shares = any("share_of_peak" in side for case in cases for side in case["sides"])
    head = ["", "side", report["unit"], "quartiles", "first / this", "peak memory, MB"]
    head += ["of the peak"] * shares
    lines = [f"## {report['title']}", "", "```shell", report["command"], "```", ""]
    lines += [_row(head), _row(["---", "---", *["---:"] * (len(head) - 2)])]
    for case in cases:
        for index, side in enumerate(case["sides"]):
            name = case["case"] if index == 0 else ""
            lines.append(_row([name, side["side"], *_cells(side, shares)]))
    differences = [f"- {case['case']}: {line}" for case in cases for line in case["differences"]]
    machine = report["machine"]
    lines += [
        *([""] * bool(differences)),
        *differences,
        "",
        f"{machine['processor']}, {machine['cores_used']} of {machine['cores']} cores, "
        f"{machine['memory_gigabytes']} GB; load {machine['load_average']:.1f} at the start; "
        f"{machine['date']}, commit {machine['commit']}; {_versions(machine['versions'])}.",
        "",
    ]
    return "\n".join(lines)


def _versions(versions: dict[str, dict[str, str]]) -> str:
    """Of each environment, by its name if there are several."""
    texts = {
        environment: ", ".join(f"{name} {version}" for name, version in found.items())
        for environment, found in versions.items()
    }
    if len(texts) == 1:
        return "".join(texts.values())
    return "; ".join(f"{environment}: {text}" for environment, text in texts.items())


def _cells(side: dict, shares: bool) -> list[str]:
    if "problem" in side:
        return [side["problem"].replace("|", "\\|")[:120]] + [""] * (3 + shares)
    low, high = side["quartiles"]
    cells = [_number(side["rate"]), f"{_number(low)} to {_number(high)}"]
    cells.append(f"{side['first_over_this'][0]:.2f}" if "first_over_this" in side else "")
    cells.append(f"{side['peak_megabytes']:,.0f}" if "peak_megabytes" in side else "")
    if shares:
        cells.append(f"{side['share_of_peak']:.0%}" if "share_of_peak" in side else "")
    return cells


def _number(value: float) -> str:
    """Three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
