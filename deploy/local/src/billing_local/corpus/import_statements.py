"""Bank files as they were found: accounts are declared, files imported as they are."""

from dataclasses import dataclass
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
