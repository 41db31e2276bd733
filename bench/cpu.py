"""CPU time of processes and of all they started, from /proc: waiting does not count."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
#: Places in /proc/<pid>/stat behind the closing bracket of the name: parent; then user and system
#: time of the process, and of its children that have ended.
_PARENT = 1
_TIMES = slice(11, 15)


def cpu_seconds(*pids: int) -> float:
    """CPU of these processes and their descendants since they started, the ended ones included."""
    stats = dict(_stats())
    wanted = set(pids)
    # A child has a higher place in the list than its parent only until numbers wrap: so until
    # nothing new is found.
    while more := {pid for pid, stat in stats.items() if int(stat[_PARENT]) in wanted} - wanted:
        wanted |= more
    ticks = sum(sum(map(int, stats[pid][_TIMES])) for pid in wanted if pid in stats)
    return ticks / _TICKS_PER_SECOND


def _stats() -> Iterator[tuple[int, list[str]]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text()
            except OSError:
                continue
            yield int(entry.name), text.rpartition(")")[2].split()


@dataclass
class Spent:
    """What a stretch of work took, in seconds; `parts` says which process spent the CPU."""

    parts: dict[str, float] = field(default_factory=dict)
    wall: float = 0.0

    @property
    def cpu(self) -> float:
        return sum(self.parts.values())


def readings(pids: dict[str, Iterable[int]]) -> dict[str, float]:
    """CPU so far by name."""
    return {name: cpu_seconds(*some) for name, some in pids.items()}


@contextmanager
def metered(read: Callable[[], dict[str, float]]) -> Iterator[Spent]:
    """Fills a Spent with the difference of `read` between the ends of the block."""
    spent = Spent()
    before, began = read(), time.perf_counter()
    yield spent
    spent.wall = time.perf_counter() - began
    spent.parts = {name: now - before[name] for name, now in read().items()}
