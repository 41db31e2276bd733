"""The tenant as seller."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from billing_shared.contracts.invoice import Address
from billing_shared.errors import NotFound
from billing_shared.http import Door, VersionOrNone, may, respond
from invoice_svc.api import wire
from invoice_svc.domain.seller import Seller, SellerDetails
from invoice_svc.store import sellers
from invoice_svc.usecases.put_seller import put_seller

router = APIRouter(tags=["seller"])


class SellerBody(wire.Request):
    """Who issues, in which time zone (IANA), keeping books in which currency."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Nordwind Consulting GmbH",
                    "address": {
                        "lines": ["Hafenstr. 12"],
                        "postal_code": "20457",
                        "city": "Hamburg",
                        "country": "DE",
                    },
                    "tax_ids": ["DE123456789"],
                    "time_zone": "Europe/Berlin",
                    "base_currency": "EUR",
                }
            ]
        }
    )

    name: wire.Name
    address: wire.AddressBody
    country: wire.CountryCode | None = None
    tax_ids: Annotated[tuple[wire.Ref, ...], Field(max_length=10)] = ()
    time_zone: Annotated[str, Field(max_length=60, pattern="^[A-Za-z0-9_+/-]+$")]
    base_currency: wire.CurrencyCode

    def details(self) -> SellerDetails:
        return SellerDetails(
            self.name,
            self.address.address(),
            self.country or self.address.country,
            self.tax_ids,
            self.time_zone,
            self.base_currency,
        )


class AddressView(BaseModel):
    """A postal address; `lines` from most to least specific."""

    lines: list[str]
    postal_code: str
    city: str
    country: str

    @classmethod
    def of(cls, address: Address) -> "AddressView":
        return cls(
            lines=address.lines,
            postal_code=address.postal_code,
            city=address.city,
            country=address.country,
        )


class SellerView(BaseModel):
    """The seller as it stands; `seller_id` is the tenant's id."""

    seller_id: UUID
    name: str
    address: AddressView
    country: str
    tax_ids: list[str]
    time_zone: str
    base_currency: str
    version: int
    updated_at: datetime

    @classmethod
    def of(cls, tenant_id: UUID, seller: Seller) -> "SellerView":
        details = seller.details
        return cls(
            seller_id=tenant_id,
            name=details.name,
            address=AddressView.of(details.address),
            country=details.country,
            tax_ids=list(details.tax_ids),
            time_zone=details.time_zone,
            base_currency=details.base_currency,
            version=seller.version,
            updated_at=seller.updated_at,
        )


@router.put("/v1/seller", response_model=SellerView)
async def set_seller(
    body: SellerBody, door: Annotated[Door, may("sellers:write")], version: VersionOrNone
) -> Response:
    """Say who you are: the first call of every tenant. If-Match is needed to change it later."""
    async with door.change() as change:
        seller = await put_seller(change.conn, change.context, body.details(), version)
        view = SellerView.of(change.context.tenant_id, seller)
        return await change.answer(200, view, etag=seller.version)


@router.get("/v1/seller", response_model=SellerView)
async def get_seller(door: Annotated[Door, may("sellers:read")]) -> Response:
    """The seller as it stands; 404 before the first PUT."""
    async with door.read() as (conn, context):
        seller = await sellers.load(conn, context.tenant_id)
    if seller is None:
        raise NotFound("not-found", "no seller yet: PUT /v1/seller")
    return respond(200, SellerView.of(context.tenant_id, seller), etag=seller.version)
