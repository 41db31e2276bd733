"""One figure of the bench: a ratio, the bar it has to meet, and the rounds it was taken from.

A bench module has `async def measure(world: World) -> list[Measure]`, is named in `__main__.py`,
and measures both sides of each ratio in the same run, in turns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

Wants = Literal["at-least", "at-most"]


@dataclass(frozen=True, slots=True)
class Measure:
    """`value` is the median of `runs`. Without a `bar` it is told, but decides nothing."""

    name: str
    value: float
    bar: float | None
    wants: Wants
    runs: tuple[float, ...]
    unit: str = "ratio"
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether the bar is met; a figure without one holds."""
        if self.bar is None:
            return True
        return self.value >= self.bar if self.wants == "at-least" else self.value <= self.bar


def of_runs(
    name: str,
    runs: Sequence[float],
    *,
    bar: float | None = None,
    wants: Wants = "at-least",
    unit: str = "ratio",
    note: str = "",
) -> Measure:
    """The measure whose value is the median of its runs."""
    return Measure(name, median(runs), bar, wants, tuple(runs), unit, note)
