"""What others rely on: the topics tell what the doors tell, and the audit chain can be verified."""

import asyncio
import json

import pytest
from aiokafka import AIOKafkaConsumer

from billing_local.commands import SERVICES
from e2e.audit import verify_audit
from e2e.company import Company, all_holds

#: How long a topic may take to show an event, in seconds.
TOPIC_SECONDS = 20


async def test_the_topic_tells_what_the_doors_tell(company: Company) -> None:
    await company.customer("topic")
    invoice = await company.invoice("topic", 21_00)
    record = await asyncio.wait_for(_told(company, invoice["invoice_id"]), TOPIC_SECONDS)
    headers = {name: value.decode() for name, value in record.headers}
    assert record.key.decode() == invoice["invoice_id"]
    assert headers["ce_type"] == "billing.invoice-issued.v1"
    assert headers["ce_tenantid"] == str(company.tenant_id)
    assert headers["ce_sequence"] == "1"
    assert headers["traceparent"]
    body = json.loads(record.value)
    shown = await company.shown(invoice)
    same = ("number", "payment_reference", "gross_minor", "issued_on", "due_on", "content_sha256")
    assert {name: body[name] for name in same} == {name: shown[name] for name in same}
    await all_holds(company.stack)


async def _told(company: Company, invoice_id: str):
    """The record of an invoice on its topic, read as a stranger would."""
    consumer = AIOKafkaConsumer(
        "invoice-issued",
        bootstrap_servers=company.stack.bootstrap_servers,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        async for record in consumer:
            if record.key.decode() == invoice_id:
                return record
    finally:
        await consumer.stop()


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_the_audit_chain_of_every_service_verifies(company: Company) -> None:
    account = await company.customer("audited")
    await company.role("supervisor").post(
        "/v1/subscriptions", {"url": f"{company.stack.urls['webhooks']}/hooks/audited"}
    )
    await company.bank_file(company.money(9_00, account=account))
    held = await company.discrepancy("MISSING_REMITTANCE")
    await company.role("specialist").post(
        f"/v1/discrepancies/{held['discrepancy_id']}/resolutions",
        {"action": "keep-on-account", "reason": "paid in advance"},
    )
    await all_holds(company.stack)
    checked = await asyncio.gather(
        *(verify_audit(company.stack.admin_dsn, service) for service in SERVICES)
    )
    for status, said in checked:
        assert status == 0, said
        assert not said.startswith("0 chains"), said
