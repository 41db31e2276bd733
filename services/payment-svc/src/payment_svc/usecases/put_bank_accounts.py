"""Say which bank accounts are ours."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from billing_shared.audit import AuditChange, record
from billing_shared.context import Context
from billing_shared.errors import Conflict, PreconditionRequired, Stale
from billing_shared.ids import new_id
from billing_shared.postgres import Connection
from payment_svc.domain.account import BankAccount, check_account, check_name_and_currency
from payment_svc.store.accounts import is_used, lock_accounts, save_accounts


@dataclass(frozen=True, slots=True)
class WantedAccount:
    """An account as a person wants it; `version` is the one they read, None for a new account."""

    account: str
    currency: str
    name: str
    version: int | None = None


async def put_bank_accounts(
    conn: Connection, context: Context, wanted: Sequence[WantedAccount]
) -> list[BankAccount]:
    """Create or change accounts; what is the same already stays untouched.

    Invalid for a bad number, name or currency; PreconditionRequired or Stale when an account that
    exists would be changed unseen; Conflict `account-in-use` for a new currency of a used account.
    """
    checked = [
        replace(
            each,
            account=check_account(each.account),
            name=check_name_and_currency(each.name, each.currency),
        )
        for each in wanted
    ]
    had = await lock_accounts(conn, context.tenant_id, [each.account for each in checked])
    answers, changed = [], []
    for each in checked:
        old = had.get(each.account)
        new = _new(each, context) if old is None else await _changed(conn, context, old, each)
        answers.append(new)
        if new is not old:
            changed.append(AuditChange(*_change(old, new)))
    saved = [new for new in answers if new is not had.get(new.account)]
    await save_accounts(conn, context.tenant_id, saved)
    await record(conn, context, changed)
    return answers


def _new(wanted: WantedAccount, context: Context) -> BankAccount:
    return BankAccount(
        account_id=new_id(),
        account=wanted.account,
        currency=wanted.currency,
        name=wanted.name,
        version=1,
        created_at=context.now,
        updated_at=context.now,
    )


async def _changed(
    conn: Connection, context: Context, old: BankAccount, wanted: WantedAccount
) -> BankAccount:
    if (old.currency, old.name) == (wanted.currency, wanted.name):
        return old
    if wanted.version is None:
        raise PreconditionRequired("precondition-required", "the account exists: send If-Match")
    if wanted.version != old.version:
        raise Stale("stale", f"the account is at version {old.version}")
    if old.currency != wanted.currency and await is_used(conn, context.tenant_id, old.account):
        raise Conflict("account-in-use", f"money is booked on it in {old.currency}")
    return replace(
        old,
        currency=wanted.currency,
        name=wanted.name,
        version=old.version + 1,
        updated_at=context.now,
    )


def _change(
    old: BankAccount | None, new: BankAccount
) -> tuple[str, str, str, dict[str, object] | None, dict[str, object]]:
    action = "created" if old is None else "changed"
    before = None if old is None else asdict(old)
    return ("bank-account", new.account, action, before, asdict(new))
