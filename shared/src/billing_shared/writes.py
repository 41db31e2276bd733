"""Several writes as one statement: every round trip costs more than most of what it carries.

A write is a list of common table expressions with its own parameters from $1. Those of one
statement see none of each other's rows, so only writes that do not need to may go together; names
must differ between them.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from billing_shared.postgres import Connection

_PARAMETER = re.compile(r"\$(\d+)")


@dataclass(frozen=True, slots=True)
class Write:
    """`a as (insert ...), b as (update ...)`, and the values of its parameters."""

    expressions: str
    values: tuple[Any, ...]


async def write(conn: Connection, writes: Iterable[Write | None], later: "Later | None") -> None:
    """Write it all in one statement; or, told of a `later`, leave it to that."""
    some = [one for one in writes if one is not None]
    if later is not None:
        later.writes += some
    elif some:
        values = [value for one in some for value in one.values]
        await conn.execute(_joined(tuple(one.expressions for one in some)), *values)


class Later:
    """Writes left to the end of a change, to go out with its answer."""

    def __init__(self) -> None:
        self.writes: list[Write] = []

    async def flush(self, conn: Connection) -> None:
        """Write what was left."""
        writes, self.writes = self.writes, []
        await write(conn, writes, None)


@lru_cache(maxsize=256)
def _joined(parts: tuple[str, ...]) -> str:
    taken, numbered = 0, []
    for part in parts:
        numbered.append(_shifted(part, taken))
        taken += max(int(number) for number in _PARAMETER.findall(part))
    return f"with {', '.join(numbered)} select 1"


def _shifted(part: str, taken: int) -> str:
    return _PARAMETER.sub(lambda found: f"${int(found[1]) + taken}", part)
