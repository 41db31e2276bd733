"""Importing files: proved or quarantined, whole, and nothing twice."""

import asyncio
import gzip
from datetime import date
from typing import Any

import pytest


async def test_a_proved_statement_publishes_its_credits_and_itself(bank: Any, camt: Any) -> None:
    entries = [
        camt.entry("119.00", ref="R-1", e2e="E-1"),
        camt.entry("19.00", direction="DBIT", ref="R-2", text="rent"),
    ]
    data = camt.file(camt.statement(entries, "100.00", "200.00"))
    response = await bank.upload(data)
    assert response.status_code == 201, response.text
    [statement] = response.json()["statements"]
    assert statement["state"] == "proved"
    assert (statement["payments"], statement["reversals"], statement["repeated"]) == (1, 0, 0)
    assert statement["credits"] == {"count": 1, "sum_minor": 11900}
    assert statement["debits"] == {"count": 1, "sum_minor": 1900}
    [payment] = await bank.events("payment-received")
    assert payment["amount_minor"] == 11900
    assert payment["remittance_lines"] == ["invoice 1"]
    assert payment["references"] == [
        {"kind": "end-to-end", "value": "E-1"},
        {"kind": "bank", "value": "R-1"},
    ]
    assert (payment["statement_id"], payment["entry_no"]) == (statement["statement_id"], 1)
    [imported] = await bank.events("statement-imported")
    assert (imported["state"], imported["opening_minor"], imported["closing_minor"]) == (
        "proved",
        10000,
        20000,
    )
    assert imported["file_sha256"] == response.json()["file_sha256"]
    clerk = bank.api.acting("clerk")
    shown = (await clerk.get(f"/v1/payments/{payment['payment_id']}")).json()
    assert shown["remittance_lines"] == payment["remittance_lines"]
    assert shown["references"] == payment["references"]
    assert "gap_after" not in imported


async def test_debits_are_kept_as_lines_and_shown(bank: Any, camt: Any) -> None:
    entries = [camt.entry("5.00", text=f"line {i}", direction="DBIT") for i in range(3)]
    [statement] = await bank.imported(camt.file(camt.statement(entries, "20.00", "5.00")))
    clerk = bank.api.acting("clerk")
    path = f"/v1/bank-statements/{statement['statement_id']}/lines"
    first = (await clerk.get(path, params={"limit": 2})).json()
    rest = (await clerk.get(path, params={"limit": 2, "cursor": first["next_cursor"]})).json()
    lines = first["items"] + rest["items"]
    assert [(line["entry_no"], line["kind"], line["note"]) for line in lines] == [
        (1, "outgoing", "line 0"),
        (2, "outgoing", "line 1"),
        (3, "outgoing", "line 2"),
    ]
    assert rest["next_cursor"] is None
    assert await bank.events("payment-received") == []


async def test_the_same_file_again_is_the_same_statement(bank: Any, camt: Any) -> None:
    data = camt.file(camt.statement([camt.entry(), camt.entry()], "0.00", "238.00"))
    first = (await bank.upload(data)).json()
    again = await bank.upload(gzip.compress(data))
    assert again.status_code == 200
    assert again.json()["is_repeated"] is True
    assert again.json()["statements"] == first["statements"]
    assert len(await bank.events("payment-received")) == 2, "two equal payments stay two"
    assert len(await bank.events("statement-imported")) == 1


async def test_the_same_statement_in_another_file_is_known(bank: Any, camt: Any) -> None:
    statement = camt.statement([camt.entry()], "0.00", "119.00")
    [first] = await bank.imported(camt.file(statement))
    [second] = await bank.imported(camt.file(statement, message_id="M-2"))
    assert (second["state"], second["same_as"]) == ("repeated", first["statement_id"])
    assert len(await bank.events("payment-received")) == 1
    assert len(await bank.events("statement-imported")) == 1


async def test_overlapping_files_make_no_duplicates(bank: Any, camt: Any) -> None:
    days = [date(2026, 3, n) for n in range(1, 6)]
    entries = [camt.entry("10.00", on=day, text=text) for day in days for text in ("x", "x", "y")]
    for bank_id, (first, last) in {"A": (0, 3), "B": (2, 5), "C": (0, 5), "D": (1, 2)}.items():
        shown = entries[first * 3 : last * 3]
        opening, closing = first * 30, last * 30
        data = camt.file(
            camt.statement(
                shown, f"{opening}.00", f"{closing}.00", bank_id=bank_id,
                opened_on=days[first], closed_on=days[last - 1],
            )
        )  # fmt: skip
        [statement] = await bank.imported(data)
        assert (statement["state"], statement["gap_after"]) == ("proved", None)
    payments = await bank.events("payment-received")
    assert len(payments) == 15
    assert sum(payment["amount_minor"] for payment in payments) == 15_000


async def test_files_imported_at_once_make_no_duplicates(bank: Any, camt: Any) -> None:
    entries = [camt.entry("10.00", text=f"{i % 3}") for i in range(30)]
    files = [
        camt.file(camt.statement(entries, "0.00", "300.00", bank_id=f"S-{i}")) for i in range(4)
    ]
    responses = await asyncio.gather(*(bank.upload(data) for data in files))
    assert [response.status_code for response in responses] == [201] * 4
    assert len(await bank.events("payment-received")) == 30


async def test_an_equal_payment_in_the_next_file_of_the_day_is_another(
    bank: Any, camt: Any
) -> None:
    for n in range(3):
        opening, closing = f"{n * 119}.00", f"{(n + 1) * 119}.00"
        one = camt.statement([camt.entry()], opening, closing, bank_id=f"S-{n}")
        await bank.imported(camt.file(one))
    assert len(await bank.events("payment-received")) == 3


@pytest.mark.parametrize(
    ("entries", "closing", "code"),
    [
        ([{}], "118.99", "balance"),
        ([{}], None, "closing-missing"),
        ([{"amount": "1.001"}], "1.00", "too-many-decimals"),
        ([{"amount": "abc"}], "0.00", "unreadable"),
        ([{"currency": "USD"}], "119.00", "currency"),
        ([{"on": "2026-02-30"}], "119.00", "unreadable"),
    ],
)
async def test_what_does_not_add_up_is_quarantined_whole(
    bank: Any, camt: Any, entries: list[dict[str, Any]], closing: str | None, code: str
) -> None:
    good = camt.statement([camt.entry("7.00")], "0.00", "7.00", bank_id="good")
    bad = camt.statement([camt.entry(**each) for each in entries], "0.00", closing, bank_id="bad")
    statements = await bank.imported(camt.file(good, bad))
    assert [statement["state"] for statement in statements] == ["proved", "quarantined"]
    [problem] = statements[1]["problems"]
    assert problem["code"] == code
    assert problem["line"] > 0
    assert problem["reason"]
    assert problem["field"].startswith("Stmt[2].")
    assert len(await bank.events("payment-received")) == 1, "of the good one"
    assert [e["state"] for e in await bank.events("statement-imported")] == [
        "proved",
        "quarantined",
    ]


async def test_a_corrected_file_supersedes_the_quarantined_one(bank: Any, camt: Any) -> None:
    [bad] = await bank.imported(camt.file(camt.statement([camt.entry()], "0.00", "120.00")))
    [good] = await bank.imported(camt.file(camt.statement([camt.entry()], "0.00", "119.00")))
    assert (bad["state"], good["state"]) == ("quarantined", "proved")
    clerk = bank.api.acting("clerk")
    shown = (await clerk.get(f"/v1/bank-statements/{bad['statement_id']}")).json()
    assert (shown["state"], shown["superseded_by"]) == ("superseded", good["statement_id"])
    assert len(await bank.events("payment-received")) == 1
    release = await bank.api.acting("director").post(
        f"/v1/bank-statements/{bad['statement_id']}/releases", json={"reason": "too late"}
    )
    assert (release.status_code, release.json()["code"]) == (409, "statement-not-quarantined")


async def test_another_statement_corrects_nothing(bank: Any, camt: Any) -> None:
    [bad] = await bank.imported(camt.file(camt.statement([camt.entry()], "0.00", "120.00")))
    later = date(2026, 4, 2)
    again = camt.statement([], "119.00", "119.00", opened_on=later, closed_on=later)
    second_file_of_the_day = camt.statement([], "119.00", "119.00", bank_id="S-2")
    await bank.imported(camt.file(again, second_file_of_the_day))
    shown = await bank.api.acting("clerk").get(f"/v1/bank-statements/{bad['statement_id']}")
    assert shown.json()["state"] == "quarantined"


async def test_a_senior_releases_the_readable_entries_with_a_reason(bank: Any, camt: Any) -> None:
    entries = [camt.entry("10.00"), camt.entry("1.001"), camt.entry("5.00", direction="DBIT")]
    [bad] = await bank.imported(camt.file(camt.statement(entries, "0.00", "6.00")))
    path = f"/v1/bank-statements/{bad['statement_id']}/releases"
    refused = await bank.api.acting("clerk").post(path, json={"reason": "please"})
    assert (refused.status_code, refused.json()["code"]) == (403, "role-too-low")
    blank = await bank.api.acting("senior").post(path, json={"reason": "  "})
    assert blank.status_code == 422
    machine = await bank.api.acting("integration").post(path, json={"reason": "x"})
    assert machine.status_code == 403
    released = await bank.api.acting("senior").post(path, json={"reason": "bank confirms"})
    assert released.status_code == 201, released.text
    body = released.json()
    assert (body["state"], body["payments"]) == ("released", 1)
    assert body["released_by"] == "user:senior@local"
    [payment] = await bank.events("payment-received")
    assert payment["amount_minor"] == 1000
    again = await bank.api.acting("senior").post(path, json={"reason": "again"})
    assert again.json()["code"] == "statement-not-quarantined"


async def test_what_was_released_is_not_taken_again_from_a_better_file(
    bank: Any, camt: Any
) -> None:
    entries = [camt.entry("10.00"), camt.entry("20.00")]
    [bad] = await bank.imported(camt.file(camt.statement(entries[:1], "0.00", "30.00")))
    path = f"/v1/bank-statements/{bad['statement_id']}/releases"
    await bank.api.acting("senior").post(path, json={"reason": "seen at the counter"})
    [good] = await bank.imported(camt.file(camt.statement(entries, "0.00", "30.00")))
    assert (good["state"], good["payments"], good["repeated"]) == ("proved", 1, 1)
    assert len(await bank.events("payment-received")) == 2


async def test_a_missing_statement_shows_as_a_gap_until_it_comes(bank: Any, camt: Any) -> None:
    def day(n: int, opening: int) -> bytes:
        on = date(2026, 3, n)
        entries = [camt.entry("1.00", on=on)]
        statement = camt.statement(
            entries, f"{opening}.00", f"{opening + 1}.00", bank_id=f"S-{n}",
            opened_on=on, closed_on=on,
        )  # fmt: skip
        data: bytes = camt.file(statement)
        return data

    [first] = await bank.imported(day(2, 100))
    [third] = await bank.imported(day(4, 102))
    assert (first["gap_after"], third["gap_after"]) == (None, "2026-03-02")
    [second] = await bank.imported(day(3, 101))
    assert second["gap_after"] is None
    shown = await bank.api.acting("clerk").get(f"/v1/bank-statements/{third['statement_id']}")
    assert shown.json()["gap_after"] is None
    events = [e for e in await bank.events("statement-imported") if e["closed_on"] == "2026-03-04"]
    assert [e.get("gap_after") for e in events] == ["2026-03-02", None]


async def test_a_file_for_another_account_is_refused_whole(bank: Any, camt: Any) -> None:
    ours = camt.statement([camt.entry()], "0.00", "119.00")
    other = camt.statement([], account="GB33BUKB20201555555555")
    response = await bank.upload(camt.file(ours, other))
    problem = response.json()
    assert (response.status_code, problem["code"]) == (422, "unknown-account")
    [error] = problem["errors"]
    assert error["field"] == "Stmt[2].Acct.Id"
    assert error["line"] > 0
    assert await bank.events("payment-received") == []
    await bank.put_account("GB33BUKB20201555555555")
    assert (await bank.upload(camt.file(ours, other))).status_code == 201


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, "invalid"),
        (b"not xml", 400, "xml-not-readable"),
        (b"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", 400, "xml-document-type"),
        (
            b"<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.054.001.08'/>",
            422,
            "message-not-supported",
        ),
        (b"\x1f\x8bxx", 400, "file-not-readable"),
    ],
)
async def test_what_cannot_be_read_is_a_problem_and_leaves_nothing(
    bank: Any, body: bytes, status: int, code: str
) -> None:
    response = await bank.upload(body)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"
    assert await bank.fetch("select * from bank_file") == []


async def test_a_repeated_request_answers_the_first_response(bank: Any, camt: Any) -> None:
    data = camt.file(camt.statement([camt.entry()], "0.00", "119.00"))
    first = await bank.upload(data, **{"Idempotency-Key": "k1"})
    again = await bank.upload(data, **{"Idempotency-Key": "k1"})
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"


async def test_reversals_name_the_payment_that_bank_ids_prove(bank: Any, camt: Any) -> None:
    returned = """<TxDtls><Refs><EndToEndId>E-2</EndToEndId></Refs><Amt Ccy="EUR">20.00</Amt>
        <RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf></TxDtls>"""
    day_one = [camt.entry("10.00", e2e="E-1"), camt.entry("20.00", e2e="E-2")]
    await bank.imported(camt.file(camt.statement(day_one, "0.00", "30.00")))
    day_two = [
        camt.entry("10.00", e2e="E-1", direction="DBIT", is_reversal=True),
        camt.entry("20.00", direction="DBIT", details=returned),
        camt.entry("30.00", e2e="E-9", direction="DBIT", is_reversal=True),
        camt.entry("1.00", direction="CRDT", is_reversal=True, text="our transfer came back"),
    ]
    on = date(2026, 3, 3)
    [statement] = await bank.imported(
        camt.file(
            camt.statement(day_two, "30.00", "-29.00", bank_id="S-2", opened_on=on, closed_on=on)
        )
    )
    assert (statement["payments"], statement["reversals"]) == (0, 3)
    payments = {p["amount_minor"]: p["payment_id"] for p in await bank.events("payment-received")}
    reversals = {e["amount_minor"]: e for e in await bank.events("payment-reversed")}
    assert reversals[1000]["payment_id"] == payments[1000]
    assert reversals[2000]["payment_id"] == payments[2000]
    assert (reversals[2000]["kind"], reversals[2000]["reason_code"]) == ("return", "AC04")
    assert "payment_id" not in reversals[3000]
    shown = await bank.api.acting("clerk").get(f"/v1/payments/{payments[1000]}")
    assert shown.json()["state"] == "reversed"


async def test_details_that_add_up_become_payments(bank: Any, camt: Any) -> None:
    details = "".join(
        f'<TxDtls><Refs><EndToEndId>E-{n}</EndToEndId></Refs><Amt Ccy="EUR">{n}.00</Amt></TxDtls>'
        for n in (1, 2, 3)
    )
    batch = camt.entry("6.00", details=details)
    [statement] = await bank.imported(camt.file(camt.statement([batch], "0.00", "6.00")))
    assert statement["payments"] == 3
    assert statement["credits"] == {"count": 1, "sum_minor": 600}
    payments = await bank.events("payment-received")
    assert [payment["amount_minor"] for payment in payments] == [100, 200, 300]


@pytest.mark.slow
async def test_ten_thousand_entries_in_one_file(bank: Any, camt: Any) -> None:
    entries = [camt.entry("1.00", text=f"invoice {n % 5000}", ref=None) for n in range(10_000)]
    data = camt.file(camt.statement(entries, "0.00", "10000.00"))
    [statement] = await bank.imported(data)
    assert statement["payments"] == 10_000


async def test_another_tenant_sees_nothing(bank: Any, camt: Any) -> None:
    [mine] = await bank.imported(camt.file(camt.statement([camt.entry()], "0.00", "119.00")))
    stranger = bank.api.acting("director", tenant_id=bank.api.tenant_id.__class__(int=7))
    path = f"/v1/bank-statements/{mine['statement_id']}"
    assert (await stranger.get(path)).status_code == 404
    assert (await stranger.get(f"{path}/lines")).status_code == 404
    assert (await stranger.get("/v1/payments")).json()["items"] == []
    released = await stranger.post(f"{path}/releases", json={"reason": "mine now"})
    assert released.status_code == 404


async def test_every_import_is_audited(bank: Any, camt: Any) -> None:
    await bank.imported(camt.file(camt.statement([camt.entry()], "0.00", "1.00")))
    await bank.imported(camt.file(camt.statement([camt.entry()], "0.00", "119.00")))
    rows = await bank.fetch(
        "select action, actor_id from audit_entry where subject_kind = 'bank-statement' order by at"
    )
    assert sorted(row["action"] for row in rows) == ["proved", "quarantined", "superseded"]
    assert {row["actor_id"] for row in rows} == {"clerk@local"}
