"""HTTP in: parse, call one use case, choose the status code."""

from payment_svc.api import bank_accounts, bank_statements, payments

ROUTERS = (bank_accounts.router, payments.router, bank_statements.router)
