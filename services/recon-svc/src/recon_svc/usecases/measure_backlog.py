"""Measure what waits for people, over all tenants, and show it as metrics."""

from billing_shared.metrics import BOOKS_BROKEN, DISCREPANCIES_OPEN, UNAPPLIED_MINOR
from billing_shared.postgres import Pool, transaction
from recon_svc.domain.codes import SUGGESTIONS
from recon_svc.store.backlog import backlog, tenants


async def measure_backlog(pool: Pool) -> None:
    """One short transaction per tenant, for each sees only its own rows."""
    open_by_code = dict.fromkeys(SUGGESTIONS, 0)
    held: dict[str, int] = {}
    broken = 0
    async with transaction(pool, None) as conn:
        known = await tenants(conn)
    for tenant_id in known:
        async with transaction(pool, tenant_id) as conn:
            found = await backlog(conn, tenant_id)
        for code, count in found.discrepancies.items():
            open_by_code[code] += count
        for currency, minor in found.held_minor.items():
            held[currency] = held.get(currency, 0) + minor
        broken += found.is_broken
    for code, count in open_by_code.items():
        DISCREPANCIES_OPEN.labels(code).set(count)
    for currency, minor in held.items():
        UNAPPLIED_MINOR.labels(currency).set(minor)
    BOOKS_BROKEN.set(broken)
