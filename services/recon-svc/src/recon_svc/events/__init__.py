"""Kafka in: every event type we read, and who takes it."""

from recon_svc.events import invoice, payment

HANDLERS = {**invoice.HANDLERS, **payment.HANDLERS}
