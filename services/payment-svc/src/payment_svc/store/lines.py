"""Statement lines and which statements showed them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from billing_shared.postgres import Connection
from payment_svc.domain.identity import Known
from payment_svc.domain.lines import Line, Sighting


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line as one statement shows it."""

    line: Line
    entry_no: int
    file_line: int
    payment_ids: tuple[UUID, ...]
    reversal_ids: tuple[UUID, ...]


async def load_known(
    conn: Connection, tenant_id: UUID, account: str, keys: Sequence[UUID]
) -> dict[UUID, list[Known]]:
    """The entries of an account we have had under these keys."""
    rows = await conn.fetch(
        """
        select l.entry_key, l.entry_id, l.ordinal, array_agg(g.statement_id) as statement_ids
        from statement_line l
        join line_sighting g on g.tenant_id = l.tenant_id and g.entry_id = l.entry_id
        where l.tenant_id = $1 and l.account = $2 and l.entry_key = any($3::uuid[])
        group by l.entry_key, l.entry_id, l.ordinal
        """,
        tenant_id,
        account,
        list(set(keys)),
    )
    known: dict[UUID, list[Known]] = defaultdict(list)
    for row in rows:
        known[row["entry_key"]].append(
            Known(
                row["entry_id"],
                row["entry_key"],
                row["ordinal"],
                frozenset(row["statement_ids"]),
            )
        )
    return known


async def save_lines(conn: Connection, tenant_id: UUID, lines: Sequence[Line]) -> None:
    """Keep new entries."""
    await conn.execute(
        """
        insert into statement_line
            (tenant_id, entry_id, entry_key, ordinal, account, currency, direction, kind,
             amount_minor, booked_on, value_on, bank_ref, other_name, note)
        select $1, * from unnest(
            $2::uuid[], $3::uuid[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::bigint[], $10::date[], $11::date[], $12::text[], $13::text[], $14::text[])
        """,
        tenant_id,
        [line.entry_id for line in lines],
        [line.entry_key for line in lines],
        [line.ordinal for line in lines],
        [line.account for line in lines],
        [line.currency for line in lines],
        [line.direction for line in lines],
        [line.kind for line in lines],
        [line.amount_minor for line in lines],
        [line.booked_on for line in lines],
        [line.value_on for line in lines],
        [line.bank_ref for line in lines],
        [line.other_name for line in lines],
        [line.note for line in lines],
    )


async def save_sightings(
    conn: Connection, tenant_id: UUID, statement_id: UUID, sightings: Sequence[Sighting]
) -> None:
    """Keep which entries a statement shows, new or not."""
    await conn.execute(
        """
        insert into line_sighting (tenant_id, statement_id, entry_no, file_line, entry_id)
        select $1, $2, * from unnest($3::integer[], $4::integer[], $5::uuid[])
        """,
        tenant_id,
        statement_id,
        [sighting.entry_no for sighting in sightings],
        [sighting.file_line for sighting in sightings],
        [sighting.entry_id for sighting in sightings],
    )


async def list_lines(
    conn: Connection, tenant_id: UUID, statement_id: UUID, after_entry_no: int, limit: int
) -> list[ShownLine]:
    """The lines of a statement in its order, with what became of each."""
    rows = await conn.fetch(
        """
        select g.entry_no, g.file_line, l.*,
               array(select p.payment_id from payment p
                     where p.tenant_id = l.tenant_id and p.entry_id = l.entry_id
                     order by p.part_no) as payment_ids,
               array(select r.reversal_id from reversal r
                     where r.tenant_id = l.tenant_id and r.entry_id = l.entry_id
                     order by r.part_no) as reversal_ids
        from line_sighting g
        join statement_line l on l.tenant_id = g.tenant_id and l.entry_id = g.entry_id
        where g.tenant_id = $1 and g.statement_id = $2 and g.entry_no > $3
        order by g.entry_no limit $4
        """,
        tenant_id,
        statement_id,
        after_entry_no,
        limit,
    )
    return [_from_row(row) for row in rows]


def _from_row(row: Any) -> ShownLine:
    line = Line(
        entry_id=row["entry_id"],
        entry_key=row["entry_key"],
        ordinal=row["ordinal"],
        account=row["account"],
        currency=row["currency"],
        direction=row["direction"],
        kind=row["kind"],
        amount_minor=row["amount_minor"],
        booked_on=row["booked_on"],
        value_on=row["value_on"],
        bank_ref=row["bank_ref"],
        other_name=row["other_name"],
        note=row["note"],
    )
    return ShownLine(
        line,
        row["entry_no"],
        row["file_line"],
        tuple(row["payment_ids"]),
        tuple(row["reversal_ids"]),
    )
