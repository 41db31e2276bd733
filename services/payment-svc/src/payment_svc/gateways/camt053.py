"""A camt.053 file (bank to customer statement), streamed: all versions from 2 on.

Source: ISO 20022 camt.053.001.02 to .14. What breaks the XML refuses the file; what breaks one
statement becomes a problem of that statement, with the line of the file.
"""

import hashlib
import re
from dataclasses import dataclass, field
from datetime import date

from billing_shared.errors import FieldError, Invalid, TooLarge
from payment_svc.domain.bank_file import Balance, BankFile, Entry, Problem, Statement
from payment_svc.gateways.bank_xml import (
    Element,
    line_of,
    local_name,
    parent_name,
    text,
    unpack,
    walk,
)
from payment_svc.gateways.camt_entry import (
    Unreadable,
    is_booked,
    parse_day,
    read_balance,
    read_entry,
)

MAX_STATEMENTS = 1_000
MAX_ENTRIES = 200_000
#: Problems kept per statement: a wholly broken one needs no thousand reasons.
MAX_PROBLEMS = 50
_MESSAGE = re.compile(r"\{urn:iso:std:iso:20022:tech:xsd:(camt\.(\d{3})\.001\.(\d{2}))\}Document")
_STATEMENT_DEPTH = 3
_PART_DEPTH = 4


def read_camt053(body: bytes) -> BankFile:
    """Read a file, plain or gzip. Refused whole if it is not a readable camt.053 with a statement.

    Malformed or TooLarge as in `bank_xml`; Invalid `message-not-supported`, `statement-missing`.
    """
    data = unpack(body)
    reading = _Reading()
    version, message_id = "", None
    for depth, element in walk(data):
        if depth == 1 and not version:
            version = _version(element)
        elif depth == _PART_DEPTH and parent_name(element) == "GrpHdr":
            message_id = element.text if local_name(element) == "MsgId" else message_id
        elif depth == _STATEMENT_DEPTH and local_name(element) == "Stmt":
            reading.close_statement(element)
        elif depth == _PART_DEPTH and parent_name(element) == "Stmt":
            reading.read_part(element)
    if not reading.statements:
        error = FieldError("Document.BkToCstmrStmt.Stmt", "the file holds no statement")
        raise Invalid("statement-missing", error.reason, [error])
    sha256 = hashlib.sha256(data).hexdigest()
    return BankFile(message_id, version, sha256, len(data), tuple(reading.statements))


def _version(root: Element) -> str:
    match = _MESSAGE.fullmatch(str(root.tag))
    if match is None:
        raise _not_supported(f"{str(root.tag)[:120]!r} is not an ISO 20022 camt message", root)
    name, message, number = match.groups()
    if message != "053":
        raise _not_supported(f"{name}: only bank statements (camt.053) are taken", root)
    if int(number) < 2:
        raise _not_supported(f"{name}: version 2 is the oldest that is read", root)
    return name


def _not_supported(reason: str, root: Element) -> Invalid:
    error = FieldError("Document", reason, line_of(root))
    return Invalid("message-not-supported", reason, [error])


@dataclass
class _Reading:
    """What was read so far: finished statements, and the parts of the one that is open."""

    statements: list[Statement] = field(default_factory=list)
    balances: list[Balance] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    words: dict[str, str] = field(default_factory=dict)
    entry_no: int = 0
    not_booked: int = 0

    def read_part(self, element: Element) -> None:
        """One child of the open statement."""
        name = local_name(element)
        if name == "Ntry":
            self._read_entry(element)
        elif name == "Bal":
            try:
                self.balances.append(read_balance(element))
            except Unreadable as error:
                self._problem("Bal", error, element)
        elif name == "Acct":
            self.words["account"] = text(element, "Id/IBAN", "Id/Othr/Id", "Id/PrtryAcct/Id") or ""
            self.words["currency"] = text(element, "Ccy") or ""
        elif name == "FrToDt":
            self.words["from"] = text(element, "FrDtTm", "FrDt") or ""
            self.words["to"] = text(element, "ToDtTm", "ToDt") or ""
        elif name in ("Id", "CreDtTm"):
            self.words[name] = (element.text or "").strip()

    def close_statement(self, element: Element) -> None:
        """The open statement is complete."""
        created = self._day("CreDtTm", element)
        self.statements.append(
            Statement(
                statement_no=len(self.statements) + 1,
                line=line_of(element),
                bank_id=self.words.get("Id", "")[:70],
                account=self._account(element),
                currency=self.words.get("currency") or None,
                opened_on=self._day("from", element) or created,
                closed_on=self._day("to", element) or created,
                balances=tuple(self.balances),
                entries=tuple(self.entries),
                not_booked=self.not_booked,
                problems=tuple(self.problems[:MAX_PROBLEMS]),
            )
        )
        if len(self.statements) > MAX_STATEMENTS:
            reason = f"a file holds at most {MAX_STATEMENTS} statements"
            raise TooLarge("too-large", reason, [FieldError("Stmt", reason, line_of(element))])
        self.balances, self.entries, self.problems, self.words = [], [], [], {}
        self.entry_no = self.not_booked = 0

    def _read_entry(self, element: Element) -> None:
        self.entry_no += 1
        if len(self.entries) >= MAX_ENTRIES:
            reason = f"a statement holds at most {MAX_ENTRIES} entries"
            raise TooLarge("too-large", reason, [FieldError("Ntry", reason, line_of(element))])
        if not is_booked(element):
            self.not_booked += 1
            return
        try:
            self.entries.append(read_entry(element, self.entry_no))
        except Unreadable as error:
            self._problem(f"Ntry[{self.entry_no}]", error, element)

    def _account(self, element: Element) -> str:
        account = self.words.get("account", "")
        if not account:
            where = f"Stmt[{len(self.statements) + 1}].Acct.Id"
            error = FieldError(where, "the statement names no account", line_of(element))
            raise Invalid("invalid", error.reason, [error])
        return account

    def _day(self, word: str, element: Element) -> date | None:
        written = self.words.get(word)
        if not written:
            return None
        try:
            return parse_day(written, word, line_of(element))
        except Unreadable as error:
            self._problem(word, error, element)
            return None

    def _problem(self, part: str, error: Unreadable, element: Element) -> None:
        where = f"Stmt[{len(self.statements) + 1}].{part}.{error.path.replace('/', '.')}"
        line = error.line or line_of(element)
        self.problems.append(Problem("unreadable", where, error.reason, line))
