"""Every route of invoice-svc."""

from invoice_svc.api import bulk, credit_notes, customers, invoices, sellers

ROUTERS = (
    sellers.router,
    customers.router,
    bulk.router,
    invoices.router,
    credit_notes.router,
)
