"""From a few facts to everything that may compete with them: the connected components.

The graph is walked outwards, a whole frontier per statement. An invoice leads to its customer's
live payments, a payment to its payer's live items; what is at rest is reached by references only.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from billing_shared.errors import Invalid
from billing_shared.postgres import Connection
from recon_svc.domain.components import Component, Node, components

#: Steps outwards after which a group is refused: a chain this long is a fault in the data.
MAX_ROUNDS = 200

_NEIGHBOURS = """
-- from invoices $2
select 'payment' as kind, k.invoice_id as source, t.payment_id as target
  from item_key k join payment_token t on t.tenant_id = k.tenant_id and t.key_norm = k.key_norm
 where k.tenant_id = $1 and k.invoice_id = any($2::uuid[])
union all
select 'payment', invoice_id, payment_id from allocation
 where tenant_id = $1 and invoice_id = any($2) and ended_by is null
union all
select 'payment', invoice_id, payment_id from resolution
 where tenant_id = $1 and invoice_id = any($2) and payment_id is not null
union all
select 'customer', invoice_id, customer_id from invoice_fact
 where tenant_id = $1 and invoice_id = any($2)
union all
-- from payments $3
select 'invoice', t.payment_id, k.invoice_id
  from payment_token t join item_key k on k.tenant_id = t.tenant_id and k.key_norm = t.key_norm
 where t.tenant_id = $1 and t.payment_id = any($3::uuid[])
union all
select 'invoice', payment_id, invoice_id from allocation
 where tenant_id = $1 and payment_id = any($3) and ended_by is null
union all
select 'invoice', payment_id, invoice_id from resolution
 where tenant_id = $1 and payment_id = any($3) and invoice_id is not null
union all
select 'reversal', payment_id, reversal_id from reversal_fact
 where tenant_id = $1 and payment_id = any($3)
union all
select 'reversal', p.payment_id, r.reversal_id
  from bank_key p join bank_key r
    on r.tenant_id = p.tenant_id and r.kind = p.kind and r.value = p.value
 where p.tenant_id = $1 and p.payment_id = any($3) and r.reversal_id is not null
union all
-- a payment decided by its reference never looks for items of its amount, but others may
-- take it for their twin
select case when s.tier = 'reference' then 'customer' else 'payer' end, f.payment_id, o.customer_id
  from payment_fact f
  left join payment_state s on s.tenant_id = f.tenant_id and s.payment_id = f.payment_id
  cross join lateral (
       select f.customer_id where f.customer_id is not null
       union all
       select a.customer_id from payer_account a
        where a.tenant_id = f.tenant_id and a.account = f.payer_account and f.customer_id is null
  ) o
 where f.tenant_id = $1 and f.payment_id = any($3)
union all
-- equal payments nearby, which may be twins
select 'payment', f.payment_id, twin.payment_id
  from payment_fact f
  left join payment_state s on s.tenant_id = f.tenant_id and s.payment_id = f.payment_id
  cross join lateral (
       select f.customer_id where f.customer_id is not null
       union all
       select a.customer_id from payer_account a
        where a.tenant_id = f.tenant_id and a.account = f.payer_account and f.customer_id is null
  ) o
  join payment_state twin on twin.tenant_id = f.tenant_id and twin.customer_id = o.customer_id
   and twin.currency = f.currency and twin.payment_id <> f.payment_id
   and (twin.received_minor = f.amount_minor or s.reversed_minor > 0 or exists (
        select from reversal_fact r where r.tenant_id = f.tenant_id
           and r.payment_id = f.payment_id))
  join payment_fact other on other.tenant_id = f.tenant_id and other.payment_id = twin.payment_id
   and other.value_on between f.value_on - $7::int and f.value_on + $7::int
 where f.tenant_id = $1 and f.payment_id = any($3) and s.tier is distinct from 'reference'
union all
-- from reversals $4
select 'payment', reversal_id, payment_id from reversal_fact
 where tenant_id = $1 and reversal_id = any($4::uuid[]) and payment_id is not null
union all
select 'payment', r.reversal_id, p.payment_id
  from bank_key r join bank_key p
    on p.tenant_id = r.tenant_id and p.kind = r.kind and p.value = r.value
 where r.tenant_id = $1 and r.reversal_id = any($4) and p.payment_id is not null
union all
-- from customers $5 to live payments
select 'payment', customer_id, payment_id from live_payment
 where tenant_id = $1 and customer_id = any($5::uuid[])
union all
select 'payment', a.customer_id, l.payment_id
  from payer_account a join live_payment l
    on l.tenant_id = a.tenant_id and l.payer_account = a.account
 where a.tenant_id = $1 and a.customer_id = any($5) and l.customer_id is null
union all
-- from payers $6 to live items
select 'invoice', customer_id, item_id from open_item
 where tenant_id = $1 and side = 'debit' and customer_id = any($6::uuid[])
union all
select 'invoice', customer_id, item_id from closed_item
 where tenant_id = $1 and side = 'debit' and customer_id = any($6) and not at_rest
"""


@dataclass(slots=True)
class Seeds:
    """What changed: the facts whose groups have to be settled again."""

    invoices: set[UUID] = field(default_factory=set)
    payments: set[UUID] = field(default_factory=set)
    reversals: set[UUID] = field(default_factory=set)
    payers: set[UUID] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Connected:
    """The components around some seeds, and the payers too crowded to be loaded whole."""

    components: list[Component]
    crowded: frozenset[UUID]


async def connected(
    conn: Connection, tenant_id: UUID, seeds: Seeds, *, group_limit: int, window_days: int
) -> Connected:
    """Walk outwards from the seeds until nothing new is found.

    A payer with more open items than `group_limit` is not loaded; Invalid `group-too-large` after
    MAX_ROUNDS.
    """
    seen: dict[Node, None] = {}
    edges: list[tuple[UUID, UUID]] = []
    crowded: set[UUID] = set()
    fresh = _seed_nodes(seeds)
    for _ in range(MAX_ROUNDS):
        seen.update(dict.fromkeys(fresh))
        if not fresh:
            return Connected(components(_plain(seen), edges), frozenset(crowded))
        payers = [id_ for kind, id_ in fresh if kind == "payer"]
        if payers:
            over = await crowded_payers(conn, tenant_id, payers, group_limit)
            crowded |= over
            payers = [payer for payer in payers if payer not in over]
        rows = await conn.fetch(
            _NEIGHBOURS,
            tenant_id,
            [id_ for kind, id_ in fresh if kind == "invoice"],
            [id_ for kind, id_ in fresh if kind == "payment"],
            [id_ for kind, id_ in fresh if kind == "reversal"],
            [id_ for kind, id_ in fresh if kind in {"customer", "payer"}],
            payers,
            window_days,
        )
        edges += [(row["source"], row["target"]) for row in rows]
        found = dict.fromkeys((row["kind"], row["target"]) for row in rows)
        fresh = [node for node in found if node not in seen]
    raise Invalid("group-too-large", f"a group is not closed after {MAX_ROUNDS} steps")


async def crowded_payers(
    conn: Connection, tenant_id: UUID, payers: Iterable[UUID], group_limit: int
) -> set[UUID]:
    """Which of these customers have more open debit items than the limit; it reads no further."""
    rows = await conn.fetch(
        """
        select c.customer_id
          from unnest($2::uuid[]) c (customer_id)
          cross join lateral (
               select count(*) as items from (
                    select from open_item i
                     where i.tenant_id = $1 and i.customer_id = c.customer_id and i.side = 'debit'
                     limit $3::int + 1) few) counted
         where counted.items > $3
        """,
        tenant_id,
        list(payers),
        group_limit,
    )
    return {row["customer_id"] for row in rows}


def _seed_nodes(seeds: Seeds) -> list[Node]:
    return [
        *(("invoice", id_) for id_ in sorted(seeds.invoices)),
        *(("payment", id_) for id_ in sorted(seeds.payments)),
        *(("reversal", id_) for id_ in sorted(seeds.reversals)),
        *(("payer", id_) for id_ in sorted(seeds.payers)),
    ]


def _plain(seen: Iterable[Node]) -> list[Node]:
    """A payer is a customer from whom we also looked for items."""
    return [("customer" if kind == "payer" else kind, id_) for kind, id_ in seen]


async def awake(conn: Connection, tenant_id: UUID) -> Seeds:
    """Everything that may still move: held or amount-matched payments, open and corrected items,
    and reversals without their original."""
    rows = await conn.fetch(
        """
        select 'payment' as kind, payment_id as id from live_payment where tenant_id = $1
        union all
        select 'invoice', item_id from open_item where tenant_id = $1 and side = 'debit'
        union all
        select 'invoice', item_id from closed_item
         where tenant_id = $1 and side = 'debit' and not at_rest
        union all
        select 'reversal', subject_id from discrepancy
         where tenant_id = $1 and state = 'open' and code = 'ORPHAN_REVERSAL'
        """,
        tenant_id,
    )
    return Seeds(
        invoices={row["id"] for row in rows if row["kind"] == "invoice"},
        payments={row["id"] for row in rows if row["kind"] == "payment"},
        reversals={row["id"] for row in rows if row["kind"] == "reversal"},
    )
