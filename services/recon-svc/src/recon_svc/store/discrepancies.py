"""Discrepancies: found, resolved, superseded, and read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from billing_shared.postgres import Connection
from recon_svc.domain.changes import OpenDiscrepancy
from recon_svc.domain.news import Ending, NewDiscrepancy


async def open_ones(
    conn: Connection, tenant_id: UUID, subjects: Iterable[UUID]
) -> tuple[OpenDiscrepancy, ...]:
    """The open discrepancies of these payments, reversals and invoices."""
    rows = await conn.fetch(
        """
        select discrepancy_id, code, family, subject_id, customer_id, payment_id, invoice_id,
               currency, amount_minor, evidence
          from discrepancy
         where tenant_id = $1 and subject_id = any($2::uuid[]) and state = 'open'
        """,
        tenant_id,
        list(subjects),
    )
    return tuple(OpenDiscrepancy(**row) for row in rows)


async def resolve(
    conn: Connection,
    tenant_id: UUID,
    now: datetime,
    endings: Sequence[Ending],
    *,
    actor: str,
    reason: str,
) -> None:
    if endings:
        await conn.execute(
            """
            update discrepancy d
               set state = 'resolved', resolution = e.resolution, superseded_by = e.superseded_by,
                   journal_ids = array(select jsonb_array_elements_text(e.journals -> 'ids')::uuid),
                   resolved_by = $7, resolved_reason = $8, resolved_at = $2, updated_at = $2
              from unnest($3::uuid[], $4::text[], $5::uuid[], $6::jsonb[])
                   e (discrepancy_id, resolution, superseded_by, journals)
             where d.tenant_id = $1 and d.discrepancy_id = e.discrepancy_id
            """,
            tenant_id,
            now,
            [e.discrepancy.discrepancy_id for e in endings],
            [e.resolution for e in endings],
            [e.superseded_by for e in endings],
            [{"ids": [str(journal_id) for journal_id in e.journal_ids]} for e in endings],
            actor,
            reason,
        )


async def save_found(
    conn: Connection, tenant_id: UUID, now: datetime, found: Sequence[NewDiscrepancy]
) -> None:
    """Only after what they supersede is resolved: one open per subject is a unique index."""
    if found:
        await conn.execute(
            """
            insert into discrepancy (tenant_id, discrepancy_id, code, family, severity,
                   subject_id, customer_id, payment_id, invoice_id, currency, amount_minor,
                   evidence, suggested_action, suggested_reason, decision_id, due_at, found_at,
                   updated_at)
            select $1::uuid, f.*, $2::timestamptz, $2::timestamptz
              from unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::uuid[], $8::uuid[],
                          $9::uuid[], $10::uuid[], $11::text[], $12::bigint[], $13::jsonb[],
                          $14::text[], $15::text[], $16::uuid[], $17::timestamptz[]) f
            """,
            tenant_id,
            now,
            [f.discrepancy_id for f in found],
            [f.wanted.code for f in found],
            [f.wanted.family for f in found],
            [f.severity for f in found],
            [f.wanted.subject_id for f in found],
            [f.wanted.customer_id for f in found],
            [f.wanted.payment_id for f in found],
            [f.wanted.invoice_id for f in found],
            [f.wanted.currency for f in found],
            [f.wanted.amount_minor for f in found],
            [f.wanted.evidence for f in found],
            [f.suggested_action for f in found],
            [f.suggested_reason for f in found],
            [f.decision_id for f in found],
            [f.due_at for f in found],
        )


async def refresh_evidence(
    conn: Connection,
    tenant_id: UUID,
    now: datetime,
    stale: Sequence[tuple[UUID, dict[str, Any]]],
) -> None:
    if stale:
        await conn.execute(
            """
            update discrepancy d set evidence = s.evidence, updated_at = $2
              from unnest($3::uuid[], $4::jsonb[]) s (discrepancy_id, evidence)
             where d.tenant_id = $1 and d.discrepancy_id = s.discrepancy_id
            """,
            tenant_id,
            now,
            [discrepancy_id for discrepancy_id, _ in stale],
            [evidence for _, evidence in stale],
        )


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A discrepancy as it is kept and shown."""

    discrepancy_id: UUID
    code: str
    family: str
    severity: str
    subject_id: UUID
    customer_id: UUID | None
    payment_id: UUID | None
    invoice_id: UUID | None
    currency: str
    amount_minor: int
    evidence: dict[str, Any]
    suggested_action: str
    suggested_reason: str
    decision_id: UUID
    due_at: datetime
    found_at: datetime
    state: str
    resolution: str | None
    superseded_by: UUID | None
    journal_ids: list[UUID]
    resolved_by: str | None
    resolved_reason: str | None
    resolved_at: datetime | None
    updated_at: datetime

    def as_open(self) -> OpenDiscrepancy:
        return OpenDiscrepancy(
            discrepancy_id=self.discrepancy_id,
            code=self.code,
            family=self.family,
            subject_id=self.subject_id,
            customer_id=self.customer_id,
            payment_id=self.payment_id,
            invoice_id=self.invoice_id,
            currency=self.currency,
            amount_minor=self.amount_minor,
            evidence=self.evidence,
        )


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list of discrepancies is narrowed to; None means any."""

    code: str | None = None
    family: str | None = None
    state: str | None = None
    severity: str | None = None
    customer_id: UUID | None = None
    payment_id: UUID | None = None
    invoice_id: UUID | None = None


async def load(conn: Connection, tenant_id: UUID, discrepancy_id: UUID) -> Discrepancy | None:
    row = await conn.fetchrow(
        f"""
        select {_COLUMNS} from discrepancy where tenant_id = $1 and discrepancy_id = $2
        """,  # noqa: S608 - the columns are ours
        tenant_id,
        discrepancy_id,
    )
    return Discrepancy(**row) if row else None


async def listed(
    conn: Connection,
    tenant_id: UUID,
    wanted: Filter,
    *,
    after: tuple[datetime, UUID] | None,
    updated_after: datetime | None,
    limit: int,
) -> list[Discrepancy]:
    """Discrepancies in the order in which they last changed."""
    rows = await conn.fetch(
        f"""
        select {_COLUMNS} from discrepancy
         where tenant_id = $1
           and ($2::timestamptz is null or (updated_at, discrepancy_id) > ($2, $3::uuid))
           and ($4::timestamptz is null or updated_at > $4)
           and ($6::text is null or code = $6)
           and ($7::text is null or family = $7)
           and ($8::text is null or state = $8)
           and ($9::text is null or severity = $9)
           and ($10::uuid is null or customer_id = $10)
           and ($11::uuid is null or payment_id = $11)
           and ($12::uuid is null or invoice_id = $12)
         order by updated_at, discrepancy_id limit $5
        """,  # noqa: S608 - the columns are ours
        tenant_id,
        *(after or (None, None)),
        updated_after,
        limit,
        wanted.code,
        wanted.family,
        wanted.state,
        wanted.severity,
        wanted.customer_id,
        wanted.payment_id,
        wanted.invoice_id,
    )
    return [Discrepancy(**row) for row in rows]


_COLUMNS = """discrepancy_id, code, family, severity, subject_id, customer_id, payment_id,
       invoice_id, currency, amount_minor, evidence, suggested_action, suggested_reason,
       decision_id, due_at, found_at, state, resolution, superseded_by, journal_ids, resolved_by,
       resolved_reason, resolved_at, updated_at"""
