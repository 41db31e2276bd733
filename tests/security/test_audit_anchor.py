"""S16: the shipped verifier against every kind of tampering, with heads taken from the log.

Each kind on its own is in shared/tests/doors/test_audit_chain.py.
"""

import io
import json
import logging
from pathlib import Path

import pytest
import pytest_asyncio

from billing_shared.audit import AuditChange, record
from billing_shared.audit_chain import anchorer, seal_all
from billing_shared.clock import SettableClock
from billing_shared.jobs import JobContext
from billing_shared.operator_commands import check_audit
from billing_shared.postgres import transaction
from billing_shared.telemetry import configure_logs
from billing_shared.testing.database import Databases, ServiceDatabase
from billing_shared.testing.sample import a_context
from security.world import NAMES, World, connected

REWRITE = "insert into audit_unsealed select tenant_id, entry_id from audit_entry"
TAMPERINGS = {
    "edited": ["update audit_entry set reason = 'nothing to see' where subject_id = '3'"],
    "missing": ["delete from audit_entry where subject_id = '3'"],
    "cut, in the middle": ["delete from audit_seal where number = 2"],
    "reordered": [
        "update audit_seal set number = -number where number in (2, 3)",
        "update audit_seal set number = number + 5 where number < 0",
    ],
    "unchained": ["delete from audit_seal where number = 8"],
    "cut, the tail, with its head": [
        "delete from audit_entry e using audit_seal s where s.entry_id = e.entry_id and number > 6",
        "delete from audit_seal where number > 6",
        "update audit_head set number = 6, sha256 = "
        "(select sha256 from audit_seal where number = 6)",
    ],
    "rewritten": [
        "truncate audit_seal, audit_head",
        "update audit_entry set actor_id = 'somebody else'",
        REWRITE,
    ],
}
#: What the database alone cannot show, for all of it agrees.
ANCHORED_ONLY = {"cut, the tail, with its head", "rewritten"}


async def anchored(database: ServiceDatabase) -> str:
    """The log of the hourly job: one JSON line per chain."""
    written = io.StringIO()
    handlers = logging.getLogger().handlers[:]
    configure_logs("invoice-svc", "info", written)
    try:
        await seal_all(database.worker_pool)
        clock = SettableClock()
        context = JobContext(database.worker_pool, clock, None, clock.now().date())
        await anchorer("invoice-svc").run(context)
    finally:
        configure_logs("test", "warning")
        logging.getLogger().handlers[:] = handlers
    return written.getvalue()


@pytest.mark.parametrize("name", NAMES)
async def test_the_ends_of_the_chains_stand_in_the_log_and_verify(
    world: World, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    house = world[name]
    log = await anchored(house.database)
    lines = [json.loads(line) for line in log.splitlines()]
    heads = [line for line in lines if line["event"] == "security.audit_anchored"]
    assert str(world.ada) in {head["tenant_id"] for head in heads}
    file = tmp_path / "service.log"
    file.write_text('{"event": "http.served"}\nno JSON\n' + log)
    assert await check_audit(house.database.worker_dsn, file, None) == 0
    assert "0 findings" in capsys.readouterr().out


@pytest_asyncio.fixture(loop_scope="session")
async def database(own_databases: Databases) -> ServiceDatabase:
    """A database of its own with one chain of eight links, to be spoilt."""
    made = await own_databases.make("invoice-svc", "invoice_svc")
    context = a_context()
    changes = [AuditChange("customer", str(n), "customer-created") for n in range(8)]
    async with transaction(made.app_pool, context.tenant_id) as conn:
        await record(conn, context, changes)
    await seal_all(made.worker_pool)
    return made


@pytest.mark.parametrize("kind", TAMPERINGS)
async def test_the_verifier_reports(
    database: ServiceDatabase, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a head from the log, a tail cut off and a whole chain written anew show too."""
    file = tmp_path / "service.log"
    file.write_text(await anchored(database))
    assert await check_audit(database.worker_dsn, file, None) == 0
    async with connected(database.admin_dsn) as conn:
        await conn.execute("set search_path = invoice")
        for statement in TAMPERINGS[kind]:
            await conn.execute(statement)
    await seal_all(database.worker_pool)
    if kind in ANCHORED_ONLY:
        assert await check_audit(database.worker_dsn, None, None) == 0
    capsys.readouterr()
    assert await check_audit(database.worker_dsn, file, None) == 1
    found = {json.loads(line)["kind"] for line in capsys.readouterr().out.splitlines()[:-1]}
    assert kind.partition(",")[0] in found, found
