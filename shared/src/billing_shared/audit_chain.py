"""The chain over the audit: sealing new entries, and finding what was tampered with.

Each link is SHA-256 over the link before and the entry as canonical JSON, per tenant. Entries are
sealed by membership in audit_unsealed, so one that commits late is never lost; the order of the
chain is the order of sealing.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from billing_shared.jobs import Every, Job, JobContext
from billing_shared.metrics import AUDIT_UNSEALED, AUDIT_UNSEALED_SECONDS
from billing_shared.postgres import Connection, Pool, transaction

SEAL_EVERY_SECONDS = 0.5
SEAL_BATCH = 2_000
ANCHOR_EVERY_SECONDS = 3_600
VERIFY_BATCH = 5_000
#: The event of a log line that is a head kept outside.
ANCHORED = "security.audit_anchored"
#: What the first link of a chain links to.
GENESIS = bytes(32)

log = structlog.get_logger()

#: What a link covers, in the order of canonical JSON (sorted when written).
_FIELDS = (
    "tenant_id entry_id at actor_kind actor_id action subject_kind subject_id reason before after "
    "correlation_id"
).split()


def link(previous: bytes, number: int, entry: Mapping[str, Any] | asyncpg.Record) -> bytes:
    """The hash of one link: over the link before, its own number and the entry."""
    text = json.dumps(
        {"number": number, **{name: _plain(entry[name]) for name in _FIELDS}},
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    return hashlib.sha256(previous + text.encode()).digest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return str(value) if isinstance(value, UUID) else value


def sealer(service: str) -> Job:
    """The job that chains what is new, twice a second."""

    async def run(job: JobContext) -> None:
        await seal_all(job.pool)
        await _measure(job.pool, service, job.clock.now())

    return Job("audit-seal", Every(SEAL_EVERY_SECONDS), run)


def anchorer(service: str) -> Job:
    """The job that says every hour, in the log, where each tenant's chain ends.

    Whoever can write to the database can write a chain anew; the log is out of their reach.
    `verify-audit --heads` takes these lines (record 0018).
    """
    told: dict[UUID, int] = {}

    async def run(job: JobContext) -> None:
        async with transaction(job.pool, None) as conn:
            rows = await conn.fetch("select tenant_id, number, sha256 from audit_head")
        for row in rows:
            if told.get(row["tenant_id"]) != row["number"]:
                told[row["tenant_id"]] = row["number"]
                log.info(
                    ANCHORED,
                    service=service,
                    tenant_id=str(row["tenant_id"]),
                    number=row["number"],
                    sha256=row["sha256"].hex(),
                )

    return Job("audit-anchor", Every(ANCHOR_EVERY_SECONDS), run)


async def seal_all(pool: Pool) -> int:
    """Chain every unsealed entry that has committed; returns how many."""
    sealed = 0
    async with transaction(pool, None) as conn:
        tenants = await conn.fetch("select distinct tenant_id from audit_unsealed")
    for row in tenants:
        while batch := await _seal(pool, row["tenant_id"]):
            sealed += batch
    return sealed


async def _seal(pool: Pool, tenant_id: UUID) -> int:
    async with transaction(pool, tenant_id) as conn:
        head = await _take_head(conn, tenant_id)
        entries = await conn.fetch(
            """
            select e.* from audit_entry e join audit_unsealed using (tenant_id, entry_id)
             where tenant_id = $1 order by at, entry_id limit $2
            """,
            tenant_id,
            SEAL_BATCH,
        )
        if not entries:
            return 0
        number, previous = head["number"], head["sha256"]
        links: list[tuple[int, UUID, bytes, bytes]] = []
        for entry in entries:
            number += 1
            links.append((number, entry["entry_id"], previous, link(previous, number, entry)))
            previous = links[-1][3]
        await _store(conn, tenant_id, links)
        return len(links)


async def _take_head(conn: Connection, tenant_id: UUID) -> asyncpg.Record:
    head = await conn.fetchrow(
        """
        insert into audit_head as h (tenant_id, number, sha256) values ($1, 0, $2)
        on conflict (tenant_id) do update set number = h.number returning number, sha256
        """,
        tenant_id,
        GENESIS,
    )
    assert head is not None
    return head


async def _store(
    conn: Connection, tenant_id: UUID, links: list[tuple[int, UUID, bytes, bytes]]
) -> None:
    numbers, entry_ids, previous, hashes = zip(*links, strict=True)
    await conn.execute(
        """
        with sealed as (
            insert into audit_seal (tenant_id, number, entry_id, previous_sha256, sha256)
            select $1, * from unnest($2::bigint[], $3::uuid[], $4::bytea[], $5::bytea[])
        ), gone as (
            delete from audit_unsealed where tenant_id = $1 and entry_id = any($3::uuid[])
        )
        update audit_head set number = $6, sha256 = $7 where tenant_id = $1
        """,
        tenant_id,
        numbers,
        entry_ids,
        previous,
        hashes,
        numbers[-1],
        hashes[-1],
    )


async def _measure(pool: Pool, service: str, now: datetime) -> None:
    async with transaction(pool, None) as conn:
        row = await conn.fetchrow(
            "select count(*) as entries, min(at) as oldest from audit_unsealed "
            "join audit_entry using (tenant_id, entry_id)"
        )
    assert row is not None
    age = (now - row["oldest"]).total_seconds() if row["oldest"] else 0.0
    AUDIT_UNSEALED.labels(service).set(row["entries"])
    AUDIT_UNSEALED_SECONDS.labels(service).set(max(age, 0.0))


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a chain that is not as it was sealed."""

    tenant_id: UUID
    number: int | None
    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a tenant's chain. Kept outside the database, it proves a later cut or rewrite."""

    tenant_id: UUID
    number: int
    sha256: str


async def verify(
    pool: Pool, kept_heads: list[Head] | None = None
) -> tuple[list[Head], list[Finding]]:
    """Walk every tenant's chain; returns where each ends now, and what is wrong.

    Kinds: `edited`, `missing` (entry gone), `cut` (link gone), `reordered`, `unchained` (an entry
    neither sealed nor waiting), `rewritten` (the chain no longer passes a head kept outside).
    """
    kept = {(head.tenant_id, head.number): head.sha256 for head in kept_heads or []}
    longest = {head.tenant_id: head for head in sorted(kept_heads or [], key=lambda h: h.number)}
    heads: list[Head] = []
    findings: list[Finding] = []
    async with transaction(pool, None) as conn:
        rows = await conn.fetch("select tenant_id from audit_head order by tenant_id")
        known = {row["tenant_id"] for row in rows} | longest.keys()
        for tenant_id in sorted(known):
            end = await _walk(conn, tenant_id, kept, findings)
            heads.append(end)
            wanted = longest.get(tenant_id)
            if wanted is not None and end.number < wanted.number:
                detail = f"ends at {end.number}, but {wanted.number} was kept outside"
                findings.append(Finding(tenant_id, end.number, "cut", detail))
        findings += await _unchained(conn)
    return heads, findings


async def _walk(
    conn: Connection,
    tenant_id: UUID,
    kept: Mapping[tuple[UUID, int], str],
    findings: list[Finding],
) -> Head:
    number, previous = 0, GENESIS
    async for row in _links(conn, tenant_id):
        expected, number = number + 1, row["number"]
        if number != expected:
            detail = f"links {expected} to {number - 1} are gone"
            findings.append(Finding(tenant_id, expected, "cut", detail))
        elif row["previous_sha256"] != previous:
            findings.append(Finding(tenant_id, number, "reordered", "does not join the one before"))
        if row["action"] is None:
            findings.append(Finding(tenant_id, number, "missing", f"entry {row['entry_id']}"))
        elif link(row["previous_sha256"], number, row) != row["sha256"]:
            findings.append(Finding(tenant_id, number, "edited", f"entry {row['entry_id']}"))
        outside = kept.get((tenant_id, number))
        if outside is not None and outside != row["sha256"].hex():
            findings.append(Finding(tenant_id, number, "rewritten", "is not the link kept outside"))
        previous = row["sha256"]
    head = await conn.fetchrow(
        "select number, sha256 from audit_head where tenant_id = $1", tenant_id
    )
    if head is None or (head["number"], head["sha256"]) != (number, previous):
        detail = f"ends at {number}, the head says {head['number'] if head else 'nothing'}"
        findings.append(Finding(tenant_id, number, "cut", detail))
    return Head(tenant_id, number, previous.hex())


async def _links(conn: Connection, tenant_id: UUID) -> AsyncIterator[asyncpg.Record]:
    after = 0
    while True:
        rows = await conn.fetch(
            """
            select * from audit_seal left join audit_entry using (tenant_id, entry_id)
             where tenant_id = $1 and number > $2 order by number limit $3
            """,
            tenant_id,
            after,
            VERIFY_BATCH,
        )
        for row in rows:
            yield row
        if len(rows) < VERIFY_BATCH:
            return
        after = rows[-1]["number"]


async def _unchained(conn: Connection) -> list[Finding]:
    rows = await conn.fetch(
        """
        select tenant_id, entry_id from audit_entry e
         where not exists (select from audit_seal s
                            where s.tenant_id = e.tenant_id and s.entry_id = e.entry_id)
           and not exists (select from audit_unsealed u
                            where u.tenant_id = e.tenant_id and u.entry_id = e.entry_id)
        """
    )
    return [
        Finding(row["tenant_id"], None, "unchained", f"entry {row['entry_id']}") for row in rows
    ]
