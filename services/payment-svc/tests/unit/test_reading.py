"""The reader: every version, every way to be broken."""

import gzip
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from billing_shared.errors import BillingError
from payment_svc.domain.bank_file import Money
from payment_svc.gateways.bank_xml import MAX_FILE_BYTES, unpack
from payment_svc.gateways.camt053 import read_camt053


def refused(data: bytes) -> BillingError:
    with pytest.raises(BillingError) as caught:
        read_camt053(data)
    return caught.value


@pytest.mark.parametrize("number", ["02", "04", "06", "08", "13"])
def test_every_version_is_read(camt: Any, number: str) -> None:
    data = camt.file(camt.statement([camt.entry(ref="R-1")]), version=f"camt.053.001.{number}")
    file = read_camt053(data)
    [statement] = file.statements
    [entry] = statement.entries
    assert file.version == f"camt.053.001.{number}"
    assert file.message_id == "M-1"
    assert (statement.bank_id, statement.account, statement.currency) == (
        "S-1",
        camt.account,
        "EUR",
    )
    assert entry.money == Money(Decimal("119.00"), "EUR")
    assert (entry.direction, entry.bank_ref, entry.booked_on) == ("credit", "R-1", date(2026, 3, 2))
    assert entry.details[0].remittance_lines == ("invoice 1",)


def test_gzip_is_unpacked_to_the_same_file(camt: Any) -> None:
    data = camt.file(camt.statement([]))
    assert read_camt053(gzip.compress(data)) == read_camt053(data)


def test_a_detail_tells_payer_references_original_and_charges(camt: Any) -> None:
    details = """<TxDtls><Refs><AcctSvcrRef>B-9</AcctSvcrRef><InstrId>I-9</InstrId>
      <EndToEndId>NOTPROVIDED</EndToEndId><TxId>T-9</TxId><MndtId>M-9</MndtId></Refs>
      <Amt Ccy="EUR">92.00</Amt>
      <AmtDtls><InstdAmt><Amt Ccy="USD">100.00</Amt></InstdAmt><TxAmt><Amt Ccy="EUR">92.00</Amt>
      <CcyXchg><XchgRate>0.92</XchgRate></CcyXchg></TxAmt></AmtDtls>
      <Chrgs><Rcrd><Amt Ccy="EUR">1.50</Amt><CdtDbtInd>DBIT</CdtDbtInd></Rcrd></Chrgs>
      <RltdPties><Dbtr><Pty><Nm>Zoe Ltd</Nm></Pty></Dbtr>
      <DbtrAcct><Id><IBAN>GB33BUKB20201555555555</IBAN></Id></DbtrAcct></RltdPties>
      <RltdAgts><DbtrAgt><FinInstnId><BICFI>BUKBGB22</BICFI></FinInstnId></DbtrAgt></RltdAgts>
      <RmtInf><Ustrd>one</Ustrd><Ustrd>two</Ustrd><Strd><CdtrRefInf><Ref>RF18539007547034</Ref>
      </CdtrRefInf></Strd></RmtInf></TxDtls>"""
    data = camt.file(camt.statement([camt.entry("92.00", details=details)]))
    [detail] = read_camt053(data).statements[0].entries[0].details
    assert detail.remittance_lines == ("one", "two")
    assert detail.creditor_references == ("RF18539007547034",)
    assert dict(detail.ids) == {
        "instruction": "I-9",
        "transaction": "T-9",
        "bank": "B-9",
        "mandate": "M-9",
    }
    assert (detail.debtor.name, detail.debtor.account) == ("Zoe Ltd", "GB33BUKB20201555555555")
    assert detail.debtor.bank == "BUKBGB22"
    assert (detail.instructed, detail.rate) == (Money(Decimal(100), "USD"), Decimal("0.92"))
    assert detail.charges == (Money(Decimal("1.50"), "EUR"),)


@pytest.mark.parametrize(
    ("status", "booked"),
    [
        ("", 1),
        ("<Sts>BOOK</Sts>", 1),
        ("<Sts><Cd>BOOK</Cd></Sts>", 1),
        ("<Sts>PDNG</Sts>", 0),
        ("<Sts><Cd>PDNG</Cd></Sts>", 0),
        ("<Sts><Cd>INFO</Cd></Sts>", 0),
    ],
)
def test_only_booked_entries_count(camt: Any, status: str, booked: int) -> None:
    data = camt.file(camt.statement([camt.entry(status=status)]))
    [statement] = read_camt053(data).statements
    assert (len(statement.entries), statement.not_booked) == (booked, 1 - booked)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"amount": "1.234,00"}, "Stmt[1].Ntry[2].Amt"),
        ({"amount": "-1"}, "Stmt[1].Ntry[2].Amt"),
        ({"amount": "NaN"}, "Stmt[1].Ntry[2].Amt"),
        ({"amount": ""}, "Stmt[1].Ntry[2].Amt"),
        ({"direction": "UP"}, "Stmt[1].Ntry[2].CdtDbtInd"),
        ({"direction": ""}, "Stmt[1].Ntry[2].CdtDbtInd"),
        ({"on": "yesterday"}, "Stmt[1].Ntry[2].BookgDt"),
    ],
)
def test_an_unreadable_entry_is_a_problem_with_its_line(
    camt: Any, wrong: dict[str, Any], field: str
) -> None:
    data = camt.file(camt.statement([camt.entry(), camt.entry(**wrong)]))
    [statement] = read_camt053(data).statements
    [problem] = statement.problems
    assert (problem.code, problem.field, problem.line) == ("unreadable", field, 3)
    assert len(statement.entries) == 1


@pytest.mark.parametrize("message", ["camt.052.001.08", "camt.054.001.08", "camt.053.001.01"])
def test_other_messages_are_refused(camt: Any, message: str) -> None:
    error = refused(camt.file(camt.statement([]), version=message))
    assert (error.status, error.code) == (422, "message-not-supported")
    assert message in error.detail


def test_xml_of_another_kind_is_refused() -> None:
    assert refused(b"<html><body/></html>").code == "message-not-supported"


def test_a_file_without_statements_is_refused(camt: Any) -> None:
    error = refused(camt.file())
    assert (error.status, error.code) == (422, "statement-missing")


def test_a_statement_without_an_account_is_refused(camt: Any) -> None:
    error = refused(camt.file("<Stmt><Id>1</Id></Stmt>"))
    assert (error.code, error.errors[0].field) == ("invalid", "Stmt[1].Acct.Id")


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused_with_its_line(camt: Any, cut: float) -> None:
    data = camt.file(camt.statement([camt.entry()] * 20))
    error = refused(data[: int(len(data) * cut)])
    assert (error.status, error.code) == (400, "xml-not-readable")
    assert error.errors[0].line


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"{}", b"\x00" * 100, b"date;amount\n1;2\n"])
def test_what_is_not_xml_is_refused(data: bytes) -> None:
    assert refused(data).code == "xml-not-readable"


def test_a_wrong_encoding_is_refused(camt: Any) -> None:
    data = camt.file(camt.statement([camt.entry(text="Müller")]))
    assert refused(data.decode().encode("latin-1")).code == "xml-not-readable"
    assert refused(data.replace(b"UTF-8", b"klingon")).code == "xml-not-readable"


def test_other_encodings_are_read_when_declared(camt: Any) -> None:
    text = camt.file(camt.statement([camt.entry(text="Müller")])).decode()
    for encoding in ("iso-8859-1", "utf-16"):
        data = text.replace("UTF-8", encoding).encode(encoding)
        [entry] = read_camt053(data).statements[0].entries
        assert entry.details[0].remittance_lines == ("Müller",)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_document_types_and_entities_are_refused(camt: Any, encoding: str) -> None:
    plain = camt.file(camt.statement([camt.entry(text="&x;")])).decode()
    head, _, tail = plain.replace("UTF-8", encoding).partition("\n")
    for declared in (
        '<!DOCTYPE Document [<!ENTITY x "boo">]>',
        '<!DOCTYPE Document [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE Document SYSTEM "http://evil.example/x.dtd">',
        "<!DOCTYPE Document>",
    ):
        error = refused(f"{head}\n{declared}{tail}".encode(encoding))
        assert (error.status, error.code) == (400, "xml-document-type")


def test_a_billion_laughs_are_refused(camt: Any) -> None:
    lines = ['<!ENTITY a0 "ha">']
    lines += [f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10)]
    head, _, tail = camt.file(camt.statement([camt.entry(text="&a9;")])).decode().partition("\n")
    error = refused(f"{head}\n<!DOCTYPE Document [{''.join(lines)}]>{tail}".encode())
    assert error.code in ("xml-document-type", "xml-not-readable")


def test_depth_is_bounded(camt: Any) -> None:
    error = refused(camt.file("<Stmt>" + "<x>" * 60 + "</x>" * 60 + "</Stmt>"))
    assert (error.status, error.code) == (413, "xml-too-deep")


def test_the_number_of_elements_is_bounded(camt: Any) -> None:
    error = refused(camt.file("<Stmt><x>" + "<y/>" * 300_001 + "</x></Stmt>"))
    assert (error.status, error.code) == (413, "too-large")


@pytest.mark.parametrize(
    "piece",
    [
        "<y>" + "x" * 3_000_000 + "</y>",
        "<y " + " ".join(f'a{i}="1"' for i in range(300_000)) + "/>",
    ],
)
def test_the_length_of_a_text_or_tag_is_bounded(camt: Any, piece: str) -> None:
    error = refused(camt.file(f"<Stmt>{piece}</Stmt>"))
    assert (error.status, error.code) == (413, "too-large")


def test_size_is_bounded_before_reading() -> None:
    with pytest.raises(BillingError) as caught:
        unpack(b" " * (MAX_FILE_BYTES + 1))
    assert caught.value.code == "too-large"
    with pytest.raises(BillingError) as caught:
        unpack(gzip.compress(b" " * (MAX_FILE_BYTES + 1)))
    assert caught.value.code == "too-large"


@pytest.mark.parametrize("cut", [3, 15, 40])
def test_a_broken_archive_is_refused(camt: Any, cut: int) -> None:
    data = gzip.compress(camt.file(camt.statement([])))[:cut]
    assert refused(data).code == "file-not-readable"
