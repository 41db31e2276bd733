import asyncio

from billing_local import supervisor as module
from billing_local.supervisor import Supervisor


class Fake:
    pid = 1

    def __init__(self, fails: int = 0) -> None:
        self.starts = 0
        self.fails = fails
        self.alive = True

    def is_alive(self) -> bool:
        return self.alive

    def start(self) -> None:
        self.starts += 1
        if self.starts <= self.fails:
            raise OSError("not yet")
        self.alive = True

    def stop(self) -> None:
        self.alive = False

    def kill(self) -> None:
        self.alive = False


async def run(process: Fake, act, monkeypatch) -> list[str]:
    monkeypatch.setattr(module, "LOOK_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(module, "MAX_PAUSE_SECONDS", 0.02)
    said: list[str] = []

    async def start() -> None:
        process.start()

    supervisor = Supervisor(said.append)
    supervisor.want("broker", process, start)
    supervisor.begin()
    act(supervisor)
    await asyncio.sleep(0.3)
    await supervisor.end()
    return said


async def test_what_dies_is_started_again(monkeypatch):
    process = Fake()
    said = await run(process, lambda _: process.kill(), monkeypatch)
    assert process.alive
    assert process.starts == 1
    assert said == ["broker died; starting it again"]


async def test_what_cannot_start_yet_is_tried_until_it_can(monkeypatch):
    process = Fake(fails=3)
    said = await run(process, lambda _: process.kill(), monkeypatch)
    assert process.alive
    assert process.starts == 4
    assert said.count("broker could not be started: not yet") == 3


async def test_what_was_killed_on_purpose_stays_down(monkeypatch):
    process = Fake()

    def act(supervisor: Supervisor) -> None:
        supervisor.leave("broker")
        process.kill()

    assert await run(process, act, monkeypatch) == []
    assert process.starts == 0
