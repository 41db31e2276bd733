"""S10: canaries (a name, an IBAN, words, secrets) through every path, then looked for."""

import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import generate_latest

from billing_shared.contracts import encode
from billing_shared.contracts.examples import example, example_envelope
from billing_shared.contracts.invoice import CustomerUpdated
from billing_shared.dead_letter import Verdict
from billing_shared.record import Raw, read_record
from billing_shared.telemetry import configure_logs
from security.bank_file import bank_file
from security.walk import Route
from security.world import ACCOUNT, NAMES, World, connected

NAME, WORDS = "Xanthippe Canary", "canary-words-of-a-remittance"
IBAN, MAIL = "GB33BUKB20201555555555", "canary@birds.example"
SECRETS = [NAME, WORDS, IBAN, MAIL, "whsec_", "Bearer ey", "for-tests"]


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Everything the services log, down to debug."""
    to = io.StringIO()
    handlers = logging.getLogger().handlers[:]
    configure_logs("test", "debug", to)
    yield to
    configure_logs("test", "warning")
    logging.getLogger().handlers[:] = handlers


def salted(value: Any) -> Any:
    """A body whose every text is a canary, so that each is refused or stored."""
    if isinstance(value, dict):
        return {name: salted(item) for name, item in value.items()}
    if isinstance(value, list):
        return [salted(item) for item in value]
    return f"{NAME} {IBAN} {MAIL}" if isinstance(value, str) else value


def sendings(route: Route) -> Iterator[dict[str, Any]]:
    for body in route.bodies:
        if isinstance(body, bytes):
            continue
        yield route.sent(salted(body))
        for name in body:
            yield route.sent(body | {name: NAME})
            yield route.sent(body | {name: {"undeclared": IBAN}})
        # The name of a field is repeated, what stands in it is not.
        yield route.sent(body | {"undeclared": WORDS})


@pytest.mark.parametrize("name", NAMES)
async def test_refusals_and_logs_repeat_nothing_of_a_body(
    world: World, written: io.StringIO, name: str
) -> None:
    """Problem details, 422 bodies and every log line of every route that takes a body."""
    house = world[name]
    async with house.client(world.zoe) as zoe:
        for route in house.routes():
            path = route.filled(house.ids)
            for sent in sendings(route):
                answer = await zoe.request(route.method, path, **sent)
                assert answer.status_code < 500, (str(route), answer.text)
                if answer.is_error:
                    assert_clean(answer.text.replace(path, ""), str(route))
    assert_clean(written.getvalue(), "the log")
    assert_clean(generate_latest().decode(), "the metrics")


async def test_a_bank_file_good_or_bad_leaves_no_trace_in_logs(
    world: World, written: io.StringIO
) -> None:
    file = bank_file(ACCOUNT, text=WORDS, payer=NAME, payer_account=IBAN, bank_id="S-9")
    broken = [file[:-40], file.replace(b"119.00", NAME.encode()), file.replace(b"BOOK", b"X")]
    async with world["payment"].client(world.ada) as ada:
        for body in (file, *broken):
            headers = {"Content-Type": "application/xml"}
            answer = await ada.post("/v1/bank-statements", content=body, headers=headers)
            assert answer.status_code < 500, answer.text
    assert_clean(written.getvalue(), "the log")
    assert_clean(generate_latest().decode(), "the metrics")


def assert_clean(text: str, where: str) -> None:
    for secret in SECRETS:
        found = text.find(secret)
        assert found < 0, (where, secret, text[max(0, found - 200) : found + 100])


async def test_a_database_error_is_logged_and_buried_without_its_row(
    world: World, written: io.StringIO
) -> None:
    """Postgres quotes the row it refuses: neither the log nor a dead letter may."""
    error: Exception | None = None
    try:
        # As one who sees all rows: to the API's role Postgres does not quote them at all.
        async with connected(world["invoice"].database.admin_dsn) as conn:
            await conn.execute("set search_path = invoice")
            await conn.execute(
                "insert into policy_version select tenant_id, policy_id, effective_on, $1, null, "
                "author, reason, recorded_at from policy_version limit 1",
                NAME,
            )
    except Exception as refused:
        error = refused
        logging.getLogger("billing").exception("refused")
    assert error is not None
    assert NAME in str(error)
    assert "DETAIL" in written.getvalue()
    assert_clean(written.getvalue(), "the log")
    verdict = Verdict.of(error, 1)
    assert_clean(verdict.reason, "the dead letter")
    assert verdict.reason.startswith("NotNullViolationError policy_version sha256")


def test_a_record_nobody_can_read_is_buried_without_its_words() -> None:
    event = example(CustomerUpdated)
    headers = example_envelope(event).headers()
    good = encode(event)
    values = [
        good.replace(b'"active"', f'"{NAME}"'.encode()),
        good.replace(b'"active"', f'{{"{NAME}": "{IBAN}"}}'.encode()),
        good[:-20] + NAME.encode(),
        NAME.encode(),
    ]
    heads = [[(n, NAME.encode() if n == name else v) for n, v in headers] for name, _ in headers]
    topic, key = event.type, str(event.aggregate_id).encode()
    read = [read_record(Raw(topic, 0, 0, key, headers, value)) for value in values]
    read += [read_record(Raw(topic, 0, 0, key, each, good)) for each in heads]
    faults = [record.fault for record in read if record.fault]
    assert len(faults) >= 10
    for fault in faults:
        assert_clean(fault, "the fault")
