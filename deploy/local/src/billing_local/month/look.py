"""What became of a tenant's month, seen through the public doors."""

from collections import Counter
from collections.abc import Iterable, Mapping

from billing_local.doors import Doors, Json
from billing_local.month.compare import Found, FoundReceipt, FoundReturn
from billing_local.month.drive import TenantDrive
from billing_local.month.model import Share

#: The account of each control total (the ledger's chart).
CASH, RECEIVABLES, UNAPPLIED, UNIDENTIFIED = "1010", "1100", "2100", "2110"


async def look(drive: TenantDrive) -> Found:
    """Everything the comparison asks for; call it again until two looks are the same."""
    doors, names = drive.doors, _Names(drive)
    payments = await doors.every("/v1/payments")
    reversals = await _reversals(doors)
    cases = await doors.every("/v1/discrepancies", state="open")
    cash = {case["subject_id"]: case for case in cases if case["family"] == "cash"}
    books = await _books(doors)
    returns = _returns_by_hand(drive, payments) | _returns_by_bank(payments, reversals, cash)
    table: Counter[str] = Counter()
    for payment in payments:
        table[payment["currency"]] += payment["amount_minor"]
    for returned in returns.values():
        table[returned.currency] -= returned.amount_minor
    return Found(
        gross=drive.gross,
        receipts={_key(p): _receipt(p, cash.get(p["payment_id"]), names) for p in payments},
        returns=returns,
        items={
            (names.invoice(case["invoice_id"]), case["code"]): case["amount_minor"]
            for case in cases
            if case["family"] == "item"
        },
        bank={own.currency: drive.bank[own.currency] for own in drive.month.seller.accounts},
        table=table,
        books=books[CASH],
        receivables=books[RECEIVABLES],
        held=_sum(books[UNAPPLIED], books[UNIDENTIFIED]),
    )


def is_at_rest(found: Found) -> bool:
    """All money has come, and what payment-svc shows of it is what the books hold."""
    held: Counter[str] = Counter()
    for receipt in found.receipts.values():
        held[receipt.currency] += receipt.held_minor
    return all(
        found.bank[currency] == found.books.get(currency, 0) == found.table.get(currency, 0)
        and held[currency] == found.held.get(currency, 0)
        for currency in found.bank
    )


class _Names:
    """The month's own names for our ids."""

    def __init__(self, drive: TenantDrive) -> None:
        self._invoices = {our_id: ref for ref, our_id in drive.invoice_ids.items()}
        self._customers = {our_id: ref for ref, our_id in drive.customer_ids.items()}

    def invoice(self, our_id: str) -> str:
        return self._invoices.get(our_id, our_id)

    def customer(self, our_id: str | None) -> str | None:
        return None if our_id is None else self._customers.get(our_id, our_id)


def _receipt(payment: Json, case: Json | None, names: _Names) -> FoundReceipt:
    became = payment["allocation"] or {"allocations": []}
    return FoundReceipt(
        currency=payment["currency"],
        amount_minor=payment["amount_minor"],
        customer=names.customer(became.get("customer_id")),
        posts=tuple(
            Share(names.invoice(part["invoice_id"]), part["amount_minor"])
            for part in became["allocations"]
        ),
        held_minor=became.get("unapplied_minor", 0) + became.get("unidentified_minor", 0),
        reversed_minor=became.get("reversed_minor", 0),
        code=case["code"] if case else None,
        code_minor=case["amount_minor"] if case else 0,
    )


def _key(payment: Json) -> str:
    """The month's key: the external reference of a receipt by hand, else the bank's own one."""
    if payment["external_ref"]:
        return str(payment["external_ref"])
    banks = [r["value"] for r in payment["references"] if r["kind"] == "bank"]
    return str(banks[0]) if banks else str(payment["payment_id"])


def _returns_by_hand(drive: TenantDrive, payments: Iterable[Json]) -> dict[str, FoundReturn]:
    """Receipts that were entered in error."""
    keys = {str(r.receipt): r.key for r in drive.month.returns if r.by_hand}
    return {
        keys.get(_key(p), str(p["reversal_id"])): FoundReturn(
            p["currency"], p["amount_minor"], _key(p), None
        )
        for p in payments
        if p["source"] == "manual" and p["reversal_id"]
    }


def _returns_by_bank(
    payments: Iterable[Json], reversals: Iterable[Json], cash: Mapping[str, Json]
) -> dict[str, FoundReturn]:
    """The debits that took something back, by the bank's reference."""
    originals = {p["reversal_id"]: _key(p) for p in payments if p["reversal_id"]}
    found = {}
    for line in reversals:
        [reversal_id] = line["reversal_ids"]
        case = cash.get(reversal_id)
        found[line["bank_ref"]] = FoundReturn(
            line["currency"],
            line["amount_minor"],
            originals.get(reversal_id),
            case["code"] if case else None,
        )
    return found


async def _reversals(doors: Doors) -> list[Json]:
    """The debits of all statements that took a payment back."""
    found: dict[str, Json] = {}
    for statement in await doors.every("/v1/bank-statements"):
        if statement["reversals"]:
            path = f"/v1/bank-statements/{statement['statement_id']}/lines"
            for line in await doors.every(path):
                if line["kind"] == "reversal":
                    found[line["entry_id"]] = line
    return list(found.values())


async def _books(doors: Doors) -> Mapping[str, Mapping[str, int]]:
    """Balances by account and currency, as positive figures of what they stand for."""
    books: dict[str, Counter[str]] = {
        account: Counter() for account in (CASH, RECEIVABLES, UNAPPLIED, UNIDENTIFIED)
    }
    for balance in await doors.every("/v1/balances"):
        account = books.get(balance["account"])
        if account is not None:
            sign = 1 if balance["account"] in {CASH, RECEIVABLES} else -1
            account[balance["currency"]] += sign * balance["balance_minor"]
    return books


def _sum(*sums: Mapping[str, int]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in sums:
        for currency, amount in one.items():
            total[currency] += amount
    return dict(total)
