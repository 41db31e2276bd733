"""The OpenAPI document holds together, and its examples are accepted by the bodies they explain."""

import pytest

from billing_shared.doors import Resources
from billing_shared.http import create_app
from invoice_svc.api import ROUTERS
from invoice_svc.api.customers import AnonymiseBody, CustomerBody
from invoice_svc.api.imported_requests import ImportLine
from invoice_svc.api.invoice_requests import BulkLine, CreditBody, InvoiceBody, IssueBody, VoidBody
from invoice_svc.api.sellers import SellerBody
from invoice_svc.domain.totals import work_out

BODIES = [
    AnonymiseBody,
    BulkLine,
    CreditBody,
    CustomerBody,
    ImportLine,
    InvoiceBody,
    IssueBody,
    SellerBody,
    VoidBody,
]


def references(node):
    if isinstance(node, dict):
        yield from ([node["$ref"]] if "$ref" in node else [])
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_reference_leads_somewhere():
    document = create_app(ROUTERS, Resources("invoice-svc", None, b"0" * 32)).openapi()
    found = set(references(document))
    assert found
    for reference in found:
        node = document
        for name in reference.removeprefix("#/").split("/"):
            node = node[name]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_examples_are_accepted(body):
    examples = body.model_config["json_schema_extra"]["examples"]
    assert examples
    for example in examples:
        read = body.model_validate(example)
        if isinstance(read, InvoiceBody):
            content = read.content()
            work_out(content.currency, content.lines, content.allowances, content.claims)
