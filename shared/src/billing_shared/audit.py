"""Audit: who changed what, and why; written in the transaction of the change, chained later.

`record` writes the entries. The sealer (see audit_chain.py) chains them within a second, so that no
change has to wait for another of its tenant.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from billing_shared.context import Context
from billing_shared.ids import new_id
from billing_shared.postgres import Connection
from billing_shared.writes import Write, write

_RECORD = """
entry as (
    insert into audit_entry (tenant_id, entry_id, at, actor_kind, actor_id, action, subject_kind,
        subject_id, reason, before, after, correlation_id)
    select $1, entry_id, $2, $3, $4, action, subject_kind, subject_id, $5, before, after, $6
    from unnest($7::uuid[], $8::text[], $9::text[], $10::text[], $11::jsonb[], $12::jsonb[])
        as e (entry_id, action, subject_kind, subject_id, before, after)
), unsealed as (
    insert into audit_unsealed (tenant_id, entry_id) select $1, unnest($7::uuid[])
)
"""


@dataclass(frozen=True, slots=True)
class AuditChange:
    """One thing that changed. `before` is None for a thing that is new, `after` for one deleted.

    Both hold what changed, or the whole thing; anything orjson can write. No secrets.
    """

    subject_kind: str
    subject_id: str
    action: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


async def record(conn: Connection, context: Context, changes: Sequence[AuditChange]) -> None:
    """Store what changed, with the actor and reason of the context; one statement for all."""
    if changes:
        await write(conn, [recording(context, changes)], None)


def recording(context: Context, changes: Sequence[AuditChange]) -> Write:
    """The write that `record` is made of, to go out together with others; something changed."""
    values = (
        context.tenant_id,
        context.now,
        context.actor.kind,
        context.actor.id,
        context.reason,
        context.correlation_id,
        [new_id() for _ in changes],
        [change.action for change in changes],
        [change.subject_kind for change in changes],
        [str(change.subject_id) for change in changes],
        [_plain(change.before) for change in changes],
        [_plain(change.after) for change in changes],
    )
    return Write(_RECORD, values)


def _plain(state: Mapping[str, Any] | None) -> Any:
    """As JSON will hold it: decimals and other exact values become strings."""
    return None if state is None else orjson.loads(orjson.dumps(dict(state), default=str))
