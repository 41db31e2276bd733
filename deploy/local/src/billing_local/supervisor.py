"""Keeps what is wanted up: what dies unasked is started again, ever more slowly."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

#: How often the processes are looked at, in seconds.
LOOK_EVERY_SECONDS = 0.2
#: The pause before one that keeps dying is started again doubles up to this, in seconds.
MAX_PAUSE_SECONDS = 10.0
#: One that ran this long starts with the shortest pause again, in seconds.
STEADY_AFTER_SECONDS = 30.0

Start = Callable[[], Awaitable[None]]
Say = Callable[[str], None]


class Process(Protocol):
    """What the embedded servers and our own children have in common."""

    @property
    def pid(self) -> int | None: ...
    def is_alive(self) -> bool: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...


class Supervisor:
    """Watches processes from one task, each with its own way to be started."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._wanted: dict[str, tuple[Process, Start]] = {}
        self._pause: dict[str, float] = {}
        self._seen_at: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None

    def want(self, name: str, process: Process, start: Start) -> None:
        """From now on it should be up."""
        self._wanted[name] = (process, start)
        self._seen_at[name] = time.monotonic()

    def leave(self, name: str) -> None:
        """It may be down."""
        self._wanted.pop(name, None)

    def begin(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            # In the order they were wanted, so that a database comes before what needs it.
            for name in list(self._wanted):
                process, _ = self._wanted.get(name, (None, None))
                if process is not None and not process.is_alive():
                    await self._start_again(name)

    async def _start_again(self, name: str) -> None:
        is_steady = time.monotonic() - self._seen_at[name] >= STEADY_AFTER_SECONDS
        pause = LOOK_EVERY_SECONDS if is_steady else self._pause.get(name, LOOK_EVERY_SECONDS)
        self._pause[name] = min(pause * 2, MAX_PAUSE_SECONDS)
        self._say(f"{name} died; starting it again")
        await asyncio.sleep(pause)
        if name not in self._wanted:
            return
        self._seen_at[name] = time.monotonic()
        try:
            await self._wanted[name][1]()
        except Exception as error:  # what it needs may be away: the next look tries again
            self._say(f"{name} could not be started: {error}")
