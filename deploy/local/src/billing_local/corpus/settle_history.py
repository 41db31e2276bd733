"""A history as one tenant: its invoices taken over, then paid as their settlement dates say."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from random import Random

from billing_local.corpus.history import History, HistoryInvoice
from billing_local.doors import Doors, Json
from billing_local.month.bank import StatementFile, statement
from billing_local.month.model import OwnAccount, Receipt
from billing_local.month.people import iban

CURRENCY = "USD"
#: Invoices taken over in one request.
BATCH = 500


@dataclass(slots=True)
class HistoryResult:
    """What came of one history. Amounts are minor units of USD."""

    name: str
    lines: int
    refused: int
    imported: int = 0
    paid: int = 0
    posted_right: int = 0
    posted_wrong: int = 0
    held: int = 0
    bank_minor: int = 0
    table_minor: int = 0
    books_minor: int = 0
    due_minor: int = 0
    due_meant_minor: int = 0
    refusals: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return (
            self.imported == self.lines - self.refused
            and self.posted_right == self.paid
            and self.bank_minor == self.table_minor == self.books_minor
            and self.due_minor == self.due_meant_minor
        )


class HistoryDrive:
    """Sends one history through the public doors; keeps what was taken over and what was not."""

    def __init__(self, history: History, doors: Doors) -> None:
        self.history = history
        self.doors = doors
        self.taken: list[HistoryInvoice] = []
        self.refused: list[str] = []
        # Accounts hang on the file's name: the same file again is the same customers.
        self._rng = Random(history.path.name)  # noqa: S311
        self._own = OwnAccount(iban(self._rng, "DE"), CURRENCY, "HAFEDEFFXXX", "08", 0)
        names = sorted({invoice.customer for invoice in history.invoices})
        self._accounts = {name: iban(self._rng, "NL") for name in names}

    async def send(self) -> None:
        """Seller, account, customers and invoices; then the bank files that pay what was taken."""
        await self._open()
        invoices = self.history.invoices
        for at in range(0, len(invoices), BATCH):
            batch = invoices[at : at + BATCH]
            answers = await self.doors.post_lines("/v1/imported-invoices", map(_imported, batch))
            for invoice, answer in zip(batch, answers, strict=True):
                if answer["status"] in {200, 201}:
                    self.taken.append(invoice)
                else:
                    self.refused.append(f"invoice {invoice.number}: {answer['detail']}")
        for file in self.bank_files():
            await self.doors.post_file("/v1/bank-statements", file.content)

    def bank_files(self) -> Iterator[StatementFile]:
        """A statement for each day on which an invoice was settled; the balances chain."""
        settled = sorted(
            (i for i in self.taken if i.settled_on is not None),
            key=lambda i: (i.settled_on, i.number),
        )
        balance_minor = 0
        for day, invoices in groupby(settled, key=lambda i: i.settled_on):
            assert day is not None
            receipts = [self._receipt(invoice) for invoice in invoices]
            yield statement(
                self._own, day, receipts, owner="History", opening_minor=balance_minor, papers={}
            )
            balance_minor += sum(receipt.amount_minor for receipt in receipts)

    async def _open(self) -> None:
        address = {
            "lines": ["1 Archive Row"],
            "postal_code": "0",
            "city": "Archive",
            "country": "US",
        }
        await self.doors.put_once(
            "/v1/seller",
            {
                "name": f"History {self.history.path.name}",
                "address": address,
                "time_zone": "America/New_York",
                "base_currency": CURRENCY,
            },
        )
        own = {"currency": CURRENCY, "name": "History"}
        await self.doors.put_once(f"/v1/bank-accounts/{self._own.account}", own)
        known = {c["external_ref"] for c in await self.doors.every("/v1/customers")}
        for name, account in self._accounts.items():
            if name not in known:
                await self.doors.post(
                    "/v1/customers",
                    {
                        "external_ref": name,
                        "name": f"Customer {name}",
                        "country": "US",
                        "bank_accounts": [account],
                    },
                )

    def _receipt(self, invoice: HistoryInvoice) -> Receipt:
        assert invoice.settled_on is not None
        return Receipt(
            key=f"H{invoice.number}",
            account=self._own.account,
            currency=CURRENCY,
            amount_minor=invoice.amount_minor,
            booked_on=invoice.settled_on,
            value_on=invoice.settled_on,
            payer_name=f"Customer {invoice.customer}",
            payer_account=self._accounts[invoice.customer],
            end_to_end="NOTPROVIDED",
            remittance=(f"Payment of invoice {invoice.number}",),
        )


def _imported(invoice: HistoryInvoice) -> Json:
    return {
        "number": invoice.number,
        "external_ref": invoice.number,
        "customer_external_ref": invoice.customer,
        "currency": CURRENCY,
        "issued_on": invoice.issued_on.isoformat(),
        "due_on": invoice.due_on.isoformat(),
        "gross_minor": invoice.amount_minor,
        "due_minor": invoice.amount_minor,
    }
