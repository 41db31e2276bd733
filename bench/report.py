"""Tells the measures: a table to read, JSON to keep, a plot to see."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.measure import Measure

HEIGHT_PER_BAR = 0.34


def facts(broker: str, *, is_quick: bool) -> dict[str, Any]:
    """Where and how the measures were taken."""
    return {
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "broker": broker,
        "is_quick": is_quick,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
    }


def show(measures: Sequence[Measure]) -> None:
    """The table, on the terminal."""
    table = Table("measure", "value", "bar", "rounds", "", title="Bench: medians, and what was met")
    for one in measures:
        table.add_row(
            f"{one.name}\n  [dim]{one.note}[/dim]" if one.note else one.name,
            f"{_short(one.value)} {'' if one.unit == 'ratio' else one.unit}",
            _bar(one),
            " ".join(_short(run) for run in one.runs),
            "" if one.bar is None else "holds" if one.holds else "[bold red]MISSED[/bold red]",
        )
    Console(width=None if os.isatty(1) else 150).print(table)


def write_json(measures: Sequence[Measure], told: dict[str, Any], file: Path) -> None:
    """All measures with their rounds."""
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = [asdict(one) | {"holds": one.holds} for one in measures]
    file.write_text(json.dumps(told | {"measures": rows}, indent=1) + "\n")


def plot(measures: Sequence[Measure], told: dict[str, Any], file: Path) -> None:
    """Every measure that has a bar, as a share of it: above 1 is well, whichever way it wants."""
    # Here, because it takes a second to load and a run that measures should not carry it.
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    mpl.rcParams["svg.hashsalt"] = "billing"
    barred = [one for one in measures if one.bar]
    figure, axes = pyplot.subplots(figsize=(8, 1 + HEIGHT_PER_BAR * len(barred)))
    shares = [_share(one, one.value) for one in barred]
    axes.barh(range(len(barred)), shares, color=["C0" if s >= 1 else "C3" for s in shares])
    for at, one in enumerate(barred):
        axes.plot([_share(one, run) for run in one.runs], [at] * len(one.runs), "k.", markersize=4)
    axes.set_yticks(range(len(barred)), [f"{one.name}  {_short(one.value)}" for one in barred])
    axes.invert_yaxis()
    axes.axvline(1, color="k", linewidth=1)
    axes.set_xscale("log")
    axes.set_xlabel(f"times better than its bar ({told['broker']} broker, {told['taken_at'][:10]})")
    figure.savefig(file, bbox_inches="tight", metadata={"Date": None})
    pyplot.close(figure)


def _share(one: Measure, value: float) -> float:
    assert one.bar
    return value / one.bar if one.wants == "at-least" else one.bar / value


def _bar(one: Measure) -> str:
    if one.bar is None:
        return ""
    return f"{'>=' if one.wants == 'at-least' else '<='} {_short(one.bar)}"


def _short(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"
