"""Customers: whom we bill."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from billing_shared.contracts.invoice import Email
from billing_shared.errors import NotFound
from billing_shared.http import Door, Version, may, respond
from billing_shared.paging import Listed, Paged
from invoice_svc.api import wire
from invoice_svc.api.sellers import AddressView
from invoice_svc.domain.customer import Customer, CustomerDetails, CustomerRef
from invoice_svc.domain.terms import TermsRule
from invoice_svc.store import customers
from invoice_svc.usecases.anonymise_customer import anonymise_customer
from invoice_svc.usecases.create_customers import create_customers
from invoice_svc.usecases.replace_customer import replace_customer

router = APIRouter(tags=["customers"])

#: An address as mail servers take it; the narrow set keeps header injection out.
MailAddress = Annotated[
    str,
    StringConstraints(max_length=254, pattern=r"^[^@\s<>(),;:\\\"]+@[^@\s<>(),;:\\\"]+$"),
    wire.Says("must be a mail address such as name@example.com"),
]
Account = Annotated[
    str,
    StringConstraints(pattern="^[0-9A-Za-z /-]{4,42}$"),
    wire.Says("must be an IBAN or an account number"),
]


class EmailBody(wire.Request):
    """Where mail goes, and what for: `billing`, `dunning`, `remittance` ..."""

    role: Annotated[str, StringConstraints(max_length=40, pattern="^[a-z][a-z-]*$")] = "billing"
    address: MailAddress


class CustomerBody(wire.Request):
    """All that is known of a customer; PUT replaces it whole."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Example Trading Ltd",
                    "external_ref": "crm-4711",
                    "country": "GB",
                    "emails": [{"role": "billing", "address": "accounts@trading.example"}],
                    "bank_accounts": ["GB33BUKB20201555555555"],
                    "terms": {"net_days": 14},
                }
            ]
        }
    )

    name: wire.Name
    country: wire.CountryCode
    external_ref: wire.Ref | None = None
    aliases: Annotated[tuple[wire.Name, ...], Field(max_length=20)] = ()
    tax_ids: Annotated[tuple[wire.Ref, ...], Field(max_length=10)] = ()
    locale: Annotated[
        str,
        StringConstraints(pattern="^[a-z]{2,3}(-[A-Z]{2})?$"),
        wire.Says("must be a language tag such as en or de-CH"),
    ] = "en"
    emails: Annotated[tuple[EmailBody, ...], Field(max_length=20)] = ()
    bank_accounts: Annotated[tuple[Account, ...], Field(max_length=20)] = ()
    address: wire.AddressBody | None = None
    terms: wire.TermsBody = wire.TermsBody()

    def details(self) -> CustomerDetails:
        return CustomerDetails(
            name=self.name,
            country=self.country,
            external_ref=self.external_ref,
            aliases=self.aliases,
            tax_ids=self.tax_ids,
            locale=self.locale,
            emails=tuple(Email(role=mail.role, address=mail.address) for mail in self.emails),
            bank_accounts=self.bank_accounts,
            address=self.address.address() if self.address else None,
            terms=self.terms.rule(),
        )


class EmailView(BaseModel):
    """Where mail goes, and what for."""

    role: str
    address: str


class EarlyPaymentView(BaseModel):
    """`percent` off, if paid within `days` of issue."""

    days: int
    percent: str


class TermsView(BaseModel):
    """Payment terms before they are dates."""

    net_days: int
    early_payment: list[EarlyPaymentView]

    @classmethod
    def of(cls, rule: TermsRule) -> "TermsView":
        steps = [EarlyPaymentView(days=one.days, percent=one.percent) for one in rule.early_payment]
        return cls(net_days=rule.net_days, early_payment=steps)


class CustomerView(BaseModel):
    """A customer as it stands. Anonymised: what says who it is, is gone."""

    customer_id: UUID
    external_ref: str | None
    status: Literal["active", "anonymised"]
    name: str
    country: str
    aliases: list[str]
    tax_ids: list[str]
    locale: str
    emails: list[EmailView]
    bank_accounts: list[str]
    address: AddressView | None
    terms: TermsView
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, customer: Customer) -> "CustomerView":
        details = customer.details
        return cls(
            customer_id=customer.customer_id,
            external_ref=details.external_ref,
            status=customer.status,
            name=details.name,
            country=details.country,
            aliases=list(details.aliases),
            tax_ids=list(details.tax_ids),
            locale=details.locale,
            emails=[EmailView(role=mail.role, address=mail.address) for mail in details.emails],
            bank_accounts=list(details.bank_accounts),
            address=AddressView.of(details.address) if details.address else None,
            terms=TermsView.of(details.terms),
            version=customer.version,
            created_at=customer.created_at,
            updated_at=customer.updated_at,
        )


class AnonymiseBody(wire.Request):
    """Why a customer is to be forgotten."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "asked for erasure on 3 March"}]}
    )

    reason: wire.Reason


@router.post("/v1/customers", status_code=201, response_model=CustomerView)
async def add_customer(
    body: CustomerBody, door: Annotated[Door, may("customers:write")]
) -> Response:
    """Create a customer. An external_ref in use: 409 `already-exists`, naming our id."""
    async with door.change() as change:
        outcomes = await create_customers(change.conn, change.context, [body.details()])
        customer = wire.only(outcomes)
        return await change.answer(
            201,
            CustomerView.of(customer),
            location=f"/v1/customers/{customer.customer_id}",
            etag=customer.version,
        )


@router.get("/v1/customers", response_model=Listed[CustomerView])
async def list_customers(
    door: Annotated[Door, may("customers:read")],
    page: Paged,
    external_ref: Annotated[str | None, Query(max_length=100)] = None,
    status: Literal["active", "anonymised"] | None = None,
) -> Listed[CustomerView]:
    """Customers in the order of their last change."""
    async with door.read() as (conn, context):
        rows = await customers.page(
            conn,
            context.tenant_id,
            external_ref=external_ref,
            status=status,
            after=page.after,
            updated_after=page.updated_after,
            limit=page.limit,
        )
    return page.answer(rows, lambda row: (row.updated_at, row.customer_id), CustomerView.of)


@router.get("/v1/customers/{customer_id}", response_model=CustomerView)
async def get_customer(customer_id: UUID, door: Annotated[Door, may("customers:read")]) -> Response:
    """One customer."""
    ref = CustomerRef(customer_id)
    async with door.read() as (conn, context):
        found = await customers.find(conn, context.tenant_id, [ref])
    if ref not in found:
        raise NotFound("not-found", f"no customer {customer_id}")
    return respond(200, CustomerView.of(found[ref]), etag=found[ref].version)


@router.put("/v1/customers/{customer_id}", response_model=CustomerView)
async def put_customer(
    customer_id: UUID,
    body: CustomerBody,
    door: Annotated[Door, may("customers:write")],
    version: Version,
) -> Response:
    """Replace what is known of a customer; If-Match says which version you read."""
    async with door.change() as change:
        customer = await replace_customer(
            change.conn, change.context, customer_id, version, body.details()
        )
        return await change.answer(200, CustomerView.of(customer), etag=customer.version)


@router.post("/v1/customers/{customer_id}/anonymise", response_model=CustomerView)
async def forget_customer(
    customer_id: UUID,
    body: AnonymiseBody,
    door: Annotated[Door, may("customers:write", is_watched=True)],
) -> Response:
    """Erase the personal data of a customer for good. Issued documents keep theirs."""
    async with door.change(body.reason) as change:
        customer = await anonymise_customer(change.conn, change.context, customer_id)
        return await change.answer(200, CustomerView.of(customer), etag=customer.version)
