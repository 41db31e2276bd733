"""`truth.jsonl`: a line per receipt, return and item that deserves a code, as it was meant."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

import msgspec

from billing_local.month.model import ItemTruth, ReceiptTruth, ReturnTruth, TenantMonth, Truth

_KINDS = {ReceiptTruth: "receipt", ReturnTruth: "return", ItemTruth: "item"}


def write_truth(months: Iterable[TenantMonth], path: Path) -> None:
    """JSON lines, in a fixed order; `held_minor` is written out for readers who do not compute."""
    lines = []
    for month in months:
        for truth in month.truths:
            fields = msgspec.to_builtins(truth)
            if isinstance(truth, ReceiptTruth):
                fields["held_minor"] = truth.held_minor
            head = {"tenant_id": str(month.seller.tenant_id), "kind": _KINDS[type(truth)]}
            lines.append(msgspec.json.encode(head | fields))
    path.write_bytes(b"\n".join(lines) + b"\n")


def codes(truths: Iterable[Truth]) -> Counter[str]:
    """How often each code is deserved."""
    return Counter(truth.code for truth in truths if truth.code is not None)


def money_in(month: TenantMonth) -> dict[str, int]:
    """Receipts less returns by currency, in minor units: what banks and receipt books add up to."""
    totals: dict[str, int] = {own.currency: 0 for own in month.seller.accounts}
    for receipt in month.receipts:
        totals[receipt.currency] += receipt.amount_minor
    for returned in month.returns:
        totals[returned.currency] -= returned.amount_minor
    return totals


def receivables(month: TenantMonth) -> dict[str, int]:
    """What customers owe at the end, by currency: invoices less corrections less what is posted."""
    corrected = {correction.invoice for correction in month.corrections}
    totals: dict[str, int] = {own.currency: 0 for own in month.seller.accounts}
    for invoice in month.invoices:
        totals[invoice.currency] += 0 if invoice.ref in corrected else invoice.gross_minor
    for truth in month.truths:
        if isinstance(truth, ReceiptTruth):
            totals[truth.currency] -= sum(share.amount_minor for share in truth.posts)
    return totals


def by_key(months: Iterable[TenantMonth]) -> dict[tuple[UUID, str], ReceiptTruth | ReturnTruth]:
    """The truths about money, by tenant and the bank's reference."""
    return {
        (month.seller.tenant_id, truth.key): truth
        for month in months
        for truth in month.truths
        if not isinstance(truth, ItemTruth)
    }
