"""HTTP in: parse, call one use case or read a store, choose the status code."""

from recon_svc.api import books, decisions, discrepancies, receivables

ROUTERS = (discrepancies.router, receivables.router, decisions.router, books.router)
