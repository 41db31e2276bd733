"""Changes of the HTTP document, one by one: which of them callers would feel."""

import copy
import json
from pathlib import Path

import pytest

from billing_shared.openapi_promises import broken_promises
from billing_shared.promises import broken_openapi

DOCS = Path(__file__).parents[2] / "docs"
OLD = json.loads((DOCS / "openapi.json").read_text())
DRAFT, ONE = "/v1/invoices", "/v1/invoices/{invoice_id}"


def schemas(document):
    return document["components"]["schemas"]


def parameter(document, path, method, name):
    return next(p for p in document["paths"][path][method]["parameters"] if p["name"] == name)


def listed(document):
    return schemas(document)["Listed_InvoiceSummary_"]


FINE = {
    "nothing": lambda d: None,
    "a route": lambda d: d["paths"].update({"/v1/new": d["paths"][ONE]}),
    "a method": lambda d: d["paths"][ONE].update(head=d["paths"][ONE]["get"]),
    "an optional parameter": lambda d: d["paths"][DRAFT]["get"]["parameters"].append(
        {"name": "new", "in": "query", "required": False, "schema": {"type": "string"}}
    ),
    "a refusal": lambda d: d["paths"][ONE]["get"]["responses"].update(
        {"410": {"description": "gone"}}
    ),
    "an optional field asked": lambda d: schemas(d)["InvoiceBody"]["properties"].update(
        new={"type": "string"}
    ),
    "a field answered": lambda d: listed(d)["properties"].update(new={"type": "string"}),
    "a higher limit": lambda d: parameter(d, DRAFT, "get", "limit")["schema"].update(maximum=500),
    "words": lambda d: d["paths"][ONE]["get"].update(summary="Other words"),
}
BREAKS = {
    "a route removed": (lambda d: d["paths"].pop(ONE), f"GET {ONE} was removed"),
    "a method removed": (lambda d: d["paths"][DRAFT].pop("post"), f"POST {DRAFT} was removed"),
    "a field answered no more": (
        lambda d: listed(d)["properties"].pop("next_cursor"),
        "200: value.next_cursor was removed",
    ),
    "a field answered sometimes": (
        lambda d: listed(d)["required"].remove("items"),
        "value.items is required, but need not be there",
    ),
    "another type answered": (
        lambda d: listed(d)["properties"].update(items={"type": "string"}),
        "200: value.items: type string is not taken",
    ),
    "a field asked for": (
        lambda d: (
            schemas(d)["InvoiceBody"]["properties"].update(new={"type": "string"}),
            schemas(d)["InvoiceBody"]["required"].append("new"),
        ),
        "body of application/json: value.new is required",
    ),
    "a field taken no more": (
        lambda d: schemas(d)["InvoiceBody"]["properties"].pop("lines"),
        "body of application/json: value.lines is not known",
    ),
    "a parameter removed": (
        lambda d: d["paths"][DRAFT]["get"]["parameters"].pop(0),
        "parameter customer_id was removed",
    ),
    "a parameter required": (
        lambda d: parameter(d, DRAFT, "get", "state").update(required=True),
        "parameter state became required",
    ),
    "a lower limit": (
        lambda d: parameter(d, DRAFT, "get", "limit")["schema"].update(maximum=100),
        "parameter limit: value: maximum is 100",
    ),
    "another scope": (
        lambda d: d["paths"][ONE]["get"].update({"x-required-scope": "ledger:read"}),
        "asks for ledger:read, not invoices:read",
    ),
    "another success": (
        lambda d: d["paths"][DRAFT]["post"]["responses"].update(
            {"202": d["paths"][DRAFT]["post"]["responses"].pop("201")}
        ),
        "never answers 201 any more",
    ),
    "another content": (
        lambda d: d["paths"][DRAFT]["post"]["responses"]["201"].update(content={"text/plain": {}}),
        "201: no longer application/json",
    ),
    "another body": (
        lambda d: d["paths"][DRAFT]["post"]["requestBody"].update(content={"text/plain": {}}),
        "no body of application/json is taken any more",
    ),
}


@pytest.mark.parametrize("change", FINE.values(), ids=FINE)
def test_what_only_adds_passes(change):
    new = copy.deepcopy(OLD)
    change(new)
    assert broken_promises(OLD, new) == []


@pytest.mark.parametrize(("change", "reason"), BREAKS.values(), ids=BREAKS)
def test_what_a_caller_would_feel_is_named(change, reason):
    new = copy.deepcopy(OLD)
    change(new)
    found = broken_promises(OLD, new)
    assert any(reason in line for line in found), found


def test_the_document_of_today_keeps_the_promises_of_the_last_release():
    assert (DOCS / "promised" / "openapi.json").exists()
    assert broken_openapi(DOCS / "promised", OLD) == []
