"""One tenant's month in the making: bills, receipts and returns are added with their truth.

Amounts are unique per customer and currency (open rests included), so that an amount alone never
points at two invoices unless a case wants it to: `Desk.fresh` and `Desk.bill` see to that.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from random import Random

from billing_local.month.model import (
    Code,
    Correction,
    Customer,
    Invoice,
    ItemTruth,
    Line,
    Outgoing,
    Part,
    Quote,
    Receipt,
    ReceiptTruth,
    Return,
    ReturnTruth,
    Seller,
    Share,
    TenantMonth,
    Truth,
)
from billing_local.month.people import iban, payer_name
from billing_local.month.reckoning import gross_minor

_GOODS = """Antriebswelle Beratung Dichtungssatz Filterpatrone Gehäuse
Hydraulikschlauch Kalibrierung Kugellager Leiterplatte Montage Netzteil
Prüfstand Relais Schaltschrank Sensor Steuerung Ventil Wartung""".split()
#: A drawn amount that collides is thrown away; this many in a row are a fault of the case.
_MAX_DRAWS = 200
#: Receipts the bank books as one entry.
_BATCH_SIZE = 3
#: How often the second currency is used, of a hundred bills.
_FOREIGN_PERCENT = 15


class Desk:
    """Days are indexes into `days`, the business days of the month."""

    def __init__(
        self, rng: Random, seller: Seller, days: Sequence[date], customers: Sequence[Customer]
    ) -> None:
        self.rng = rng
        self.seller = seller
        self.days = tuple(days)
        self.last = len(days) - 1
        self.customers = tuple(customers)
        self.invoices: list[Invoice] = []
        self.corrections: list[Correction] = []
        self.receipts: list[Receipt] = []
        self.returns: list[Return] = []
        self.outgoings: list[Outgoing] = []
        self.cases: dict[str, int] = {}
        self._truths: dict[str, Truth] = {}
        self._taken: set[tuple[str, str, int]] = set()
        self._serial = 0

    # Choosing

    def customer(self, known: bool | None = None) -> Customer:
        """Any customer, or one (not) known by its account; early ones buy more often."""
        pool = [c for c in self.customers if known is None or c.known is known]
        return pool[min(int(self.rng.expovariate(3.0) * len(pool)), len(pool) - 1)]

    def currency(self) -> str:
        foreign = self.rng.randrange(100) < _FOREIGN_PERCENT
        base = self.seller.base_currency
        return base if not foreign else {"EUR": "JPY", "JPY": "EUR"}[base]

    def early(self, room: int = 6) -> int:
        """A day that leaves `room` business days behind it."""
        return self.rng.randrange(self.last - room + 1)

    def later(self, day: int, at_most: int = 99) -> int:
        """A business day after `day`."""
        return self.rng.randint(day + 1, min(self.last, day + at_most))

    def fresh(self, customer: Customer, currency: str, low: int, high: int) -> int:
        """An amount of minor units in [low, high] this customer has nowhere else yet."""
        for _ in range(_MAX_DRAWS):
            amount = self.rng.randint(low, high)
            if self._take(customer, currency, amount):
                return amount
        raise RuntimeError(
            f"no fresh amount for {customer.ref} between {low} and {high} {currency}"
        )

    def part(self, invoice: Invoice, low: float = 0.2, high: float = 0.9) -> int:
        """A fresh part of an invoice whose rest is fresh too."""
        customer = self.owner(invoice)
        for _ in range(_MAX_DRAWS):
            amount = int(invoice.gross_minor * self.rng.uniform(low, high))
            rest = invoice.gross_minor - amount
            keys = {(customer.ref, invoice.currency, value) for value in (amount, rest)}
            if amount > 0 and len(keys) == 2 and not keys & self._taken:
                self._taken |= keys
                return amount
        raise RuntimeError(f"no fresh part of {invoice.ref}")

    def keep(self, invoice: Invoice, amount: int) -> bool:
        """Reserve an amount for the invoice's customer; False if it stands elsewhere already."""
        return self._take(self.owner(invoice), invoice.currency, amount)

    def sum_of(self, invoices: Sequence[Invoice]) -> int:
        """What several invoices come to; no other amount of the customer will equal it."""
        total = sum(invoice.gross_minor for invoice in invoices)
        self._taken.add((invoices[0].customer, invoices[0].currency, total))
        return total

    def owner(self, invoice: Invoice) -> Customer:
        return next(c for c in self.customers if c.ref == invoice.customer)

    # Adding

    def bill(
        self,
        customer: Customer,
        currency: str,
        day: int,
        *,
        like: Invoice | None = None,
        free: bool = False,
    ) -> Invoice:
        """An invoice of a fresh amount; of the very amount of `like`; or of nothing (`free`)."""
        for _ in range(_MAX_DRAWS):
            lines = like.lines if like else self._lines(currency, free)
            gross = gross_minor(lines, currency)
            if like or free or (gross > 100 and self._take(customer, currency, gross)):
                break
        else:
            raise RuntimeError(f"no fresh invoice for {customer.ref}")
        self._serial += 1
        ref = f"{self.seller.key.upper()[:3]}-B{self._serial:05d}"
        invoice = Invoice(
            ref, customer.ref, currency, self.days[day], customer.net_days, tuple(lines), gross
        )
        self.invoices.append(invoice)
        return invoice

    def correct(self, invoice: Invoice, kind: str, day: int) -> None:
        reason = self.rng.choice(("goods returned", "wrong price", "wrong recipient", "cancelled"))
        ref = f"{invoice.ref}-{'V' if kind == 'void' else 'C'}"
        self.corrections.append(
            Correction(
                ref,
                "void" if kind == "void" else "credit-note",
                invoice.ref,
                self.days[day],
                reason,
            )
        )

    def receive(
        self,
        case: str,
        customer: Customer,
        currency: str,
        amount: int,
        day: int,
        *,
        text: Sequence[Part] = (),
        structured: Quote | None = None,
        pays: Sequence[Share] = (),
        posts: Sequence[Share] = (),
        code: Code | None = None,
        not_before: date | None = None,
        valued: date | None = None,
        stranger: bool = False,
        manual: bool = False,
        names: bool = False,
        traceable: bool = False,
    ) -> Receipt:
        """Money in on a day, valued up to two days before it, or when `valued` says.

        The value date is never before `not_before`.

        `stranger` pays from an account nobody has on file; `names` is a clerk naming the customer;
        `traceable` has an end-to-end id of its own, so that it can be returned.
        """
        booked = self.days[day]
        back = self.rng.choice((0, 0, 0, 1, 2))
        noisy = booked - timedelta(days=back)
        value = valued or (max(noisy, min(not_before, booked)) if not_before else noisy)
        own_id = f"{self.seller.key[:3].upper()}{self.rng.randrange(16**8):08X}"
        receipt = Receipt(
            key=self._key("R", day),
            account=self.seller.account(currency).account,
            currency=currency,
            amount_minor=amount,
            booked_on=booked,
            value_on=value,
            payer_name=payer_name(self.rng, customer),
            payer_account=self._pays_from(customer, stranger, manual),
            end_to_end=own_id if traceable or self.rng.random() < 0.6 else "NOTPROVIDED",
            remittance=tuple(text),
            creditor_reference=structured,
            manual=manual,
            names_customer=customer.ref if names else None,
        )
        self.receipts.append(receipt)
        self._truths[receipt.key] = ReceiptTruth(
            receipt.key, case, currency, amount, customer.ref, tuple(pays), tuple(posts), 0, code
        )
        return receipt

    def take_back(self, case: str, receipt: Receipt, day: int, *, by_hand: bool = False) -> Return:
        """The whole receipt goes back: nothing of it stays posted or held."""
        truth = self._truths[receipt.key]
        assert isinstance(truth, ReceiptTruth)
        self._truths[receipt.key] = replace(
            truth, posts=(), reversed_minor=receipt.amount_minor, code=None
        )
        returned = self._return(receipt.currency, receipt.amount_minor, day, receipt, by_hand)
        self._truths[returned.key] = ReturnTruth(
            returned.key, case, receipt.currency, receipt.amount_minor, receipt.key, None
        )
        return returned

    def orphan(self, case: str, currency: str, amount: int, day: int, of: Receipt | None) -> None:
        """A return without an original: of nothing we know, or of a receipt already taken back."""
        returned = self._return(currency, amount, day, of, by_hand=False)
        if of is None:
            self.returns[-1] = replace(returned, end_to_end=f"LOST{self.rng.randrange(16**8):08X}")
        self._truths[returned.key] = ReturnTruth(
            returned.key, case, currency, amount, None, "ORPHAN_REVERSAL"
        )

    def deserves(self, case: str, invoice: Invoice, code: Code, amount: int) -> None:
        """An item discrepancy."""
        self._truths[f"{invoice.ref} {code}"] = ItemTruth(
            invoice.ref, case, invoice.currency, code, amount
        )

    def spend(self, currency: str, day: int) -> None:
        text = self.rng.choice(("Kontofuehrung", "Miete", "LOHN/GEHALT", "Lieferant Stahl AG"))
        account = self.seller.account(currency).account
        amount = self.rng.randint(500, 90_000)
        self.outgoings.append(
            Outgoing(self._key("D", day), account, currency, amount, self.days[day], text)
        )

    def batch(self) -> None:
        """Let the bank book some receipts of one day and value date together, as one entry."""
        alike: dict[tuple[str, date], list[int]] = {}
        for at, receipt in enumerate(self.receipts):
            if not receipt.manual and receipt.value_on == receipt.booked_on:
                alike.setdefault((receipt.account, receipt.booked_on), []).append(at)
        for places in alike.values():
            if len(places) > _BATCH_SIZE and self.rng.random() < 0.3:
                name = f"B{self.rng.randrange(10**9):09d}"
                for at in self.rng.sample(places, _BATCH_SIZE):
                    self.receipts[at] = replace(self.receipts[at], batch=name)

    def done(self) -> TenantMonth:
        return TenantMonth(
            self.seller,
            self.days,
            self.customers,
            tuple(sorted(self.invoices, key=lambda i: (i.issued_on, i.ref))),
            tuple(sorted(self.corrections, key=lambda c: (c.on, c.ref))),
            tuple(self.receipts),
            tuple(self.returns),
            tuple(self.outgoings),
            tuple(self._truths.values()),
            dict(self.cases),
        )

    # Small parts

    def _take(self, customer: Customer, currency: str, amount: int) -> bool:
        key = (customer.ref, currency, amount)
        if key in self._taken:
            return False
        self._taken.add(key)
        return True

    def _key(self, letter: str, day: int) -> str:
        self._serial += 1
        return f"{self.seller.key[:2].upper()}{self.days[day]:%y%m%d}{letter}{self._serial:05d}"

    def _pays_from(self, customer: Customer, stranger: bool, manual: bool) -> str | None:
        if manual:
            return None
        return iban(self.rng, "NL") if stranger else customer.pays_from

    def _return(
        self, currency: str, amount: int, day: int, of: Receipt | None, by_hand: bool
    ) -> Return:
        returned = Return(
            key=self._key("X", day),
            account=self.seller.account(currency).account,
            currency=currency,
            amount_minor=amount,
            booked_on=self.days[day],
            value_on=self.days[day],
            reason_code=self.rng.choice(("AC04", "AM04", "MD06", "MS03")),
            end_to_end=(of.end_to_end or "") if of else "",
            receipt=of.key if of else None,
            by_hand=by_hand,
        )
        self.returns.append(returned)
        return returned

    def _lines(self, currency: str, free: bool) -> list[Line]:
        lines = []
        for _ in range(self.rng.choice((1, 1, 2, 2, 3, 4))):
            if currency == "JPY":
                price = self.rng.choice(
                    (f"{self.rng.randint(80, 90_000)}", f"{self.rng.randint(8, 900)}.5")
                )
            else:
                price = f"{self.rng.randint(90, 90_000) / 100:.2f}"
            percent = self.rng.choice((None, None, None, None, "5", "12.5"))
            lines.append(
                Line(
                    description=self.rng.choice(_GOODS),
                    quantity=self.rng.choice(("1", "1", "2", "3", "10", "0.75", "2.5", "12.125")),
                    unit_price=price,
                    tax_rate=self.rng.choice((self.seller.tax_rates[0], *self.seller.tax_rates)),
                    discount_percent="100" if free else percent,
                )
            )
        return lines
