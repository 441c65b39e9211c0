"""The results of a benchmark as plain values, and as Markdown."""

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
    return {"case": case.name, "settings": case.settings, "sides": sides}


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


def markdown(report: dict) -> str:
    """A report as a page: the command, the table, the machine."""
    cases = report["cases"]
    shares = any("share_of_peak" in side for case in cases for side in case["sides"])
    head = ["", "side", report["unit"], "half of the turns", "first / this", "peak memory, MB"]
    head += ["of the peak"] * shares
    lines = [f"## {report['title']}", "", "```shell", report["command"], "```", ""]
    lines += [_row(head), _row(["---", "---", *["---:"] * (len(head) - 2)])]
    for case in cases:
        for index, side in enumerate(case["sides"]):
            name = case["case"] if index == 0 else ""
            lines.append(_row([name, side["side"], *_cells(side, shares)]))
    machine = report["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    lines += [
        "",
        f"{machine['processor']}, {machine['cores_used']} of {machine['cores']} cores, "
        f"{machine['memory_gigabytes']} GB; load {machine['load_average']:.1f} at the start; "
        f"{machine['date']}, commit {machine['commit']}; Python {machine['python']}, {versions}.",
        "",
    ]
    return "\n".join(lines)


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
