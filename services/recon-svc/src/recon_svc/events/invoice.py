"""What invoice-svc publishes, and who takes it here."""

from billing_shared.consumer import Handlers
from billing_shared.contracts.invoice import (
    CreditNoteIssued,
    CustomerUpdated,
    InvoiceIssued,
    InvoiceVoided,
    SellerUpdated,
)
from recon_svc.usecases.record_credit_notes import record_credit_notes
from recon_svc.usecases.record_invoices import record_invoices
from recon_svc.usecases.record_voids import record_voids
from recon_svc.usecases.update_customers import update_customers
from recon_svc.usecases.update_sellers import update_sellers

HANDLERS: Handlers = {
    SellerUpdated: update_sellers,
    CustomerUpdated: update_customers,
    InvoiceIssued: record_invoices,
    CreditNoteIssued: record_credit_notes,
    InvoiceVoided: record_voids,
}
