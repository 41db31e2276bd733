"""What must hold after the storm, from the databases, the topics and the history alone."""

import asyncio
import sys
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from billing_local.commands import SERVICES, base_env, package, role_dsn
from billing_shared.topics import topic_names
from e2e.invariants import CHECKS, SUBSCRIBED, broken
from faults.history import History

#: With poison there are dead letters: they are counted instead.
_COUNTED = tuple(name for name in CHECKS if "dead letter" not in name)
_READ_SECONDS = 60.0
_STATUS = """
select key, status from {schema}.idempotency_key where key = any($1)
"""


async def unsettled(admin_dsn: str) -> list[str]:
    """Which invariants do not hold (yet): what is pending or unread is among them."""
    conn = await asyncpg.connect(admin_dsn)
    try:
        return [str(found) for found in await broken(conn, _COUNTED)]
    finally:
        await conn.close()


async def unanswered(admin_dsn: str, history: History) -> list[str]:
    """Every change that was answered has its answer stored once, and none was answered badly."""
    wrong: list[str] = []
    answers: dict[str, set[int]] = defaultdict(set)
    for fact in history.read("answered"):
        if fact["status"] >= 500:
            wrong.append(f"answered {fact['status']}: {fact['path']}")
        if fact["key"] and fact["status"] < 300:
            answers[fact["key"]].add(fact["status"])
    for fact in history.read("tried"):
        # Away is 503; anything else of the 500s is an error of ours.
        if fact.get("status", 503) not in (409, 429, 503):
            wrong.append(f"tried and got {fact['status']}: {fact['path']}")
    stored: Counter[str] = Counter()
    conn = await asyncpg.connect(admin_dsn)
    try:
        for service in SERVICES:
            question = _STATUS.format(schema=service.removesuffix("-svc"))
            for row in await conn.fetch(question, list(answers)):
                stored[row["key"]] += 1
                if row["status"] not in answers[row["key"]]:
                    wrong.append(f"{row['key']}: stored {row['status']}, answered {answers}")
    finally:
        await conn.close()
    return wrong + [
        f"{key}: answered, stored {stored[key]} times" for key in answers if stored[key] != 1
    ]


async def disorder(bootstrap_servers: str) -> tuple[list[str], int]:
    """Aggregates whose events first appear on a topic out of order or with a gap; and the number of
    records read. A log that was made anew holds what was told again, from the beginning."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest", fetch_max_wait_ms=50
    )
    await consumer.start()
    wrong: list[str] = []
    highest: dict[tuple[str, bytes, bytes], int] = {}
    seen: set[bytes] = set()
    count = 0
    try:
        places = [
            TopicPartition(topic, partition)
            for topic in topic_names()
            for partition in sorted(consumer.partitions_for_topic(topic) or ())
        ]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = {tp: end for tp, end in (await consumer.end_offsets(places)).items() if end}
        async with asyncio.timeout(_READ_SECONDS):
            while [tp for tp, end in ends.items() if await consumer.position(tp) < end]:
                for tp, records in (await consumer.getmany(timeout_ms=500)).items():
                    for record in records:
                        headers = dict(record.headers)
                        if "ce_id" not in headers or headers["ce_id"] in seen:
                            continue
                        count += 1
                        seen.add(headers["ce_id"])
                        aggregate = (tp.topic, headers["ce_tenantid"], record.key)
                        sequence = int(headers["ce_sequence"])
                        if sequence <= highest.get(aggregate, 0):
                            wrong.append(f"{aggregate}: {sequence} after {highest[aggregate]}")
                        highest[aggregate] = max(sequence, highest.get(aggregate, 0))
    finally:
        await consumer.stop()
    return wrong, count


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


async def unproved(admin_dsn: str, tenants: Collection[UUID]) -> list[str]:
    """Tenants whose books were not found right by the auditor."""
    conn = await asyncpg.connect(admin_dsn)
    try:
        rows = await conn.fetch(
            "select tenant_id, state from recon.books where tenant_id = any($1) and state <> 'ok'",
            list(tenants),
        )
        return [f"books of {row['tenant_id']} are {row['state']}" for row in rows]
    finally:
        await conn.close()


async def broken_chains(admin_dsn: str) -> list[str]:
    """What the shipped verifier says of the audit chains of the services, if it is not well."""
    wrong = []
    for service in SERVICES:
        role = f"{service.removesuffix('-svc')}_relay"
        settings = {
            "BILLING_PROFILE": "test",
            "BILLING_WORKER_DATABASE_URL": role_dsn(admin_dsn, role),
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", f"{package(service)}.main", "verify-audit"),
            env=base_env() | settings,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        if process.returncode != 0 or said.startswith(b"0 chains"):
            wrong.append(f"{service}: {said.decode()[-500:]}")
    return wrong
