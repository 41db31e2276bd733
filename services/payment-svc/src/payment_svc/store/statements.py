"""Bank statements and what is known of their order."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any
from uuid import UUID

from billing_shared.postgres import Connection
from payment_svc.domain.bank_file import Problem
from payment_svc.domain.continuity import Earlier
from payment_svc.domain.identity import Window
from payment_svc.domain.proof import Totals
from payment_svc.domain.taking import KeptStatement

#: Statements before one that are looked at to tell whether it follows on.
MAX_EARLIER = 50
#: Statements of a day that are looked at to tell equal entries apart.
MAX_WINDOWS = 500
#: Statements after a new one whose gap may have changed.
MAX_LATER = 200
_SELECT = """
    select statement_id, file_id, statement_no, account, currency, bank_id, opened_on, closed_on,
           first_on, last_on, opening_minor, closing_minor, credits_count, credits_minor,
           debits_count, debits_minor, not_booked, state, problems, created_at, updated_at,
           repeated, payments, reversals, gap_after, superseded_by, same_as,
           released_at, released_by, release_reason
    from statement where tenant_id = $1
"""


async def insert_statement(conn: Connection, tenant_id: UUID, kept: KeptStatement) -> None:
    """Keep a new statement."""
    await conn.execute(
        """
        insert into statement
            (tenant_id, statement_id, file_id, statement_no, account, currency, bank_id,
             opened_on, closed_on, first_on, last_on, opening_minor, closing_minor,
             credits_count, credits_minor, debits_count, debits_minor, not_booked, repeated,
             payments, reversals, state, problems, gap_after, same_as, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                $19, $20, $21, $22, $23, $24, $25, $26, $27)
        """,
        tenant_id,
        kept.statement_id,
        kept.file_id,
        kept.statement_no,
        kept.account,
        kept.currency,
        kept.bank_id,
        kept.opened_on,
        kept.closed_on,
        kept.first_on,
        kept.last_on,
        kept.opening_minor,
        kept.closing_minor,
        kept.credits.count,
        kept.credits.sum_minor,
        kept.debits.count,
        kept.debits.sum_minor,
        kept.not_booked,
        kept.repeated,
        kept.payments,
        kept.reversals,
        kept.state,
        [asdict(problem) for problem in kept.problems],
        kept.gap_after,
        kept.same_as,
        kept.created_at,
        kept.updated_at,
    )


async def update_statements(
    conn: Connection, tenant_id: UUID, statements: Sequence[KeptStatement]
) -> None:
    """Save what can change: state, gap, what was published, release and successor."""
    await conn.execute(
        """
        update statement s
        set state = n.state, gap_after = n.gap_after, repeated = n.repeated,
            payments = n.payments, reversals = n.reversals, superseded_by = n.superseded_by,
            released_at = n.released_at,
            released_by = n.released_by, release_reason = n.release_reason,
            updated_at = n.updated_at
        from unnest($2::uuid[], $3::text[], $4::date[], $5::integer[], $6::integer[],
                    $7::integer[], $8::uuid[], $9::timestamptz[], $10::text[], $11::text[],
                    $12::timestamptz[])
             as n(statement_id, state, gap_after, repeated, payments, reversals, superseded_by,
                  released_at, released_by, release_reason, updated_at)
        where s.tenant_id = $1 and s.statement_id = n.statement_id
        """,
        tenant_id,
        [kept.statement_id for kept in statements],
        [kept.state for kept in statements],
        [kept.gap_after for kept in statements],
        [kept.repeated for kept in statements],
        [kept.payments for kept in statements],
        [kept.reversals for kept in statements],
        [kept.superseded_by for kept in statements],
        [kept.released_at for kept in statements],
        [kept.released_by for kept in statements],
        [kept.release_reason for kept in statements],
        [kept.updated_at for kept in statements],
    )


async def load_statement(
    conn: Connection, tenant_id: UUID, statement_id: UUID
) -> KeptStatement | None:
    """One statement."""
    row = await conn.fetchrow(_SELECT + "and statement_id = $2", tenant_id, statement_id)
    return None if row is None else _from_row(row)


async def load_file_statements(
    conn: Connection, tenant_id: UUID, file_id: UUID
) -> list[KeptStatement]:
    """The statements of a file, in its order."""
    rows = await conn.fetch(_SELECT + "and file_id = $2 order by statement_no", tenant_id, file_id)
    return [_from_row(row) for row in rows]


async def find_quarantined(
    conn: Connection, tenant_id: UUID, like: KeptStatement
) -> list[KeptStatement]:
    """Waiting statements that this one corrects.

    They bear the same id for days in common, or open the same days with the same balance: another
    file of a day, or an id that the bank uses again, corrects nothing.
    """
    rows = await conn.fetch(
        _SELECT
        + """
          and account = $2 and state = 'quarantined' and statement_id <> $3
          and ((bank_id = $4 and $4 <> '' and opened_on <= $6 and closed_on >= $5)
               or (opened_on = $5 and closed_on = $6 and opening_minor = $7))
        """,
        tenant_id,
        like.account,
        like.statement_id,
        like.bank_id,
        like.opened_on,
        like.closed_on,
        like.opening_minor,
    )
    return [_from_row(row) for row in rows]


async def find_same(conn: Connection, tenant_id: UUID, like: KeptStatement) -> KeptStatement | None:
    """The proved statement that says the same, from another file."""
    row = await conn.fetchrow(
        _SELECT
        + """
          and account = $2 and state = 'proved' and bank_id = $3 and bank_id <> ''
          and opened_on = $4 and closed_on = $5 and opening_minor = $6 and closing_minor = $7
          and credits_count = $8 and credits_minor = $9
          and debits_count = $10 and debits_minor = $11
        order by created_at limit 1
        """,
        tenant_id,
        like.account,
        like.bank_id,
        like.opened_on,
        like.closed_on,
        like.opening_minor,
        like.closing_minor,
        like.credits.count,
        like.credits.sum_minor,
        like.debits.count,
        like.debits.sum_minor,
    )
    return None if row is None else _from_row(row)


async def load_windows(
    conn: Connection, tenant_id: UUID, account: str, like: Window
) -> list[Window]:
    """The proved statements that show entries of the first or the last day of this one."""
    rows = await conn.fetch(
        """
        select statement_id, opening_minor, closing_minor, first_on, last_on
        from statement
        where tenant_id = $1 and account = $2 and state = 'proved' and statement_id <> $3
          and (first_on <= $4 and last_on >= $4 or first_on <= $5 and last_on >= $5)
        order by created_at desc limit $6
        """,
        tenant_id,
        account,
        like.statement_id,
        like.first_on,
        like.last_on,
        MAX_WINDOWS,
    )
    return [Window(*row) for row in rows]


async def load_earlier(
    conn: Connection, tenant_id: UUID, account: str, statement_id: UUID, opened_on: date
) -> list[Earlier]:
    """The statements that opened no later, with their balance before that day."""
    rows = await conn.fetch(
        """
        select s.opened_on, s.closed_on, s.closing_minor,
               s.opening_minor + coalesce((
                   select sum(case l.direction when 'credit' then l.amount_minor
                                               else -l.amount_minor end)
                   from line_sighting g
                   join statement_line l on l.tenant_id = g.tenant_id and l.entry_id = g.entry_id
                   where g.tenant_id = s.tenant_id and g.statement_id = s.statement_id
                     and l.booked_on < $4 and s.closed_on >= $4), 0)::bigint as before_minor
        from statement s
        where s.tenant_id = $1 and s.account = $2 and s.statement_id <> $3 and s.opened_on <= $4
          and s.state in ('proved', 'released')
          and s.opening_minor is not null and s.closing_minor is not null
        order by s.closed_on desc, s.opened_on desc
        limit $5
        """,
        tenant_id,
        account,
        statement_id,
        opened_on,
        MAX_EARLIER,
    )
    return [Earlier(*row) for row in rows]


async def load_later(conn: Connection, tenant_id: UUID, kept: KeptStatement) -> list[KeptStatement]:
    """The statements whose gap a new one may open or close: those with one, and the next ones."""
    next_on = await conn.fetchval(
        """
        select min(opened_on) from statement
        where tenant_id = $1 and account = $2 and opened_on > $3
        """,
        tenant_id,
        kept.account,
        kept.closed_on,
    )
    rows = await conn.fetch(
        _SELECT
        + """
          and account = $2 and statement_id <> $3 and opened_on >= $4
          and state in ('proved', 'released')
          and (gap_after is not null or opened_on <= $5)
        order by opened_on limit $6
        """,
        tenant_id,
        kept.account,
        kept.statement_id,
        kept.opened_on,
        next_on or kept.closed_on,
        MAX_LATER,
    )
    return [_from_row(row) for row in rows]


async def load_hashes(
    conn: Connection, tenant_id: UUID, file_ids: Sequence[UUID]
) -> dict[UUID, str]:
    """The content hash of each file."""
    rows = await conn.fetch(
        "select file_id, sha256 from bank_file where tenant_id = $1 and file_id = any($2::uuid[])",
        tenant_id,
        list(file_ids),
    )
    return {row["file_id"]: row["sha256"] for row in rows}


async def list_statements(
    conn: Connection,
    tenant_id: UUID,
    *,
    account: str | None,
    state: str | None,
    after: tuple[datetime, UUID] | None,
    updated_after: datetime | None,
    limit: int,
) -> list[KeptStatement]:
    """A page, in the order of change."""
    rows = await conn.fetch(
        _SELECT
        + """
          and ($2::text is null or account = $2) and ($3::text is null or state = $3)
          and ($4::timestamptz is null or (updated_at, statement_id) > ($4, $5))
          and ($6::timestamptz is null or updated_at > $6)
        order by updated_at, statement_id
        limit $7
        """,
        tenant_id,
        account,
        state,
        *(after or (None, None)),
        updated_after,
        limit,
    )
    return [_from_row(row) for row in rows]


def _from_row(row: Any) -> KeptStatement:
    return KeptStatement(
        statement_id=row["statement_id"],
        file_id=row["file_id"],
        statement_no=row["statement_no"],
        account=row["account"],
        currency=row["currency"],
        bank_id=row["bank_id"],
        opened_on=row["opened_on"],
        closed_on=row["closed_on"],
        first_on=row["first_on"],
        last_on=row["last_on"],
        opening_minor=row["opening_minor"],
        closing_minor=row["closing_minor"],
        credits=Totals(row["credits_count"], row["credits_minor"]),
        debits=Totals(row["debits_count"], row["debits_minor"]),
        not_booked=row["not_booked"],
        state=row["state"],
        problems=tuple(Problem(**problem) for problem in row["problems"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        repeated=row["repeated"],
        payments=row["payments"],
        reversals=row["reversals"],
        gap_after=row["gap_after"],
        superseded_by=row["superseded_by"],
        same_as=row["same_as"],
        released_at=row["released_at"],
        released_by=row["released_by"],
        release_reason=row["release_reason"],
    )
