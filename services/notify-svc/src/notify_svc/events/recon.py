"""What recon-svc tells: for subscribers only."""

from billing_shared.consumer import Handlers
from billing_shared.contracts.recon import (
    BooksBroken,
    BooksProved,
    DiscrepancyFound,
    DiscrepancyResolved,
    PaymentAllocated,
    SettlementChanged,
)
from notify_svc.usecases.fan_out_events import fan_out_events

HANDLERS: Handlers = {
    PaymentAllocated: fan_out_events,
    SettlementChanged: fan_out_events,
    DiscrepancyFound: fan_out_events,
    DiscrepancyResolved: fan_out_events,
    BooksProved: fan_out_events,
    BooksBroken: fan_out_events,
}
