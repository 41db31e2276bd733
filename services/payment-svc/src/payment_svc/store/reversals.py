"""What was taken back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from billing_shared.contracts.payment import Reference
from billing_shared.postgres import Connection
from payment_svc.domain.payment import Reversal


async def save_reversals(
    conn: Connection, tenant_id: UUID, reversals: Sequence[Reversal], now: datetime
) -> None:
    """Keep new reversals; the database refuses a second one of the same payment."""
    await conn.execute(
        """
        insert into reversal
            (tenant_id, created_at, reversal_id, payment_id, account, currency, amount_minor,
             booked_on, value_on, kind, reason_code, reason, particulars, statement_id,
             entry_no, entry_id, part_no)
        select $1, $2, * from unnest(
            $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::bigint[], $8::date[], $9::date[],
            $10::text[], $11::text[], $12::text[], $13::jsonb[], $14::uuid[], $15::integer[],
            $16::uuid[], $17::integer[])
        """,
        tenant_id,
        now,
        [reversal.reversal_id for reversal in reversals],
        [reversal.payment_id for reversal in reversals],
        [reversal.account for reversal in reversals],
        [reversal.currency for reversal in reversals],
        [reversal.amount_minor for reversal in reversals],
        [reversal.booked_on for reversal in reversals],
        [reversal.value_on for reversal in reversals],
        [reversal.kind for reversal in reversals],
        [reversal.reason_code for reversal in reversals],
        [reversal.reason for reversal in reversals],
        [{"references": msgspec.to_builtins(reversal.references)} for reversal in reversals],
        [reversal.statement_id for reversal in reversals],
        [reversal.entry_no for reversal in reversals],
        [reversal.entry_id for reversal in reversals],
        [reversal.part_no for reversal in reversals],
    )


async def list_payment_reversals(
    conn: Connection, tenant_id: UUID, payment_id: UUID
) -> list[Reversal]:
    """The reversals of one payment: none or one."""
    rows = await conn.fetch(
        "select * from reversal where tenant_id = $1 and payment_id = $2", tenant_id, payment_id
    )
    return [_from_row(row) for row in rows]


def _from_row(row: Any) -> Reversal:
    return Reversal(
        reversal_id=row["reversal_id"],
        payment_id=row["payment_id"],
        account=row["account"],
        amount_minor=row["amount_minor"],
        currency=row["currency"],
        booked_on=row["booked_on"],
        value_on=row["value_on"],
        kind=row["kind"],
        reason_code=row["reason_code"],
        reason=row["reason"],
        references=tuple(msgspec.convert(row["particulars"]["references"], list[Reference])),
        statement_id=row["statement_id"],
        entry_no=row["entry_no"],
        entry_id=row["entry_id"],
        part_no=row["part_no"],
    )
