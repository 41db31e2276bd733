"""Events and readers of different releases get on; what would end that is refused."""

import copy
import json
from pathlib import Path

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings

from billing_shared.contracts import EVENTS, Envelope, decode, encode
from billing_shared.contracts.envelope import SCHEMA_URI
from billing_shared.contracts.examples import bare_example, example, example_envelope
from billing_shared.contracts.recon import DiscrepancyFound, DiscrepancyResolved
from billing_shared.contracts.schemas import headers_schema
from billing_shared.promises import broken_events, schemas_of_today, unpromised, versions_of
from contracts.drawn import values_of
from contracts.old_reader import reader_of

PROMISED = Path(__file__).parents[2] / "docs" / "promised"
VERSIONS = versions_of(PROMISED)
GOLDEN = sorted((PROMISED / "events").glob("*/*/golden/*.json"))
SCHEMAS = [(name, number) for name, found in VERSIONS.items() for number in found]
FORMATS = jsonschema.FormatChecker()


def test_every_event_was_promised_with_golden_events_and_breaks_no_promise():
    assert VERSIONS.keys() == {*EVENTS, "headers"}
    for name, found in VERSIONS.items():
        assert sorted(found) == list(range(1, len(found) + 1))
        for number in found if name in EVENTS else ():
            golden = PROMISED / "events" / name / str(number) / "golden"
            assert {file.stem for file in golden.iterdir()} == {"full", "bare"}
    assert list(broken_events(PROMISED, schemas_of_today())) == []


@pytest.mark.parametrize("file", GOLDEN, ids=lambda f: "-".join(f.relative_to(PROMISED).parts[1:]))
def test_a_golden_event_of_every_release_is_read_today(file):
    golden = json.loads(file.read_text())
    name, number = file.parents[2].name, int(file.parents[1].name)
    headers = [(header, value.encode()) for header, value in golden["headers"].items()]
    envelope = Envelope.from_headers(headers)
    event = decode(name, json.dumps(golden["value"]).encode())
    assert envelope.type == event.type == name
    assert envelope.source == f"/{event.producer}"
    assert envelope.subject == golden["headers"]["ce_partitionkey"] == str(event.aggregate_id)
    # What it said then is what we understand now: nothing falls off, nothing is made up.
    assert msgspec.json.decode(encode(event)) == golden["value"]
    schema = VERSIONS[name][number]
    jsonschema.validate(golden["value"], schema, format_checker=FORMATS)
    jsonschema.validate(golden["headers"], VERSIONS["headers"][1], format_checker=FORMATS)


@pytest.mark.parametrize(("name", "number"), [s for s in SCHEMAS if s[0] in EVENTS])
@pytest.mark.parametrize("made", [example, bare_example])
def test_a_reader_of_every_release_reads_what_we_send_today(name, number, made):
    event = made(EVENTS[name])
    old = VERSIONS[name][number]
    jsonschema.validate(json.loads(encode(event)), old, format_checker=FORMATS)
    read = reader_of(old).decode(encode(event))
    for field in old["properties"]:
        sent = getattr(event, field)
        assert msgspec.to_builtins(getattr(read, field)) == msgspec.to_builtins(sent)


@pytest.mark.parametrize("number", VERSIONS["headers"])
@pytest.mark.parametrize("name", EVENTS)
def test_headers_of_today_are_read_by_the_schema_of_every_release(name, number):
    headers = example_envelope(example(EVENTS[name])).headers()
    sent = {header: value.decode() for header, value in headers}
    jsonschema.validate(sent, VERSIONS["headers"][number], format_checker=FORMATS)
    assert sent["ce_dataschema"] == SCHEMA_URI.format(type=name) == schemas_of_today()[name]["$id"]
    assert max(VERSIONS[name]) >= 1


@pytest.mark.parametrize("name", EVENTS)
def test_whatever_today_s_schema_allows_is_read_by_the_old_reader_and_by_us(name):
    today, last = schemas_of_today()[name], VERSIONS[name][max(VERSIONS[name])]
    old = reader_of(last)

    @settings(max_examples=25, deadline=None, database=None, derandomize=True)
    @given(values_of(today))
    def drawn(value):
        read = decode(name, msgspec.json.encode(value))
        assert encode(read) == encode(decode(name, encode(read)))
        old.decode(encode(read))
        jsonschema.validate(json.loads(encode(read)), last)

    drawn()


def test_a_code_of_next_year_is_read_and_carried_but_never_written():
    sent = json.loads(encode(example(DiscrepancyFound))) | {"code": "CHARGEBACK_LOST"}
    event = decode("discrepancy-found", json.dumps(sent).encode())
    assert event.code == "CHARGEBACK_LOST"
    with pytest.raises(msgspec.ValidationError, match="CHARGEBACK_LOST"):
        encode(event)
    with pytest.raises(msgspec.ValidationError):
        decode("discrepancy-found", json.dumps(sent | {"code": "no code at all"}).encode())
    resolved = msgspec.structs.replace(example(DiscrepancyResolved), resolution="netted")
    with pytest.raises(msgspec.ValidationError, match="netted"):
        encode(resolved)
    received = json.loads(encode(example(EVENTS["payment-received"])))
    received["references"][0]["kind"] = "processor"
    event = decode("payment-received", json.dumps(received).encode())
    with pytest.raises(msgspec.ValidationError, match=r"references.*kind.*processor"):
        encode(event)


@pytest.fixture
def promised(tmp_path):
    """A first release of everything, in a place of its own."""
    for path, document in unpromised(tmp_path, schemas_of_today(), {"paths": {}}):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))
    return tmp_path


def test_a_promise_is_frozen_once_and_the_next_one_stands_beside_it(promised):
    today = schemas_of_today()
    assert [path.name for path, _ in unpromised(promised, today, {})] == ["openapi.json"]
    today["invoice-voided"]["properties"]["note"] = {"type": "string"}
    assert list(broken_events(promised, today)) == []
    fresh = {str(path.relative_to(promised)) for path, _ in unpromised(promised, today, {})}
    assert fresh == {
        "openapi.json",
        "events/invoice-voided/2/schema.json",
        "events/invoice-voided/2/golden/full.json",
        "events/invoice-voided/2/golden/bare.json",
    }


def test_events_of_an_older_release_still_count(promised):
    """What was allowed two releases ago may still stand in a topic or an outbox."""
    first = schemas_of_today()["invoice-voided"]
    second = copy.deepcopy(first)
    second["required"].append("replaced_by")
    place = promised / "events" / "invoice-voided" / "2" / "schema.json"
    place.parent.mkdir()
    place.write_text(json.dumps(second))
    found = list(broken_events(promised, schemas_of_today() | {"invoice-voided": second}))
    assert found == [
        "invoice-voided 1: a reader of today refuses what was sent: "
        "value.replaced_by is required, but need not be there"
    ]


def test_removed_events_and_moved_addresses_are_breaks(promised):
    today = schemas_of_today()
    del today["books-broken"]
    today["books-proved"] = today["books-proved"] | {"$id": "https://elsewhere.example/x.json"}
    today["headers"] = headers_schema() | {"required": ["ce_id"]}
    found = list(broken_events(promised, today))
    assert "books-broken was removed" in found
    assert any("books-proved: its address changed" in line for line in found)
    assert any(line.startswith("headers 1: its readers refuse") for line in found)
