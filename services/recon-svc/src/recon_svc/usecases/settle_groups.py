"""Settle the groups around some facts: decide anew, and post only the difference.

Every event and every decision of a person ends here. The same facts give the same books, because
nothing here looks at what arrived first: `settle` says what ought to be, and what is booked is
brought there by mirror journals and new ones.
"""

from collections.abc import Iterable, Mapping
from uuid import UUID

from billing_shared import outbox
from billing_shared.clock import local_date
from billing_shared.context import Context
from billing_shared.contracts import Envelope
from billing_shared.ids import new_id
from billing_shared.postgres import Connection
from recon_svc.domain.changes import Booked, at_rest
from recon_svc.domain.facts import Group
from recon_svc.domain.plan import Day, Plan
from recon_svc.domain.rules import business_date
from recon_svc.domain.settle import settle
from recon_svc.store import books as books_store
from recon_svc.store import decisions, discrepancies, facts, positions
from recon_svc.store.books import Books
from recon_svc.store.group_facts import load_facts
from recon_svc.store.groups import Seeds, connected, crowded_payers
from recon_svc.store.policies import rulebook

#: The reason given where no person gave one.
BY_THE_FACTS = "settled by the facts"
PEOPLE = frozenset({"user", "client"})


async def settle_groups(
    conn: Connection,
    context: Context,
    books: Books,
    seeds: Seeds,
    causes: Mapping[UUID, Envelope] | None = None,
) -> None:
    """Bring the books of the groups around `seeds` to what their facts say.

    `books` is the tenant's row, locked by the caller before it saved its facts. `causes` tells for
    a fact the event that brought it. Events go to the outbox; never commits.
    """
    tenant_id = context.tenant_id
    today = local_date(context.now, await facts.time_zone(conn, tenant_id))
    book = await rulebook(conn, tenant_id)
    limit, window = book.widest_group_limit, book.widest_window_days
    reach = await connected(conn, tenant_id, seeds, group_limit=limit, window_days=window)
    known = await load_facts(
        conn, tenant_id, reach.components, reach.crowded, posting_stopped=books.are_broken
    )
    groups = [known.group(component) for component in reach.components]
    rules = [book.on(business_date(group, today)) for group in groups]
    plan = Plan(
        groups,
        [settle(group, each.matching) for group, each in zip(groups, rules, strict=True)],
        await _booked(conn, tenant_id, groups),
        rules=rules,
        day=Day(context.now, today),
        new_id=new_id,
    )
    await _write(conn, context, plan)
    await _publish(conn, context, plan, causes or {})
    if causes:
        newest = max(envelope.time for envelope in causes.values())
        await books_store.note_facts(conn, tenant_id, newest)
    if reach.crowded:
        # A payer that fell below the limit just now is matched by amount again.
        crowded = await crowded_payers(conn, tenant_id, reach.crowded, limit)
        if freed := set(reach.crowded) - crowded:
            await settle_groups(conn, context, books, Seeds(payers=freed), causes)


async def _booked(conn: Connection, tenant_id: UUID, groups: Iterable[Group]) -> Booked:
    invoices: list[UUID] = []
    notes: list[UUID] = []
    payments: list[UUID] = []
    reversals: list[UUID] = []
    for group in groups:
        invoices += (i.invoice_id for i in group.invoices)
        notes += (n.credit_note_id for n in group.credit_notes)
        payments += (p.payment_id for p in group.payments)
        reversals += (r.reversal_id for r in group.reversals)
    subjects = (*invoices, *notes, *payments, *reversals)
    return Booked(
        live=tuple(await books_store.live_postings(conn, tenant_id, subjects)),
        items=await positions.items(conn, tenant_id, (*invoices, *notes)),
        payments=await positions.payments(conn, tenant_id, payments),
        discrepancies=await discrepancies.open_ones(conn, tenant_id, subjects),
        credits=await positions.credits(conn, tenant_id, invoices) if notes else {},
    )


async def _write(conn: Connection, context: Context, plan: Plan) -> None:
    """Everything, in the order the constraints ask for: what goes before what takes its place."""
    tenant_id, now, actor = context.tenant_id, context.now, str(context.actor)
    await decisions.save(conn, tenant_id, now, plan.decisions, actor)
    await books_store.post(
        conn, tenant_id, now, plan.journals, actor=actor, reason=_reason(context)
    )
    await positions.save_items(
        conn, tenant_id, now, plan.items(), labels=plan.labels(), resting=plan.resting_items
    )
    await positions.end_allocations(conn, tenant_id, now, plan.ended_allocations())
    await positions.save_allocations(conn, tenant_id, now, plan.new_allocations())
    await positions.save_credits(conn, tenant_id, plan.ended_credits(), plan.new_credits())
    states = [
        (state, plan.decision_id(state.payment_id), plan.policy_sha256(state.payment_id))
        for state in plan.payments
    ]
    await positions.save_payments(conn, tenant_id, now, states)
    await positions.rest_payments(
        conn,
        tenant_id,
        [state.payment_id for state in plan.payments if at_rest(state)],
        [state.payment_id for state in plan.payments if not at_rest(state)],
    )
    reason = _reason(context)
    await discrepancies.resolve(conn, tenant_id, now, plan.endings, actor=actor, reason=reason)
    await discrepancies.save_found(conn, tenant_id, now, plan.found)
    await discrepancies.refresh_evidence(conn, tenant_id, now, plan.stale_evidence)


async def _publish(
    conn: Connection, context: Context, plan: Plan, causes: Mapping[UUID, Envelope]
) -> None:
    """Each event names as its cause the event that brought its fact, or one of the same group."""
    near = {plan.home(fact): envelope for fact, envelope in causes.items()}
    events, why = [], []
    for fact, event in plan.events(str(context.actor), _reason(context)):
        events.append(event)
        why.append(causes.get(fact) or near.get(plan.home(fact)))
    await outbox.add(conn, context, events, why)


def _reason(context: Context) -> str:
    """A batch has one context, and its reason names one event of many: that is no reason here."""
    given = context.reason if context.actor.kind in PEOPLE else None
    return given or BY_THE_FACTS
