"""The books of a tenant: the lock, the journals with their entries, and the balances."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from billing_shared.postgres import Connection
from recon_svc.domain import ledger
from recon_svc.domain.ledger import Journal, LivePosting
from recon_svc.domain.outcome import Posting

#: Stands for "no customer" in the key of a balance.
NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Books:
    """The state of a tenant's books, whose row the caller has locked."""

    state: str
    journal_no: int
    proved_no: int

    @property
    def are_broken(self) -> bool:
        return self.state == "broken"


async def lock(conn: Connection, tenant_id: UUID, now: datetime) -> Books:
    """Take the tenant's books for this transaction: one writer at a time, so that what is decided
    on the facts is still true when it is booked."""
    # What follows looks single facts up by index: one plan fits all, and planning costs more than
    # running. A plan made while a table was small must not read it whole after it has grown.
    row = await conn.fetchrow(
        """
        insert into books (tenant_id, updated_at) values ($1, $2)
            on conflict (tenant_id) do update set tenant_id = excluded.tenant_id
        returning state, journal_no, proved_no, set_config('enable_seqscan', 'off', true),
                  set_config('plan_cache_mode', 'force_generic_plan', true)
        """,
        tenant_id,
        now,
    )
    assert row is not None
    return Books(row["state"], row["journal_no"], row["proved_no"])


async def live_postings(
    conn: Connection, tenant_id: UUID, subjects: Iterable[UUID]
) -> list[LivePosting]:
    """The journals of these facts that are booked and not taken back."""
    rows = await conn.fetch(
        """
        select kind, subject_id, against_id, customer_id, currency, amount_minor, journal_id,
               posted_on
          from live_posting where tenant_id = $1 and subject_id = any($2::uuid[])
        """,
        tenant_id,
        list(subjects),
    )
    return [
        LivePosting(
            Posting(
                row["kind"],
                row["subject_id"],
                row["against_id"],
                row["customer_id"],
                row["currency"],
                row["amount_minor"],
            ),
            row["journal_id"],
            row["posted_on"],
        )
        for row in rows
    ]


async def post(
    conn: Connection,
    tenant_id: UUID,
    now: datetime,
    journals: Sequence[Journal],
    *,
    actor: str,
    reason: str | None,
) -> None:
    """Write journals, entries and balances in four statements, numbered on from the last."""
    if not journals:
        return
    await _write_journals(conn, tenant_id, now, journals, actor=actor, reason=reason)
    await _move_live(conn, tenant_id, journals)
    rows = [
        (journal.journal_id, line_no, line, journal.posted_on)
        for journal in journals
        for line_no, line in enumerate(
            ledger.lines(journal.posting, mirrored=journal.mirror_of is not None), 1
        )
    ]
    await conn.execute(
        """
        with lines as (
            insert into entry (tenant_id, journal_id, line_no, account, customer_id, item_id,
                   currency, amount_minor, posted_on)
            select $1::uuid, l.*
              from unnest($3::uuid[], $4::smallint[], $5::text[], $6::uuid[], $7::uuid[],
                          $8::text[], $9::bigint[], $10::date[]) l
            returning account, customer_id, currency, amount_minor
        )
        insert into account_balance as b (tenant_id, account, customer_id, currency,
               balance_minor, updated_at)
        select $1::uuid, account, coalesce(customer_id, $11::uuid), currency, sum(amount_minor),
               $2::timestamptz
          from lines group by 2, 3, 4 order by 2, 3, 4
            on conflict (tenant_id, account, customer_id, currency) do update
           set balance_minor = b.balance_minor + excluded.balance_minor,
               updated_at = excluded.updated_at
        """,
        tenant_id,
        now,
        [journal_id for journal_id, _, _, _ in rows],
        [line_no for _, line_no, _, _ in rows],
        [line.account for _, _, line, _ in rows],
        [line.customer_id for _, _, line, _ in rows],
        [line.item_id for _, _, line, _ in rows],
        [line.currency for _, _, line, _ in rows],
        [line.amount_minor for _, _, line, _ in rows],
        [posted_on for _, _, _, posted_on in rows],
        NOBODY,
    )


async def _write_journals(
    conn: Connection,
    tenant_id: UUID,
    now: datetime,
    journals: Sequence[Journal],
    *,
    actor: str,
    reason: str | None,
) -> None:
    postings = [journal.posting for journal in journals]
    await conn.execute(
        """
        with numbered as (
            update books set journal_no = journal_no + cardinality($3::uuid[]), updated_at = $2
             where tenant_id = $1 returning journal_no - cardinality($3::uuid[]) as last_no
        )
        insert into journal (tenant_id, journal_id, journal_no, kind, subject_id, against_id,
               customer_id, currency, amount_minor, posted_on, mirror_of, decision_id,
               recorded_at, actor, reason)
        select $1::uuid, j.journal_id, last_no + j.place, j.kind, j.subject_id, j.against_id,
               j.customer_id, j.currency, j.amount_minor, j.posted_on, j.mirror_of,
               j.decision_id, $2::timestamptz, $13::text, $14::text
          from numbered,
               unnest($3::uuid[], $4::text[], $5::uuid[], $6::uuid[], $7::uuid[], $8::text[],
                      $9::bigint[], $10::date[], $11::uuid[], $12::uuid[]) with ordinality
               j (journal_id, kind, subject_id, against_id, customer_id, currency, amount_minor,
                  posted_on, mirror_of, decision_id, place)
        """,
        tenant_id,
        now,
        [journal.journal_id for journal in journals],
        [posting.kind for posting in postings],
        [posting.subject_id for posting in postings],
        [posting.against_id for posting in postings],
        [posting.customer_id for posting in postings],
        [posting.currency for posting in postings],
        [posting.amount_minor for posting in postings],
        [journal.posted_on for journal in journals],
        [journal.mirror_of for journal in journals],
        [journal.decision_id for journal in journals],
        actor,
        reason,
    )


async def _move_live(conn: Connection, tenant_id: UUID, journals: Sequence[Journal]) -> None:
    """Mirrored journals go before their successors come, or the unique key would refuse these."""
    gone = [journal.mirror_of for journal in journals if journal.mirror_of is not None]
    if gone:
        await conn.execute(
            "delete from live_posting where tenant_id = $1 and journal_id = any($2::uuid[])",
            tenant_id,
            gone,
        )
    fresh = [journal for journal in journals if journal.mirror_of is None]
    if fresh:
        await conn.execute(
            """
            insert into live_posting (tenant_id, journal_id, kind, subject_id, against_id,
                   customer_id, currency, amount_minor, posted_on)
            select $1::uuid, j.* from unnest($2::uuid[], $3::text[], $4::uuid[], $5::uuid[],
                   $6::uuid[], $7::text[], $8::bigint[], $9::date[]) j
            """,
            tenant_id,
            [journal.journal_id for journal in fresh],
            [journal.posting.kind for journal in fresh],
            [journal.posting.subject_id for journal in fresh],
            [journal.posting.against_id for journal in fresh],
            [journal.posting.customer_id for journal in fresh],
            [journal.posting.currency for journal in fresh],
            [journal.posting.amount_minor for journal in fresh],
            [journal.posted_on for journal in fresh],
        )


async def proved_no(conn: Connection, tenant_id: UUID) -> int:
    """The number of the last journal that a proof found right."""
    found = await conn.fetchval("select proved_no from books where tenant_id = $1", tenant_id)
    return found or 0


async def mark_proved(conn: Connection, tenant_id: UUID, journal_no: int) -> None:
    await conn.execute(
        "update books set proved_no = greatest(proved_no, $2) where tenant_id = $1",
        tenant_id,
        journal_no,
    )


async def stop(conn: Connection, tenant_id: UUID, now: datetime) -> None:
    """The books disagree: nothing is matched by machine until a person releases them."""
    await conn.execute(
        """
        insert into books (tenant_id, state, broken_at, updated_at) values ($1, 'broken', $2, $2)
            on conflict (tenant_id) do update
           set state = 'broken', broken_at = coalesce(books.broken_at, $2), updated_at = $2
        """,
        tenant_id,
        now,
    )


async def release(conn: Connection, tenant_id: UUID, now: datetime) -> None:
    await conn.execute(
        "update books set state = 'ok', broken_at = null, updated_at = $2 where tenant_id = $1",
        tenant_id,
        now,
    )


async def is_due(conn: Connection, tenant_id: UUID) -> bool:
    """Whether sound books have journals that no proof has seen."""
    found = await conn.fetchval(
        "select state = 'ok' and journal_no > proved_no from books where tenant_id = $1",
        tenant_id,
    )
    return bool(found)


async def load(conn: Connection, tenant_id: UUID) -> Books:
    """The state of the books, without taking them; of a new tenant, empty books in order."""
    row = await conn.fetchrow(
        "select state, journal_no, proved_no from books where tenant_id = $1", tenant_id
    )
    return Books(**row) if row else Books("ok", 0, 0)


async def facts_at(conn: Connection, tenant_id: UUID) -> datetime | None:
    """When the newest fact we took in was published: what is shown is no older than that."""
    found: datetime | None = await conn.fetchval(
        "select facts_at from books where tenant_id = $1", tenant_id
    )
    return found


async def note_facts(conn: Connection, tenant_id: UUID, published_at: datetime) -> None:
    await conn.execute(
        "update books set facts_at = greatest(facts_at, $2) where tenant_id = $1",
        tenant_id,
        published_at,
    )
