"""What must hold after the storm, from the databases, the topics and the history alone."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import asyncpg

from billing_local.commands import SERVICES
from e2e.audit import verify_audit
from e2e.invariants import CHECKS, SUBSCRIBED, broken
from faults.answers import unaccounted
from faults.history import History
from faults.log import lag, read_log, read_outboxes, wrong_on_log

#: With poison there are dead letters: they are counted instead.
_COUNTED = tuple(name for name in CHECKS if "dead letter" not in name)
REFUSED, SERVER_ERROR, AWAY = 300, 500, 503
#: Away is 503; anything else of the 500s is an error of ours.
NOT_NOW = frozenset({409, 429, AWAY})
_STORED = """
select tenant_id::text, key, status, encode(sha256(body), 'hex') as sha256
  from {schema}.idempotency_key where key = any($1)
"""


async def unsettled(admin_dsn: str) -> list[str]:
    """Which invariants do not hold (yet): what is pending or unread is among them."""
    conn = await asyncpg.connect(admin_dsn)
    try:
        return [str(found) for found in await broken(conn, _COUNTED)]
    finally:
        await conn.close()


async def check(
    admin_dsn: str, bootstrap_servers: str, history: History, *, is_whole: bool
) -> list[str]:
    """Everything that must hold once the system has come to rest, but for what `unsettled` asks.

    `is_whole`: the log holds everything ever told, as it does unless a broker forgot it and only
    what was unread was put back.
    """
    log = await read_log(bootstrap_servers)
    history.note("read", records=log.records)
    conn = await asyncpg.connect(admin_dsn)
    try:
        return [
            *await unanswered(conn, history),
            *(str(broken) for broken in await unaccounted(conn)),
            *wrong_on_log(log, await read_outboxes(conn), is_whole=is_whole),
            *await lag(conn, log),
            *await unproved(conn),
            *await broken_chains(admin_dsn, conn),
        ]
    finally:
        await conn.close()


async def unanswered(conn: asyncpg.Connection, history: History) -> list[str]:
    """Every change that was answered has that answer stored once, and none was answered badly."""
    wrong: list[str] = []
    answers: dict[tuple[str, str], set[tuple[int, str]]] = defaultdict(set)
    for fact in history.read("answered"):
        if fact["status"] >= SERVER_ERROR:
            wrong.append(f"answered {fact['status']}: {fact['path']}")
        if fact["key"] and fact["status"] < REFUSED:
            answers[fact["tenant"], fact["key"]].add((fact["status"], fact["sha256"]))
    for fact in history.read("tried"):
        if fact.get("status", AWAY) not in NOT_NOW:
            wrong.append(f"tried and got {fact['status']}: {fact['path']}")
    wrong += [f"{key}: answered in two ways" for key, ways in answers.items() if len(ways) > 1]
    stored: Counter[tuple[str, str]] = Counter()
    for service in SERVICES:
        question = _STORED.format(schema=service.removesuffix("-svc"))
        for tenant, key, status, digest in await conn.fetch(
            question, list({k for _, k in answers})
        ):
            stored[tenant, key] += 1
            if (status, digest) not in answers.get((tenant, key), ()):
                wrong.append(f"{key} of {tenant}: another answer is stored than was given")
    return wrong + [
        f"{key}: answered, stored {stored[key]} times" for key in answers if stored[key] != 1
    ]


async def wrong_dead_letters(
    admin_dsn: str, poisoned: Mapping[str, int], gone: Mapping[str, int]
) -> list[str]:
    """Every poison record is a dead letter of each group that reads its topic, and nothing else is.

    Those `gone` with a lost log may have been read before, or not.
    """
    wrong = []
    conn = await asyncpg.connect(admin_dsn)
    try:
        for schema, topics in SUBSCRIBED.items():
            rows = await conn.fetch(
                f"select topic, count(*) as letters, array_agg(distinct code) as codes "
                f"from {schema}.dead_letter group by 1"
            )
            found = Counter({row["topic"]: row["letters"] for row in rows})
            for topic in {*found, *topics}:
                most = poisoned.get(topic, 0) if topic in topics else 0
                if not most - gone.get(topic, 0) <= found[topic] <= most:
                    told = [dict(row) for row in rows if row["topic"] == topic]
                    wrong.append(f"{schema}: poison {most} of {topic}, dead letters {told}")
    finally:
        await conn.close()
    return wrong


async def unproved(conn: asyncpg.Connection) -> list[str]:
    """Tenants whose books were not found right by the auditor, or never looked at."""
    rows = await conn.fetch(
        """
        select tenant_id, b.state from (select distinct tenant_id from recon.journal) j
          left join recon.books b using (tenant_id) where b.state is distinct from 'ok'"""
    )
    return [f"books of {row['tenant_id']} are {row['state']}" for row in rows]


async def broken_chains(
    admin_dsn: str, conn: asyncpg.Connection, services: Sequence[str] = SERVICES
) -> list[str]:
    """What the shipped verifier says of the audit chains of the services, if it is not well, or if
    it has not seen every entry there is."""
    wrong = []
    # Together: most of it is the start of a process.
    said = await asyncio.gather(*(verify_audit(admin_dsn, service) for service in services))
    for service, (code, words) in zip(services, said, strict=True):
        schema = service.removesuffix("-svc")
        entries = await conn.fetchval(f"select count(*) from {schema}.audit_entry")
        if code != 0 or f" {entries} entries, 0 findings" not in words:
            wrong.append(f"{service}, {entries} audit entries: {words[-500:]}")
    return wrong
