"""What payment-svc publishes, and who takes it here."""

from billing_shared.consumer import Handlers
from billing_shared.contracts.payment import PaymentReceived, PaymentReversed, StatementImported
from recon_svc.usecases.record_payments import record_payments
from recon_svc.usecases.record_reversals import record_reversals
from recon_svc.usecases.record_statements import record_statements

HANDLERS: Handlers = {
    PaymentReceived: record_payments,
    PaymentReversed: record_reversals,
    StatementImported: record_statements,
}
