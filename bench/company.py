"""The company the bench bills for: a seller, customers, and invoices of five lines."""

import json
from typing import Any
from uuid import uuid4

import httpx

from bench.system import System

CUSTOMERS = 200
LINES = 5
_LINE = {"tax_category": "S", "tax_rate": "19"}


async def set_up(system: System) -> list[str]:
    """Introduce the seller and his customers; the customers' ids."""
    body = {
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
    url = system.url("invoice-svc")
    ids: list[str] = []
    async with httpx.AsyncClient(base_url=url, headers=system.headers(), timeout=30) as client:
        (await client.put("/v1/seller", json=body)).raise_for_status()
        for number in range(CUSTOMERS):
            customer = {
                "name": f"Customer {number} Ltd",
                "country": "GB",
                "external_ref": f"crm-{number}",
                "terms": {"net_days": 30},
            }
            answer = await client.post("/v1/customers", json=customer, headers=a_key())
            ids.append(answer.raise_for_status().json()["customer_id"])
    return ids


def an_invoice(customer_id: str, number: int) -> dict[str, Any]:
    """What a caller writes of one invoice: about 800 bytes of JSON."""
    lines = [
        {
            "description": f"Consulting, work package {number % 97}-{at}",
            "quantity": f"{1 + (number + at) % 8}.5",
            "unit_price": f"{90 + (number * 7 + at) % 40}.00",
            **_LINE,
        }
        for at in range(LINES)
    ]
    return {
        "customer_id": customer_id,
        "external_ref": f"order-{uuid4().hex}",
        "currency": "EUR",
        "lines": lines,
    }


def a_key() -> dict[str, str]:
    """A fresh Idempotency-Key."""
    return {"Idempotency-Key": uuid4().hex}


def to_bytes(invoice: dict[str, Any]) -> bytes:
    return json.dumps(invoice, separators=(",", ":")).encode()
