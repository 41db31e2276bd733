"""What was asked and what was answered, as it happened: one JSON line each, kept on failure."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class History:
    """An append-only file; a line is written before the next thing happens."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("a", buffering=1)
        self._began = time.monotonic()

    def note(self, kind: str, **facts: Any) -> None:
        """Write down that something happened; `at` is seconds since the beginning."""
        at = round(time.monotonic() - self._began, 3)
        self._file.write(json.dumps({"at": at, "kind": kind, **facts}) + "\n")

    def read(self, *kinds: str) -> Iterator[dict[str, Any]]:
        """Everything of these kinds, in order."""
        with self.path.open() as file:
            for line in file:
                fact = json.loads(line)
                if fact["kind"] in kinds:
                    yield fact
