"""The ledger as it is read: journals with their entries, balances, the trial balance."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from billing_shared.postgres import Connection
from recon_svc.store.books import NOBODY


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One line of a journal; debits positive, credits negative."""

    account: str
    customer_id: UUID | None
    item_id: UUID | None
    amount_minor: int


@dataclass(frozen=True, slots=True)
class JournalRow:
    """A journal as it is kept. `mirror_of` names the one it takes back."""

    journal_id: UUID
    journal_no: int
    kind: str
    subject_id: UUID
    against_id: UUID | None
    currency: str
    posted_on: date
    recorded_at: datetime
    mirror_of: UUID | None
    decision_id: UUID | None
    actor: str
    reason: str | None
    entries: tuple[EntryRow, ...]


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """The balance of one account, customer and currency; debits positive."""

    balance_id: UUID
    account: str
    customer_id: UUID | None
    currency: str
    balance_minor: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One account and currency: all debits, all credits (positive), and what is left."""

    account: str
    currency: str
    debit_minor: int
    credit_minor: int


async def journals(
    conn: Connection,
    tenant_id: UUID,
    *,
    fact: UUID | None,
    customer_id: UUID | None,
    after: tuple[datetime, UUID] | None,
    updated_after: datetime | None,
    limit: int,
) -> list[JournalRow]:
    """Journals in the order they were recorded; with `fact`, those that book or concern it,
    with `customer_id`, those on accounts of that customer."""
    rows = await conn.fetch(
        """
        select j.journal_id, j.journal_no, j.kind, j.subject_id, j.against_id, j.currency,
               j.posted_on, j.recorded_at, j.mirror_of, j.decision_id, j.actor, j.reason,
               (select jsonb_agg(jsonb_build_object('account', e.account,
                       'customer_id', e.customer_id, 'item_id', e.item_id,
                       'amount_minor', e.amount_minor) order by e.line_no)
                  from entry e
                 where e.tenant_id = j.tenant_id and e.journal_id = j.journal_id) as entries
          from journal j
         where j.tenant_id = $1
           and ($2::timestamptz is null or (j.recorded_at, j.journal_id) > ($2, $3::uuid))
           and ($4::timestamptz is null or j.recorded_at > $4)
           and ($6::uuid is null or j.subject_id = $6 or j.against_id = $6)
           and ($7::uuid is null or j.customer_id = $7)
         order by j.recorded_at, j.journal_id limit $5
        """,
        tenant_id,
        *(after or (None, None)),
        updated_after,
        limit,
        fact,
        customer_id,
    )
    return [
        JournalRow(
            **{name: value for name, value in row.items() if name != "entries"},
            entries=tuple(
                EntryRow(
                    line["account"],
                    UUID(line["customer_id"]) if line["customer_id"] else None,
                    UUID(line["item_id"]) if line["item_id"] else None,
                    line["amount_minor"],
                )
                for line in row["entries"] or ()
            ),
        )
        for row in rows
    ]


async def balances(
    conn: Connection,
    tenant_id: UUID,
    *,
    account: str | None,
    customer_id: UUID | None,
    currency: str | None,
    after: tuple[datetime, UUID] | None,
    updated_after: datetime | None,
    limit: int,
) -> list[BalanceRow]:
    """Balances in the order in which they last changed. A balance has no id of its own; the one
    it is listed by is made of its key."""
    rows = await conn.fetch(
        """
        select balance_id, account, nullif(customer_id, $5::uuid) as customer_id, currency,
               balance_minor, updated_at
          from (select md5(account || customer_id::text || currency)::uuid as balance_id, *
                  from account_balance where tenant_id = $1) b
         where ($2::timestamptz is null or (updated_at, balance_id) > ($2, $3::uuid))
           and ($4::timestamptz is null or updated_at > $4)
           and ($7::text is null or account = $7)
           and ($8::uuid is null or customer_id = $8)
           and ($9::text is null or currency = $9)
         order by updated_at, balance_id limit $6
        """,
        tenant_id,
        *(after or (None, None)),
        updated_after,
        NOBODY,
        limit,
        account,
        customer_id,
        currency,
    )
    return [BalanceRow(**row) for row in rows]


async def trial_balance(conn: Connection, tenant_id: UUID, up_to: date | None) -> list[TrialRow]:
    """Every account from its entries, posted up to a date or all of them."""
    rows = await conn.fetch(
        """
        select account, currency,
               coalesce(sum(amount_minor) filter (where amount_minor > 0), 0)::bigint
                   as debit_minor,
               coalesce(-sum(amount_minor) filter (where amount_minor < 0), 0)::bigint
                   as credit_minor
          from entry where tenant_id = $1 and ($2::date is null or posted_on <= $2)
         group by 1, 2 order by 2, 1
        """,
        tenant_id,
        up_to,
    )
    return [TrialRow(**row) for row in rows]
