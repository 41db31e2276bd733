"""Import a bank's files: each statement proved, quarantined, or known already."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from billing_shared import outbox
from billing_shared.audit import AuditChange, record
from billing_shared.context import Context
from billing_shared.contracts import Event
from billing_shared.errors import FieldError, Invalid
from billing_shared.ids import new_id
from billing_shared.postgres import Connection
from payment_svc.domain.account import BankAccount, normal_account
from payment_svc.domain.bank_file import BankFile, Statement
from payment_svc.domain.proof import prove
from payment_svc.domain.taking import KeptStatement, keep, summary
from payment_svc.store.accounts import lock_accounts
from payment_svc.store.bank_files import find_file, save_file
from payment_svc.store.statements import (
    find_quarantined,
    find_same,
    insert_statement,
    load_file_statements,
    load_hashes,
    load_later,
    update_statements,
)
from payment_svc.usecases.take_statements import Taking, find_gap, take_statements


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as read, and its original bytes in gzip."""

    file: BankFile
    content: bytes


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a file; `is_repeated` when we have had the very same."""

    file_id: UUID
    sha256: str
    is_repeated: bool
    statements: tuple[KeptStatement, ...]


async def import_bank_files(
    conn: Connection, context: Context, uploads: Sequence[Upload]
) -> list[Imported]:
    """Import files in their order, each whole.

    Invalid `unknown-account`, naming every account that is not ours: nothing is taken then.
    """
    return [await _import(conn, context, upload) for upload in uploads]


async def _import(conn: Connection, context: Context, upload: Upload) -> Imported:
    file, tenant_id = upload.file, context.tenant_id
    accounts = await _our_accounts(conn, context, file)
    had = await find_file(conn, tenant_id, file.sha256)
    if had is not None:
        statements = await load_file_statements(conn, tenant_id, had)
        return Imported(had, file.sha256, True, tuple(statements))
    file_id = new_id()
    await save_file(conn, tenant_id, file_id, file=file, content=upload.content, now=context.now)
    kept, events = [], list[Event]()
    for statement in file.statements:
        account = accounts[normal_account(statement.account)]
        imported, published = await _import_statement(
            conn, context, statement, account, (file_id, file.sha256)
        )
        kept.append(imported)
        events += published
    await outbox.add(conn, context, events)
    return Imported(file_id, file.sha256, False, tuple(kept))


async def _our_accounts(
    conn: Connection, context: Context, file: BankFile
) -> dict[str, BankAccount]:
    wanted = [normal_account(statement.account) for statement in file.statements]
    accounts = await lock_accounts(conn, context.tenant_id, wanted)
    errors = [
        FieldError(f"Stmt[{each.statement_no}].Acct.Id", f"{account} is not ours", each.line)
        for each, account in zip(file.statements, wanted, strict=True)
        if account not in accounts
    ]
    if errors:
        raise Invalid("unknown-account", f"{errors[0].field}: {errors[0].reason}", errors)
    return accounts


async def _import_statement(
    conn: Connection,
    context: Context,
    statement: Statement,
    account: BankAccount,
    file: tuple[UUID, str],
) -> tuple[KeptStatement, list[Event]]:
    file_id, sha256 = file
    statement = replace(statement, account=account.account)
    proof = prove(statement, account.currency, context.now.date())
    kept = keep(
        statement,
        proof,
        currency=account.currency,
        statement_id=new_id(),
        file_id=file_id,
        now=context.now,
    )
    events: list[Event] = []
    if not proof.is_proved:
        await insert_statement(conn, context.tenant_id, kept)
    elif (same := await find_same(conn, context.tenant_id, kept)) is not None:
        kept = replace(kept, state="repeated", same_as=same.statement_id)
        await insert_statement(conn, context.tenant_id, kept)
        await record(conn, context, [_change(kept, sha256)])
        return kept, []
    else:
        [kept], events = await take_statements(
            conn, context, [Taking(kept, statement, proof, is_new=True)]
        )
    await record(conn, context, [_change(kept, sha256)])
    await _supersede(conn, context, kept)
    healed = await _look_at_gaps(conn, context, kept) if proof.is_proved else []
    return kept, [kept.imported(sha256), *events, *healed]


async def _supersede(conn: Connection, context: Context, kept: KeptStatement) -> None:
    """The quarantined statements that this one corrects need no release any more."""
    corrected = [
        replace(old.move("superseded", context.now), superseded_by=kept.statement_id)
        for old in await find_quarantined(conn, context.tenant_id, kept)
    ]
    await update_statements(conn, context.tenant_id, corrected)
    await record(conn, context, [_change(old, None) for old in corrected])


async def _look_at_gaps(conn: Connection, context: Context, kept: KeptStatement) -> list[Event]:
    """A statement that comes late may fill a gap in front of later ones, or show one."""
    changed = []
    for later in await load_later(conn, context.tenant_id, kept):
        gap = await find_gap(conn, context, later)
        if gap != later.gap_after:
            changed.append(replace(later, gap_after=gap, updated_at=context.now))
    await update_statements(conn, context.tenant_id, changed)
    hashes = await load_hashes(conn, context.tenant_id, [each.file_id for each in changed])
    return [each.imported(hashes[each.file_id]) for each in changed if each.state == "proved"]


def _change(kept: KeptStatement, sha256: str | None) -> AuditChange:
    after = summary(kept) | ({"file_sha256": sha256} if sha256 else {})
    return AuditChange("bank-statement", str(kept.statement_id), kept.state, None, after)
