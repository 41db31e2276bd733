"""What payment-svc tells: for subscribers only."""

from billing_shared.consumer import Handlers
from billing_shared.contracts.payment import PaymentReceived, PaymentReversed, StatementImported
from notify_svc.usecases.fan_out_events import fan_out_events

HANDLERS: Handlers = {
    PaymentReceived: fan_out_events,
    PaymentReversed: fan_out_events,
    StatementImported: fan_out_events,
}
