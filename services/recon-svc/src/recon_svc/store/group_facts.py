"""The facts of connected components, loaded once for all of them and dealt out."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from billing_shared.postgres import Connection
from recon_svc.domain.components import Component
from recon_svc.domain.facts import (
    AcceptShort,
    Apply,
    BankReference,
    CreditNote,
    Dismiss,
    Group,
    Invoice,
    KeepOnAccount,
    LiveAllocation,
    Payment,
    Resolution,
    Reversal,
    Unapply,
)


@dataclass(slots=True)
class LoadedFacts:
    """Everything a set of components needs; `group` deals out one component's share."""

    invoices: dict[UUID, Invoice]
    credit_notes: dict[UUID, list[CreditNote]]
    payments: dict[UUID, Payment]
    reversals: dict[UUID, Reversal]
    resolutions: list[Resolution]
    customers: frozenset[UUID]
    payers: dict[str, frozenset[UUID]]
    crowded: frozenset[UUID]
    allocations: list[LiveAllocation] | None

    def group(self, component: Component) -> Group:
        """One component as `settle` takes it. Invoices not yet heard of are left out."""
        payments = tuple(self.payments[id_] for id_ in component.payments if id_ in self.payments)
        accounts = {payment.payer_account for payment in payments}
        named = {payment.customer_id for payment in payments}
        stopped = self.allocations
        return Group(
            invoices=tuple(self.invoices[i] for i in component.invoices if i in self.invoices),
            credit_notes=tuple(
                note for id_ in component.invoices for note in self.credit_notes.get(id_, ())
            ),
            payments=payments,
            reversals=tuple(self.reversals[r] for r in component.reversals if r in self.reversals),
            resolutions=tuple(r for r in self.resolutions if _concerns(r, component)),
            customers=frozenset(self.customers & named),
            payers={a: o for a, o in self.payers.items() if a in accounts},
            crowded=self.crowded & component.customers,
            posting_stopped=None
            if stopped is None
            else frozenset(a for a in stopped if a.payment_id in component.payments),
        )


async def load_facts(
    conn: Connection,
    tenant_id: UUID,
    parts: Iterable[Component],
    crowded: frozenset[UUID],
    *,
    posting_stopped: bool,
) -> LoadedFacts:
    """One statement per kind of fact, whatever the number of components."""
    parts = list(parts)
    invoices = [id_ for part in parts for id_ in part.invoices]
    payment_ids = [id_ for part in parts for id_ in part.payments]
    reversals = [id_ for part in parts for id_ in part.reversals]
    payments = await _payments(conn, tenant_id, payment_ids)
    customers, payers = await _payers(conn, tenant_id, payments.values())
    notes: dict[UUID, list[CreditNote]] = {}
    for note in await _credit_notes(conn, tenant_id, invoices):
        notes.setdefault(note.invoice_id, []).append(note)
    return LoadedFacts(
        invoices=await _invoices(conn, tenant_id, invoices),
        credit_notes=notes,
        payments=payments,
        reversals=await _reversals(conn, tenant_id, reversals) if reversals else {},
        resolutions=await _resolutions(conn, tenant_id, invoices, payment_ids),
        customers=customers,
        payers=payers,
        crowded=crowded,
        allocations=await _allocations(conn, tenant_id, payment_ids) if posting_stopped else None,
    )


def _concerns(resolution: Resolution, component: Component) -> bool:
    if isinstance(resolution, AcceptShort | Dismiss):
        return resolution.invoice_id in component.invoices
    return resolution.payment_id in component.payments


async def _invoices(conn: Connection, tenant_id: UUID, ids: list[UUID]) -> dict[UUID, Invoice]:
    rows = await conn.fetch(
        """
        select i.invoice_id, i.number, i.customer_id, i.currency, i.issued_on, i.due_on,
               i.gross_minor, i.due_minor, i.payment_reference, v.voided_on
          from invoice_fact i
          left join void_fact v on v.tenant_id = i.tenant_id and v.invoice_id = i.invoice_id
         where i.tenant_id = $1 and i.invoice_id = any($2::uuid[])
        """,
        tenant_id,
        ids,
    )
    return {row["invoice_id"]: Invoice(**row) for row in rows}


async def _credit_notes(
    conn: Connection, tenant_id: UUID, invoices: list[UUID]
) -> list[CreditNote]:
    rows = await conn.fetch(
        """
        select credit_note_id, number, invoice_id, customer_id, currency, issued_on, gross_minor
          from credit_note_fact where tenant_id = $1 and invoice_id = any($2::uuid[])
        """,
        tenant_id,
        invoices,
    )
    return [CreditNote(**row) for row in rows]


async def _payments(conn: Connection, tenant_id: UUID, ids: list[UUID]) -> dict[UUID, Payment]:
    if not ids:
        return {}
    rows = await conn.fetch(
        """
        select payment_id, amount_minor, currency, value_on, payer_account, customer_id,
               remittance_lines, reference_kinds, reference_values
          from payment_fact where tenant_id = $1 and payment_id = any($2::uuid[])
        """,
        tenant_id,
        ids,
    )
    return {
        row["payment_id"]: Payment(
            payment_id=row["payment_id"],
            amount_minor=row["amount_minor"],
            currency=row["currency"],
            value_on=row["value_on"],
            payer_account=row["payer_account"],
            customer_id=row["customer_id"],
            remittance_lines=tuple(row["remittance_lines"]),
            references=_references(row),
        )
        for row in rows
    }


async def _reversals(conn: Connection, tenant_id: UUID, ids: list[UUID]) -> dict[UUID, Reversal]:
    rows = await conn.fetch(
        """
        select reversal_id, payment_id, amount_minor, currency, value_on,
               reference_kinds, reference_values
          from reversal_fact where tenant_id = $1 and reversal_id = any($2::uuid[])
        """,
        tenant_id,
        ids,
    )
    return {
        row["reversal_id"]: Reversal(
            reversal_id=row["reversal_id"],
            payment_id=row["payment_id"],
            amount_minor=row["amount_minor"],
            currency=row["currency"],
            value_on=row["value_on"],
            references=_references(row),
        )
        for row in rows
    }


async def _resolutions(
    conn: Connection, tenant_id: UUID, invoices: list[UUID], payments: list[UUID]
) -> list[Resolution]:
    rows = await conn.fetch(
        """
        select * from resolution where tenant_id = $1 and payment_id = any($3::uuid[])
        union
        select * from resolution where tenant_id = $1 and invoice_id = any($2::uuid[])
         order by seq
        """,
        tenant_id,
        invoices,
        payments,
    )
    return [_resolution(row) for row in rows]


def _resolution(row: Any) -> Resolution:
    id_, payment, invoice = row["resolution_id"], row["payment_id"], row["invoice_id"]
    match row["action"]:
        case "apply":
            return Apply(id_, payment, invoice, row["amount_minor"])
        case "un-apply":
            return Unapply(id_, payment, invoice)
        case "keep-on-account":
            return KeepOnAccount(id_, payment, row["customer_id"], row["amount_minor"])
        case "accept-short":
            return AcceptShort(id_, invoice, row["amount_minor"])
        case _:
            return Dismiss(id_, row["code"], invoice, row["amount_minor"])


async def _payers(
    conn: Connection, tenant_id: UUID, payments: Iterable[Payment]
) -> tuple[frozenset[UUID], dict[str, frozenset[UUID]]]:
    """Which named customers we have heard of, and who owns each payer's account."""
    payments = list(payments)
    named = {p.customer_id for p in payments if p.customer_id}
    accounts = {p.payer_account for p in payments if p.payer_account}
    if not (named or accounts):
        return frozenset(), {}
    rows = await conn.fetch(
        """
        select null as account, customer_id from customer_copy
         where tenant_id = $1 and customer_id = any($2::uuid[])
        union all
        select account, customer_id from payer_account
         where tenant_id = $1 and account = any($3::text[])
        """,
        tenant_id,
        list(named),
        list(accounts),
    )
    owners: dict[str, set[UUID]] = {}
    for row in rows:
        if row["account"] is not None:
            owners.setdefault(row["account"], set()).add(row["customer_id"])
    return (
        frozenset(row["customer_id"] for row in rows if row["account"] is None),
        {account: frozenset(customers) for account, customers in owners.items()},
    )


async def _allocations(
    conn: Connection, tenant_id: UUID, payments: list[UUID]
) -> list[LiveAllocation]:
    rows = await conn.fetch(
        """
        select payment_id, invoice_id, amount_minor from allocation
         where tenant_id = $1 and payment_id = any($2::uuid[]) and ended_by is null
        """,
        tenant_id,
        payments,
    )
    return [LiveAllocation(**row) for row in rows]


def _references(row: Any) -> tuple[BankReference, ...]:
    pairs = zip(row["reference_kinds"], row["reference_values"], strict=True)
    return tuple(BankReference(kind, value) for kind, value in pairs)
