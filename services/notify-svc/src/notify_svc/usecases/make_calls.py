"""Call outside, with no transaction open."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from billing_shared.contracts.invoice import InvoiceIssued
from notify_svc.domain.call import Call, MailCall, WebhookCall
from notify_svc.domain.cloudevent import event_of
from notify_svc.domain.delivery import Outcome
from notify_svc.domain.endpoint import parse_endpoint
from notify_svc.domain.letter import compose, recipients
from notify_svc.domain.signing import SecretBox, Undecipherable, signed_headers
from notify_svc.gateways.letters import render
from notify_svc.gateways.mail import MailGateway
from notify_svc.gateways.webhook import WebhookGateway


@dataclass(frozen=True, slots=True)
class Outside:
    """How to reach the world. `real_now` is never a clock set for tests: receivers compare it."""

    webhook: WebhookGateway
    mail: MailGateway
    mail_sender: str
    box: SecretBox
    real_now: Callable[[], datetime]


async def make_call(outside: Outside, call: Call) -> Outcome:
    """One call; what it could not do is an outcome, not an exception."""
    match call:
        case WebhookCall():
            return await _post(outside, call)
        case MailCall():
            return await _send(outside, call)


async def _post(outside: Outside, call: WebhookCall) -> Outcome:
    try:
        secrets = [outside.box.open(sealed, call.owner) for sealed in call.secrets]
    except Undecipherable:
        return Outcome("failed", "the secret cannot be read: is a key missing in the settings?")
    body = call.body.encode()
    stamp = int(outside.real_now().timestamp())
    headers = signed_headers(secrets, str(call.event_id), stamp, body)
    return await outside.webhook.post(parse_endpoint(call.url), headers, body)


async def _send(outside: Outside, call: MailCall) -> Outcome:
    invoice = event_of(InvoiceIssued.type, call.body)
    assert isinstance(invoice, InvoiceIssued)
    addresses = recipients(call.customer.emails)
    message = render(
        compose(invoice, call.customer, call.seller),
        call.claim.delivery_id,
        outside.mail_sender,
        addresses,
        outside.real_now(),
    )
    return await outside.mail.send(message, addresses)
