"""Kafka in, by producing service; and the loop that sends."""

from billing_shared.consumer import Handlers
from notify_svc.events import invoices, payments, recon

HANDLERS: Handlers = {**invoices.HANDLERS, **payments.HANDLERS, **recon.HANDLERS}
