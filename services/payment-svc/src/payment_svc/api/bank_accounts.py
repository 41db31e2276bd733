"""Our bank accounts."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict

from billing_shared.errors import NotFound
from billing_shared.http import Door, VersionOrNone, may, respond
from billing_shared.paging import Listed, Paged
from payment_svc.api import wire
from payment_svc.domain.account import BankAccount, normal_account
from payment_svc.store import accounts
from payment_svc.usecases.put_bank_accounts import WantedAccount, put_bank_accounts

router = APIRouter(tags=["bank accounts"])

AccountInPath = Annotated[
    str,
    Path(
        max_length=42,
        pattern=wire.ACCOUNT_PATTERN,
        description="IBAN or local number",
        examples=["DE89370400440532013000"],
    ),
]


class BankAccountBody(wire.Request):
    """Name and currency of one of our accounts."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Main account", "currency": "EUR"}]}
    )

    name: wire.Name
    currency: wire.CurrencyCode


class BankAccountView(BaseModel):
    """One of our accounts."""

    account: str
    name: str
    currency: str
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, account: BankAccount) -> "BankAccountView":
        return cls(
            account=account.account,
            name=account.name,
            currency=account.currency,
            version=account.version,
            created_at=account.created_at,
            updated_at=account.updated_at,
        )


@router.put("/v1/bank-accounts/{account}", response_model=BankAccountView)
async def put_bank_account(
    account: AccountInPath,
    body: BankAccountBody,
    door: Annotated[Door, may("bank-accounts:write")],
    version: VersionOrNone,
) -> Response:
    """Say that an account is ours. If-Match is needed only to change one that exists."""
    wanted = WantedAccount(account, body.currency, body.name, version)
    async with door.change() as change:
        [kept] = await put_bank_accounts(change.conn, change.context, [wanted])
        return await change.answer(200, BankAccountView.of(kept), etag=kept.version)


@router.get("/v1/bank-accounts/{account}", response_model=BankAccountView)
async def get_bank_account(
    account: AccountInPath, door: Annotated[Door, may("bank-accounts:read")]
) -> Response:
    """One of our accounts."""
    name = normal_account(account)
    async with door.read() as (conn, context):
        found = await accounts.load_accounts(conn, context.tenant_id, [name])
    if name not in found:
        raise NotFound("not-found", "no such bank account of ours")
    return respond(200, BankAccountView.of(found[name]), etag=found[name].version)


@router.get("/v1/bank-accounts", response_model=Listed[BankAccountView])
async def list_bank_accounts(
    door: Annotated[Door, may("bank-accounts:read")], page: Paged
) -> Listed[BankAccountView]:
    """Our accounts in the order of their last change."""
    async with door.read() as (conn, context):
        rows = await accounts.list_accounts(
            conn, context.tenant_id, page.after, page.updated_after, page.limit
        )
    return page.answer(rows, lambda row: (row.updated_at, row.account_id), BankAccountView.of)
