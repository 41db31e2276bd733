"""The books added up again, and held against everything they must agree with.

All sums are taken in one statement, so they see one moment, and nobody has to stop posting.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from billing_shared.contracts.recon import Difference
from billing_shared.postgres import Connection

#: Differences kept of one proof; one is enough to stop, and thousands help nobody.
MAX_DIFFERENCES = 100

# $2: journals up to this number were proved before. $3: whether everything is added up, or only
# what the newer journals touched. Debits are positive.
_PROVE = """
with moment as (
    select journal_no from books where tenant_id = $1
), newer as (
    select journal_id, currency, amount_minor, customer_id from journal
     where tenant_id = $1 and journal_no > $2
), lines as (
    select e.journal_id, e.account, e.customer_id, e.currency, e.amount_minor,
           n.amount_minor as journal_minor, n.customer_id as journal_customer
      from newer n join entry e on e.tenant_id = $1 and e.journal_id = n.journal_id
), touched as (
    select distinct account, customer_id, currency from lines where customer_id is not null
), sums as (
    select account, customer_id, currency, sum(amount_minor)::bigint as minor
      from entry where $3 and tenant_id = $1 group by 1, 2, 3
    union all
    select t.account, t.customer_id, t.currency, sum(e.amount_minor)::bigint
      from touched t
      join entry e on e.tenant_id = $1 and e.account = t.account
       and e.customer_id = t.customer_id and e.currency = t.currency
     where not $3 group by 1, 2, 3
), kept as (
    select account, nullif(customer_id, '00000000-0000-0000-0000-000000000000') as customer_id,
           currency, balance_minor as minor
      from account_balance b
     where tenant_id = $1
       and ($3 or (account, customer_id, currency) in
                  (select account, customer_id, currency from touched))
), per_currency as (
    select account, currency, sum(minor)::bigint as minor from sums where $3 group by 1, 2
    union all
    select account, currency, sum(balance_minor)::bigint from account_balance
     where not $3 and tenant_id = $1 group by 1, 2
), found as (
    -- every entry is its journal's amount, on one side or the other
    select 'entry-of-journal' as "check", account, coalesce(customer_id, journal_customer)
           as customer_id, currency, sign(amount_minor)::bigint * journal_minor as expected,
           amount_minor as found
      from lines where abs(amount_minor) <> journal_minor
    union all
    select 'journal-balance', null, max(coalesce(l.customer_id, n.customer_id)::text)::uuid,
           n.currency, 0, coalesce(sum(l.amount_minor), 0)::bigint
      from newer n left join lines l on l.journal_id = n.journal_id and l.currency = n.currency
     group by n.journal_id, n.currency
    having coalesce(sum(l.amount_minor), 0) <> 0 or count(l.*) <> 2
    union all
    select 'balance-of-entries', account, customer_id, currency, coalesce(s.minor, 0),
           coalesce(k.minor, 0)
      from (select account, coalesce(customer_id::text, '') as who, currency, customer_id, minor
              from sums) s
      full join (select account, coalesce(customer_id::text, '') as who, currency, minor
                   from kept) k using (account, who, currency)
     where coalesce(s.minor, 0) <> coalesce(k.minor, 0)
    union all
    select 'control-account', '1100', customer_id, currency, coalesce(i.minor, 0),
           coalesce(s.minor, 0)
      from (select customer_id, currency, minor from sums where account = '1100') s
      full join (
           select customer_id, currency,
                  sum(case side when 'debit' then open_minor else -open_minor end)::bigint as minor
             from open_item o
            where tenant_id = $1 and ($3 or (customer_id, currency) in
                  (select customer_id, currency from touched where account = '1100'))
            group by 1, 2) i using (customer_id, currency)
     where coalesce(i.minor, 0) <> coalesce(s.minor, 0)
    union all
    select 'unapplied-cash', '2100', customer_id, currency, -coalesce(p.minor, 0),
           coalesce(s.minor, 0)
      from (select customer_id, currency, minor from sums where account = '2100') s
      full join (
           select customer_id, currency, sum(unapplied_minor)::bigint as minor
             from payment_state
            where tenant_id = $1 and unapplied_minor > 0 and ($3 or (customer_id, currency) in
                  (select customer_id, currency from touched where account = '2100'))
            group by 1, 2) p using (customer_id, currency)
     where coalesce(s.minor, 0) <> -coalesce(p.minor, 0)
    union all
    select 'held-money', '2100+2110', null, currency, -coalesce(d.minor, 0), coalesce(s.minor, 0)
      from (select currency, sum(minor)::bigint as minor from per_currency
             where account in ('2100', '2110') group by 1) s
      full join (
           select currency, sum(amount_minor)::bigint as minor from discrepancy
            where tenant_id = $1 and state = 'open' and family = 'cash'
              and code <> 'ORPHAN_REVERSAL' group by 1) d using (currency)
     where coalesce(s.minor, 0) <> -coalesce(d.minor, 0)
    union all
    select 'orphan-reversals', '2115', null, currency, coalesce(d.minor, 0), coalesce(s.minor, 0)
      from (select currency, minor from per_currency where account = '2115') s
      full join (
           select currency, sum(amount_minor)::bigint as minor from discrepancy
            where tenant_id = $1 and state = 'open' and code = 'ORPHAN_REVERSAL' group by 1) d
           using (currency)
     where coalesce(s.minor, 0) <> coalesce(d.minor, 0)
    union all
    select 'bank-identity', '1010', null, currency, coalesce(m.minor, 0), coalesce(s.minor, 0)
      from (select currency, minor from per_currency where $3 and account = '1010') s
      full join (
           select currency, sum(minor)::bigint as minor from (
                select currency, amount_minor as minor from payment_fact
                 where $3 and tenant_id = $1
                union all
                select currency, -amount_minor from reversal_fact where $3 and tenant_id = $1) f
            group by 1) m using (currency)
     where coalesce(m.minor, 0) <> coalesce(s.minor, 0)
    union all
    -- a statement cannot have brought more than the bank says it did; less may still be on its way
    select 'bank-statement', '1010', null, t.currency, t.credits_minor,
           sum(f.amount_minor)::bigint
      from statement_fact t
      join payment_fact f on f.tenant_id = $1 and f.statement_id = t.statement_id
       and f.currency = t.currency
     where $3 and t.tenant_id = $1 and t.state = 'proved'
     group by t.statement_id, t.currency, t.credits_minor
    having sum(f.amount_minor) > t.credits_minor
    union all
    select 'payment-terms', null, p.customer_id, p.currency, p.applied_minor + p.on_account_minor,
           coalesce(l.minor, 0)
      from payment_state p
      left join (
           select subject_id, sum(amount_minor)::bigint as minor from live_posting
            where $3 and tenant_id = $1 and kind in ('applied', 'on-account') group by 1) l
        on l.subject_id = p.payment_id
     where $3 and p.tenant_id = $1 and p.applied_minor + p.on_account_minor <> coalesce(l.minor, 0)
)
select (select journal_no from moment) as journal_no,
       (select count(*) from newer) as journals,
       (select count(*) from lines) as entries,
       (select coalesce(jsonb_agg(jsonb_build_object('check', "check", 'account', account,
               'customer_id', customer_id, 'currency', currency, 'expected', expected,
               'found', found)), '[]')
          from (select * from found limit $4) few) as differences
"""


@dataclass(frozen=True, slots=True)
class Sums:
    """What adding up found. Nothing in `differences` means that the books agree."""

    journal_no: int
    journals: int
    entries: int
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof as it is kept."""

    proof_id: UUID
    kind: str
    state: str
    journals: int
    entries: int
    journal_no: int
    differences: list[dict[str, Any]]
    asked_by: str
    proved_at: datetime


async def add_up(conn: Connection, tenant_id: UUID, *, proved_no: int, is_full: bool) -> Sums:
    """Add the books up: all of them, or what journals after `proved_no` touched."""
    row = await conn.fetchrow(
        _PROVE, tenant_id, 0 if is_full else proved_no, is_full, MAX_DIFFERENCES
    )
    assert row is not None
    return Sums(
        journal_no=row["journal_no"] or 0,
        journals=row["journals"],
        entries=row["entries"],
        differences=tuple(_difference(found) for found in row["differences"]),
    )


async def save(conn: Connection, tenant_id: UUID, proof: Proof) -> None:
    await conn.execute(
        """
        insert into proof (tenant_id, proof_id, kind, state, journals, entries, journal_no,
               differences, asked_by, proved_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        tenant_id,
        proof.proof_id,
        proof.kind,
        proof.state,
        proof.journals,
        proof.entries,
        proof.journal_no,
        proof.differences,
        proof.asked_by,
        proof.proved_at,
    )


async def load(conn: Connection, tenant_id: UUID, proof_id: UUID) -> Proof | None:
    row = await conn.fetchrow(
        f"select {_COLUMNS} from proof where tenant_id = $1 and proof_id = $2",  # noqa: S608
        tenant_id,
        proof_id,
    )
    return Proof(**row) if row else None


async def listed(
    conn: Connection,
    tenant_id: UUID,
    *,
    state: str | None,
    after: tuple[datetime, UUID] | None,
    updated_after: datetime | None,
    limit: int,
) -> list[Proof]:
    """Proofs, oldest first."""
    rows = await conn.fetch(
        f"""
        select {_COLUMNS} from proof
         where tenant_id = $1
           and ($2::timestamptz is null or (proved_at, proof_id) > ($2, $3::uuid))
           and ($4::timestamptz is null or proved_at > $4)
           and ($6::text is null or state = $6)
         order by proved_at, proof_id limit $5
        """,  # noqa: S608 - the columns are ours
        tenant_id,
        *(after or (None, None)),
        updated_after,
        limit,
        state,
    )
    return [Proof(**row) for row in rows]


_COLUMNS = """proof_id, kind, state, journals, entries, journal_no, differences, asked_by,
       proved_at"""


def _difference(row: dict[str, Any]) -> Difference:
    return Difference(
        check=row["check"],
        account=row["account"],
        customer_id=UUID(row["customer_id"]) if row["customer_id"] else None,
        currency=row["currency"],
        expected_minor=row["expected"],
        found_minor=row["found"],
        difference_minor=row["found"] - row["expected"],
    )


def as_rows(differences: Sequence[Difference]) -> list[dict[str, Any]]:
    """Differences as they are kept in a proof."""
    rows: list[dict[str, Any]] = msgspec.to_builtins(list(differences))
    return rows
