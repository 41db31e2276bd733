"""A small writer of camt.053 files for tests; shares nothing with the reader."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import pytest

OUR_ACCOUNT = "DE89370400440532013000"


@dataclass(frozen=True)
class E:
    """An entry: a credit of 119.00 on 2 March unless told otherwise."""

    amount: str = "119.00"
    on: date | None = date(2026, 3, 2)
    direction: str = "CRDT"
    ref: str | None = None
    text: str = "invoice 1"
    e2e: str | None = None
    is_reversal: bool = False
    status: str = "<Sts>BOOK</Sts>"
    currency: str = "EUR"
    details: str | None = None

    def xml(self) -> str:
        dates = f"<BookgDt><Dt>{self.on}</Dt></BookgDt>" if self.on else ""
        reversal = "<RvslInd>true</RvslInd>" if self.is_reversal else ""
        ref = f"<AcctSvcrRef>{self.ref}</AcctSvcrRef>" if self.ref else ""
        e2e = f"<EndToEndId>{self.e2e}</EndToEndId>" if self.e2e else ""
        details = self.details or (
            f"<TxDtls><Refs>{e2e}</Refs><RmtInf><Ustrd>{self.text}</Ustrd></RmtInf></TxDtls>"
        )
        return (
            f'<Ntry><Amt Ccy="{self.currency}">{self.amount}</Amt>'
            f"<CdtDbtInd>{self.direction}</CdtDbtInd>{reversal}{self.status}{dates}{ref}"
            f"<NtryDtls>{details}</NtryDtls></Ntry>"
        )


def _balance(code: str, amount: str, on: date, currency: str) -> str:
    direction = "DBIT" if amount.startswith("-") else "CRDT"
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
        f'<Amt Ccy="{currency}">{amount.lstrip("-")}</Amt><CdtDbtInd>{direction}</CdtDbtInd>'
        f"<Dt><Dt>{on}</Dt></Dt></Bal>"
    )


def statement_xml(
    entries: Sequence[E],
    opening: str | None = "0.00",
    closing: str | None = "0.00",
    *,
    bank_id: str = "S-1",
    account: str = OUR_ACCOUNT,
    currency: str = "EUR",
    opened_on: date = date(2026, 3, 2),
    closed_on: date = date(2026, 3, 2),
) -> str:
    """One `Stmt`."""
    balances = ""
    if opening is not None:
        balances += _balance("OPBD", opening, opened_on, currency)
    if closing is not None:
        balances += _balance("CLBD", closing, closed_on, currency)
    return (
        f"<Stmt><Id>{bank_id}</Id><Acct><Id><IBAN>{account}</IBAN></Id><Ccy>{currency}</Ccy>"
        f"</Acct>{balances}{''.join(entry.xml() + chr(10) for entry in entries)}</Stmt>"
    )


def file_xml(*statements: str, version: str = "camt.053.001.08", message_id: str = "M-1") -> bytes:
    """A whole file."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{version}"><BkToCstmrStmt>'
        f"<GrpHdr><MsgId>{message_id}</MsgId></GrpHdr>{''.join(statements)}"
        "</BkToCstmrStmt></Document>"
    ).encode()


@dataclass(frozen=True)
class Camt:
    """What the tests write files with."""

    entry: type[E]
    statement: Callable[..., str]
    file: Callable[..., bytes]
    account: str


@pytest.fixture(scope="session")
def camt() -> Camt:
    return Camt(E, statement_xml, file_xml, OUR_ACCOUNT)
