"""The system of the story: every service in three processes, led to its servers through proxies."""

from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self

from billing_local.ports import claim_ports
from billing_local.stack import Stack
from faults.history import History
from faults.proxy import Proxy

ROLES = ("api", "worker", "worker")
DIED = " died; starting it again"


class Machine:
    """`stack` with its `proxies`; what dies, and why it should not have, is counted."""

    def __init__(self, folder: Path, history: History) -> None:
        self.history = history
        self.deaths: Counter[str] = Counter()
        folder.mkdir(parents=True, exist_ok=True, mode=0o711)
        ports = claim_ports(folder / "proxies.json", ["postgres", "broker"])
        self.stack = Stack(
            folder / "home", profile="test", say=self._hear, roles=ROLES, detours=ports
        )
        self.proxies = {name: self._proxy(name, port) for name, port in ports.items()}

    async def __aenter__(self) -> Self:
        for proxy in self.proxies.values():
            proxy.start()
        await self.stack.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.stack.stop()
        for proxy in self.proxies.values():
            proxy.stop()

    @property
    def names(self) -> list[str]:
        """The processes of the services."""
        return [part.name for part in self.stack.parts]

    @property
    def workers(self) -> list[str]:
        return [part.name for part in self.stack.parts if part.role == "worker"]

    def _proxy(self, name: str, port: int) -> Proxy:
        return Proxy(port, lambda: self.stack.port(name))

    def _hear(self, line: str) -> None:
        self.history.note("said", line=line)
        if line.endswith(DIED):
            self.deaths[line.removesuffix(DIED)] += 1
