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

# Every step is a look-up by index, one fact at a time: `offset 0` keeps the planner from joining
# whole tables, which it would do as long as it believes them small.
_NEIGHBOURS = """
with p as materialized (
    select f.payment_id, f.amount_minor, f.currency, f.value_on, o.customer_id,
           coalesce(s.tier, n.tier) = 'reference' as is_proven,
           exists (select from reversal_fact r
                    where r.tenant_id = $1 and r.payment_id = f.payment_id)
           or s.reversed_minor > 0 as is_reversed
      from unnest($3::uuid[]) x (id)
      cross join lateral (select * from payment_fact
                           where tenant_id = $1 and payment_id = x.id offset 0) f
      left join lateral (select tier, reversed_minor from payment_state
                          where tenant_id = $1 and payment_id = x.id offset 0) s on true
      -- one that is new and names an item we know will be decided by its reference
      left join lateral (select 'reference' as tier from payment_token t
                          where s.tier is null and t.tenant_id = $1 and t.payment_id = x.id
                            and exists (select from item_key
                                         where tenant_id = $1 and key_norm = t.key_norm)
                          limit 1) n on true
      left join lateral (
           select f.customer_id where f.customer_id is not null
           union all
           select customer_id from payer_account
            where tenant_id = $1 and account = f.payer_account and f.customer_id is null) o on true
)
-- from invoices $2
select 'payment' as kind, x.id as source, n.id as target
  from unnest($2::uuid[]) x (id)
  cross join lateral (
       select t.payment_id as id from item_key k
        cross join lateral (select payment_id from payment_token
                             where tenant_id = $1 and key_norm = k.key_norm offset 0) t
        where k.tenant_id = $1 and k.invoice_id = x.id
       union all
       select payment_id from allocation
        where tenant_id = $1 and invoice_id = x.id and ended_by is null
       union all
       select payment_id from resolution
        where tenant_id = $1 and invoice_id = x.id and payment_id is not null
       offset 0) n
union all
select 'customer', x.id, n.customer_id
  from unnest($2) x (id)
  cross join lateral (select customer_id from invoice_fact
                       where tenant_id = $1 and invoice_id = x.id offset 0) n
union all
-- from payments $3
select 'invoice', x.id, n.id
  from unnest($3) x (id)
  cross join lateral (
       select k.invoice_id as id from payment_token t
        cross join lateral (select invoice_id from item_key
                             where tenant_id = $1 and key_norm = t.key_norm offset 0) k
        where t.tenant_id = $1 and t.payment_id = x.id
       union all
       select invoice_id from allocation
        where tenant_id = $1 and payment_id = x.id and ended_by is null
       union all
       select invoice_id from resolution
        where tenant_id = $1 and payment_id = x.id and invoice_id is not null
       offset 0) n
union all
select 'reversal', x.id, n.reversal_id
  from unnest($3) x (id)
  cross join lateral (
       select reversal_id from reversal_fact where tenant_id = $1 and payment_id = x.id
       union all
       select r.reversal_id from bank_key b
        cross join lateral (select reversal_id from bank_key
                             where tenant_id = $1 and kind = b.kind and value = b.value
                               and reversal_id is not null offset 0) r
        where b.tenant_id = $1 and b.payment_id = x.id
       offset 0) n
union all
-- a payment decided by its reference never looks for items of its amount, but others may
-- take it for their twin
select case when is_proven then 'customer' else 'payer' end, payment_id, customer_id
  from p where customer_id is not null
union all
-- equal payments nearby, which may be twins
select 'payment', p.payment_id, twin.payment_id
  from p
  cross join lateral (
       select s.payment_id from payment_state s
        where s.tenant_id = $1 and s.customer_id = p.customer_id and s.currency = p.currency
          and s.received_minor = p.amount_minor and not coalesce(p.is_reversed, false)
       union all
       select s.payment_id from payment_state s
        where s.tenant_id = $1 and s.customer_id = p.customer_id and s.currency = p.currency
          and p.is_reversed
       offset 0) twin
  cross join lateral (select value_on from payment_fact
                       where tenant_id = $1 and payment_id = twin.payment_id offset 0) other
 where p.is_proven is not true and twin.payment_id <> p.payment_id
   and other.value_on between p.value_on - $7::int and p.value_on + $7::int
union all
-- from reversals $4
select 'payment', x.id, n.payment_id
  from unnest($4::uuid[]) x (id)
  cross join lateral (
       select payment_id from reversal_fact
        where tenant_id = $1 and reversal_id = x.id and payment_id is not null
       union all
       select b.payment_id from bank_key r
        cross join lateral (select payment_id from bank_key
                             where tenant_id = $1 and kind = r.kind and value = r.value
                               and payment_id is not null offset 0) b
        where r.tenant_id = $1 and r.reversal_id = x.id
       offset 0) n
union all
-- from customers $5 to live payments
select 'payment', x.id, n.payment_id
  from unnest($5::uuid[]) x (id)
  cross join lateral (
       select payment_id from live_payment where tenant_id = $1 and customer_id = x.id
       union all
       select l.payment_id from payer_account a
        cross join lateral (select payment_id from live_payment
                             where tenant_id = $1 and payer_account = a.account
                               and customer_id is null offset 0) l
        where a.tenant_id = $1 and a.customer_id = x.id
       offset 0) n
union all
-- from payers $6 to live items
select 'invoice', x.id, n.item_id
  from unnest($6::uuid[]) x (id)
  cross join lateral (
       select item_id from open_item
        where tenant_id = $1 and customer_id = x.id and side = 'debit'
       union all
       select item_id from closed_item
        where tenant_id = $1 and customer_id = x.id and side = 'debit' and not at_rest
       offset 0) n
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
