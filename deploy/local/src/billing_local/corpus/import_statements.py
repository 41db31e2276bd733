"""Bank files as they were found: accounts are declared, files imported as they are."""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

from billing_local.corpus.outline import FileOutline, StatementOutline
from billing_local.doors import Doors, Json, RefusedError
from billing_local.month.reckoning import major


@dataclass(frozen=True, slots=True)
class FileResult:
    """What came of one file; `disagreements` are figures that payment-svc shows otherwise."""

    name: str
    message: str
    outcome: str
    statements: int = 0
    entries: int = 0
    payments: int = 0
    reversals: int = 0
    reason: str = ""
    disagreements: tuple[str, ...] = ()


@dataclass(slots=True)
class FolderResult:
    """The money of one folder, which is one tenant. Minor units; every sample account is in EUR.

    `files_minor` is what the proved statements brought, less what they took back.
    """

    name: str
    payments: int = 0
    files_minor: int = 0
    table_minor: int = 0
    books_minor: int = 0
    held_minor: int = 0
    codes: Counter[str] = field(default_factory=Counter)

    @property
    def ok(self) -> bool:
        return self.table_minor == self.books_minor == self.files_minor == self.held_minor


async def look_at_folder(doors: Doors, result: FolderResult) -> bool:
    """Fill in what the system shows; True once every cent is in the books and has its case."""
    lines = [
        line
        for statement in await doors.every("/v1/bank-statements", state="proved")
        for line in await doors.every(f"/v1/bank-statements/{statement['statement_id']}/lines")
    ]
    money = {line["entry_id"]: line for line in lines if line["payment_ids"]}
    result.files_minor = sum(line["amount_minor"] for line in money.values())
    payments = await doors.every("/v1/payments")
    result.payments = len(payments)
    result.table_minor = sum(payment["amount_minor"] for payment in payments)
    balances = await doors.every("/v1/balances", account="1010")
    result.books_minor = sum(balance["balance_minor"] for balance in balances)
    cases = await doors.every("/v1/discrepancies", state="open", family="cash")
    result.held_minor = sum(case["amount_minor"] for case in cases)
    result.codes = Counter(case["code"] for case in cases)
    return result.ok


async def declare_accounts(doors: Doors, files: list[FileOutline]) -> None:
    """A seller, and every account that stands in the files."""
    address = {"lines": ["1 Archive Row"], "postal_code": "0", "city": "Archive", "country": "BE"}
    await doors.put_once(
        "/v1/seller",
        {
            "name": "Bank files",
            "address": address,
            "time_zone": "Europe/Brussels",
            "base_currency": "EUR",
        },
    )
    currencies = {s.account: s.currency for file in files for s in file.statements if s.account}
    for account, currency in sorted(currencies.items()):
        body = {"currency": currency, "name": f"Account of {account[:2]}"}
        try:
            await doors.put_once(f"/v1/bank-accounts/{account}", body)
        except RefusedError as error:
            # A sample with an invented IBAN: its file will be refused and says why.
            if error.status != 422:
                raise


async def import_file(doors: Doors, name: str, file: FileOutline) -> FileResult:
    """Post one file, and hold what payment-svc read against what the file says."""
    try:
        answer = await doors.post_file("/v1/bank-statements", file.content)
    except RefusedError as error:
        if error.status >= 500:
            raise
        reason = str(error.problem.get("detail", ""))
        return FileResult(name, file.message, f"refused {error.code}", reason=reason)
    views: list[Json] = answer["statements"]
    states = sorted({view["state"] for view in views})
    problems = [problem["reason"] for view in views for problem in view["problems"]]
    return FileResult(
        name=name,
        message=file.message,
        outcome="repeated" if answer["is_repeated"] else ", ".join(states),
        statements=len(views),
        entries=sum(view["credits"]["count"] + view["debits"]["count"] for view in views),
        payments=sum(view["payments"] for view in views),
        reversals=sum(view["reversals"] for view in views),
        reason="; ".join(problems),
        disagreements=tuple(_disagreements(file, views)),
    )


def _disagreements(file: FileOutline, views: list[Json]) -> list[str]:
    if len(views) != len(file.statements):
        return [f"{len(views)} statements, not {len(file.statements)}"]
    found = []
    for said, view in zip(file.statements, views, strict=True):
        if view["state"] == "proved":
            found += [
                f"{name} {shown}, not {meant}"
                for name, meant, shown in _figures(said, view)
                if shown != meant
            ]
    return found


def _figures(
    said: StatementOutline, view: Json
) -> list[tuple[str, Decimal | None, Decimal | None]]:
    def shown(amount_minor: int | None) -> Decimal | None:
        return None if amount_minor is None else Decimal(major(amount_minor, view["currency"]))

    return [
        ("opening", said.opening, shown(view["opening_minor"])),
        ("closing", said.closing, shown(view["closing_minor"])),
        ("credits", said.credits, shown(view["credits"]["sum_minor"])),
        ("debits", said.debits, shown(view["debits"]["sum_minor"])),
        (
            "entries",
            Decimal(said.entries),
            Decimal(view["credits"]["count"] + view["debits"]["count"]),
        ),
    ]
