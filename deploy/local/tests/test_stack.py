"""The launcher with everything it launches: what `make run` promises besides the month."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import pytest

from billing_local.commands import SERVICES
from billing_local.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
async def stack(tmp_path):
    async with Stack(tmp_path / "home", profile="test") as running:
        yield running


def is_gone(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    for _ in range(200):
        try:
            if state.read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False


async def test_ready_says_where_everything_is(stack):
    facts = json.loads(stack.home.ready_file.read_text())
    assert set(facts["urls"]) == {*SERVICES, "mail", "webhooks"}
    assert {"launcher", "postgres", "broker", *SERVICES} <= set(facts["pids"])
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {facts['token']}"}) as client:
        answer = await client.get(f"{facts['urls']['invoice-svc']}/v1/invoices")
    assert answer.status_code == 200


async def test_what_was_there_is_there_after_a_second_start(tmp_path):
    tenant_id = uuid4()
    urls = []
    for _ in range(2):
        async with Stack(tmp_path / "home", profile="test") as stack:
            urls.append(stack.urls)
            conn = await asyncpg.connect(stack.admin_dsn)
            await conn.execute("create table if not exists kept (tenant_id uuid)")
            await conn.execute("insert into kept values ($1)", tenant_id)
            count = await conn.fetchval("select count(*) from kept")
            await conn.close()
    assert count == 2
    assert urls[0] == urls[1]


async def test_a_dead_service_and_a_dead_broker_come_back_by_themselves(stack):
    before = stack.pids()
    await stack.crash("recon-svc")
    await stack.crash("broker")
    for _ in range(300):
        after = stack.pids()
        if {"recon-svc", "broker"} <= set(after):
            break
        await asyncio.sleep(0.1)
    assert after["recon-svc"] != before["recon-svc"]
    assert after["broker"] != before["broker"]
    assert after["invoice-svc"] == before["invoice-svc"]


async def test_what_is_killed_on_purpose_stays_down_until_restarted(stack):
    await stack.kill("notify-svc")
    await asyncio.sleep(1)
    assert "notify-svc" not in stack.pids()
    await stack.restart("notify-svc")
    assert (
        await asyncio.to_thread(httpx.get, stack.telemetry_urls["notify-svc"] + "/readyz")
    ).is_success


async def test_two_stacks_run_side_by_side(stack, tmp_path):
    async with Stack(tmp_path / "other", profile="test") as other:
        assert not set(stack.urls.values()) & set(other.urls.values())


def launch(folder: Path) -> subprocess.Popen[str]:
    argv = [sys.executable, "-P", "-m", "billing_local.cli", "run", "--only-up"]
    return subprocess.Popen(
        [*argv, "--folder", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_ready(folder: Path, launcher: subprocess.Popen[str]) -> dict[str, int]:
    ready = folder / "ready.json"
    for _ in range(600):
        if ready.exists():
            pids: dict[str, int] = json.loads(ready.read_text())["pids"]
            return pids
        assert launcher.poll() is None, launcher.stdout and launcher.stdout.read()
        time.sleep(0.1)
    raise AssertionError("not ready")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything_in_seconds(tmp_path, number):
    launcher = launch(tmp_path / "home")
    pids = wait_ready(tmp_path / "home", launcher)
    started = time.monotonic()
    launcher.send_signal(number)
    assert launcher.wait(20) == 0
    assert time.monotonic() - started < 12
    assert [name for name, pid in pids.items() if name != "launcher" and not is_gone(pid)] == []
    assert not (tmp_path / "home/ready.json").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_kill_9_of_the_launcher_leaves_no_orphan_and_the_next_start_works(tmp_path):
    launcher = launch(tmp_path / "home")
    pids = wait_ready(tmp_path / "home", launcher)
    launcher.kill()
    launcher.wait()
    assert [name for name, pid in pids.items() if name != "launcher" and not is_gone(pid)] == []
    (tmp_path / "home/ready.json").unlink()
    again = launch(tmp_path / "home")
    wait_ready(tmp_path / "home", again)
    again.send_signal(signal.SIGINT)
    assert again.wait(20) == 0


def test_a_second_launcher_in_one_folder_is_refused(tmp_path):
    launcher = launch(tmp_path / "home")
    wait_ready(tmp_path / "home", launcher)
    second = launch(tmp_path / "home")
    said, _ = second.communicate(timeout=20)
    assert second.returncode == 1
    assert str(launcher.pid) in said
    stop = [sys.executable, "-m", "billing_local.cli", "stop", "--folder", str(tmp_path / "home")]
    assert subprocess.run(stop, timeout=30, check=False, env=os.environ).returncode == 0
    assert launcher.wait(5) == 0
