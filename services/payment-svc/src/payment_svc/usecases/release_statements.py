"""A person answers for statements that do not prove themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from billing_shared import outbox
from billing_shared.audit import AuditChange, record
from billing_shared.context import Context
from billing_shared.errors import NotFound
from billing_shared.postgres import Connection
from billing_shared.roles import STAFF, rank
from payment_svc.domain.bank_file import BankFile
from payment_svc.domain.proof import prove
from payment_svc.domain.taking import KeptStatement, release, summary
from payment_svc.store.accounts import lock_accounts
from payment_svc.store.statements import load_statement
from payment_svc.usecases.take_statements import Taking, take_statements

RELEASING_RANK = STAFF.index("senior") + 1


@dataclass(frozen=True, slots=True)
class Release:
    """Which statement, why it is to be believed, and its file read again."""

    statement_id: UUID
    reason: str
    file: BankFile


async def release_statements(
    conn: Connection, context: Context, releases: Sequence[Release]
) -> list[KeptStatement]:
    """Publish the readable entries of quarantined statements.

    NotFound; Forbidden `role-too-low`; Invalid `reason-missing`; Conflict
    `statement-not-quarantined`.
    """
    answers = []
    for command in releases:
        kept = await load_statement(conn, context.tenant_id, command.statement_id)
        if kept is None:
            raise NotFound("not-found", "there is no such statement")
        accounts = await lock_accounts(conn, context.tenant_id, [kept.account])
        # Read again under the account's lock: a corrected file may have come in between.
        kept = await load_statement(conn, context.tenant_id, command.statement_id) or kept
        is_allowed = context.actor.kind == "user" and rank(context.roles) >= RELEASING_RANK
        before = summary(kept)
        kept = release(kept, str(context.actor), is_allowed, command.reason, context.now)
        statement = command.file.statements[kept.statement_no - 1]
        proof = prove(statement, accounts[kept.account].currency, kept.created_at.date())
        [kept], events = await take_statements(
            conn, context, [Taking(kept, statement, proof, is_new=False)]
        )
        await outbox.add(conn, context, events)
        change = AuditChange(
            "bank-statement", str(kept.statement_id), "released", before, summary(kept)
        )
        await record(conn, context, [change])
        answers.append(kept)
    return answers
