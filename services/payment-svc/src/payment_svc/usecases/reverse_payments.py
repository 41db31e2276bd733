"""Take back receipts that were entered in error."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from billing_shared import outbox
from billing_shared.audit import AuditChange, record
from billing_shared.context import Context
from billing_shared.errors import NotFound
from billing_shared.ids import new_id
from billing_shared.postgres import Connection
from payment_svc.domain.payment import Reversal, take_back
from payment_svc.store.payments import load_payments, lock_payments, touch_payments
from payment_svc.store.reversals import save_reversals


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Which receipt, and why."""

    payment_id: UUID
    reason: str


async def reverse_payments(
    conn: Connection, context: Context, commands: Sequence[TakeBack]
) -> list[Reversal]:
    """Reverse receipts by hand, each whole and once.

    NotFound for an unknown payment; Conflict `not-manual` or `already-reversed`; Invalid
    `reason-missing`.
    """
    payment_ids = [command.payment_id for command in commands]
    await lock_payments(conn, context.tenant_id, payment_ids)
    kept = await load_payments(conn, context.tenant_id, payment_ids)
    reversals: list[Reversal] = []
    taken: set[UUID] = set()
    for command in commands:
        found = kept.get(command.payment_id)
        if found is None:
            raise NotFound("not-found", "there is no such payment")
        is_reversed = found.reversal_id is not None or command.payment_id in taken
        taken.add(command.payment_id)
        reversals.append(
            take_back(found.payment, new_id(), context.now.date(), command.reason, is_reversed)
        )
    await save_reversals(conn, context.tenant_id, reversals, context.now)
    await touch_payments(conn, context.tenant_id, payment_ids, context.now)
    await outbox.add(conn, context, [reversal.reversed() for reversal in reversals])
    await record(conn, context, [_change(reversal) for reversal in reversals])
    return reversals


def _change(reversal: Reversal) -> AuditChange:
    after = {
        "reversal_id": str(reversal.reversal_id),
        "amount_minor": reversal.amount_minor,
        "currency": reversal.currency,
        "kind": reversal.kind,
        "reason": reversal.reason,
    }
    return AuditChange("payment", str(reversal.payment_id), "reversed", None, after)
