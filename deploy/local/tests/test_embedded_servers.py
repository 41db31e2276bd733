"""The embedded Postgres and broker: as whoever we are, on a closed folder, and never orphaned."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import asyncpg
import pytest

from billing_local import unprivileged
from billing_local.embedded_broker import BrokerUnavailable, EmbeddedBroker
from billing_local.embedded_postgres import EmbeddedPostgres, PostgresUnavailable
from billing_local.ports import claim_ports


@pytest.fixture
def closed_folder(server_folder, request):
    """Below a folder that only we may enter, as a clone in a home folder is."""
    folder = server_folder / request.node.name / "closed" / "inner"
    folder.mkdir(parents=True)
    folder.parent.chmod(0o700)
    return folder


def a_postgres(folder, password="p"):
    port = claim_ports(folder / "ports.json", ["postgres"])["postgres"]
    return EmbeddedPostgres(folder / "postgres", port, password=password, is_durable=False)


def _rows(server, statement):
    async def fetch():
        conn = await asyncpg.connect(server.dsn())
        try:
            return await conn.fetch(statement)
        finally:
            await conn.close()

    return asyncio.run(fetch())


def test_postgres_keeps_its_data_from_start_to_start(closed_folder):
    server = a_postgres(closed_folder)
    server.start()
    _rows(server, "create table kept (a int)")
    server.stop()
    assert not server.is_alive()
    server.start()
    assert _rows(server, "select * from kept") == []
    server.kill()
    server.start()
    assert _rows(server, "select * from kept") == []
    server.stop()


def test_postgres_asks_for_the_password(closed_folder):
    server = a_postgres(closed_folder)
    server.start()
    stranger = EmbeddedPostgres(server.folder, server.port, password="wrong")
    with pytest.raises(asyncpg.InvalidPasswordError):
        _rows(stranger, "select 1")
    server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_root_without_user_namespaces(closed_folder, monkeypatch):
    monkeypatch.setattr(unprivileged, "can_map_user", lambda: False)
    server = a_postgres(closed_folder)
    server.start()
    assert (closed_folder / "postgres").stat().st_uid == unprivileged.somebody().pw_uid
    assert Path(f"/proc/{server.pid}").stat().st_uid == unprivileged.somebody().pw_uid
    assert _rows(server, "select 1")
    server.stop()


def test_a_taken_port_is_named(closed_folder):
    first = a_postgres(closed_folder)
    first.start()
    second = EmbeddedPostgres(closed_folder / "second", first.port, password="p", is_durable=False)
    with pytest.raises(PostgresUnavailable, match=r"could not bind|in use"):
        second.start()
    with pytest.raises(BrokerUnavailable, match="taken"):
        EmbeddedBroker(first.port, closed_folder / "broker.log").start()
    first.stop()


def test_servers_die_with_a_launcher_killed(closed_folder):
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from billing_local.embedded_broker import EmbeddedBroker
        from billing_local.embedded_postgres import EmbeddedPostgres
        from billing_local.ports import claim_ports

        folder = Path(sys.argv[1])
        ports = claim_ports(folder / "ports.json", ["postgres", "broker"])
        postgres = EmbeddedPostgres(folder / "pg", ports["postgres"], password="p")
        broker = EmbeddedBroker(ports["broker"], folder / "broker.log")
        postgres.start()
        broker.start()
        print(postgres.pid, broker.pid, flush=True)
        sys.stdin.read()
        """
    )
    launcher = subprocess.Popen(
        [sys.executable, "-c", script, str(closed_folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    pids = [int(pid) for pid in launcher.stdout.readline().split()]
    assert len(pids) == 2
    launcher.send_signal(signal.SIGKILL)
    launcher.wait()
    deadline = time.monotonic() + 15
    while any(_is_running(pid) for pid in pids):
        assert time.monotonic() < deadline, "an orphan is left"
        time.sleep(0.1)


def _is_running(pid):
    try:
        # A zombie waits for whoever adopted it; it holds no port and no file.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
