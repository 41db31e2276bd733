"""What recon-svc tells us about our invoices."""

from billing_shared.consumer import Handlers
from billing_shared.contracts.recon import (
    DiscrepancyFound,
    DiscrepancyResolved,
    SettlementChanged,
)
from invoice_svc.usecases.follow_discrepancies import close_attention, open_attention
from invoice_svc.usecases.follow_settlements import follow_settlements

HANDLERS: Handlers = {
    SettlementChanged: follow_settlements,
    DiscrepancyFound: open_attention,
    DiscrepancyResolved: close_attention,
}
