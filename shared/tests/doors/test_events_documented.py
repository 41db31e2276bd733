"""The published documents of the events hold against the code and against a reader."""

import asyncio
import json
import re
import sys
import time
from pathlib import Path

import jsonschema
import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from billing_shared.contracts import EVENTS, decode, encode
from billing_shared.contracts.envelope import Envelope
from billing_shared.contracts.examples import example, example_envelope
from billing_shared.contracts.schemas import asyncapi, headers_schema, schema_of
from billing_shared.generate import all_pages
from billing_shared.topics import PARTITIONS, RETENTION_MS, create_topics, topic_names

ROOT = Path(__file__).parents[3]
EVENT_DOCS = ROOT / "docs" / "events"


def test_generated_files_are_fresh():
    stale = [str(p) for p, text in all_pages(ROOT).items() if p.read_text("utf-8") != text]
    assert stale == [], "run `make schemas`"


@pytest.mark.parametrize("name", EVENTS)
def test_the_published_example_holds_and_is_read_back(name):
    schema = json.loads((EVENT_DOCS / f"{name}.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    [shown] = schema["examples"]
    jsonschema.validate(shown, schema, format_checker=jsonschema.FormatChecker())
    event = decode(name, json.dumps(shown).encode())
    assert event == example(EVENTS[name])
    assert msgspec.json.decode(encode(event)) == shown


@pytest.mark.parametrize("name", EVENTS)
def test_readers_ignore_what_they_do_not_know(name):
    shown = msgspec.json.decode(encode(example(EVENTS[name]))) | {"added_later": {"x": 1}}
    assert decode(name, msgspec.json.encode(shown)) == example(EVENTS[name])
    jsonschema.validate(shown, schema_of(EVENTS[name]))


@pytest.mark.parametrize("name", EVENTS)
def test_headers_are_as_documented(name):
    envelope = example_envelope(example(EVENTS[name]))
    headers = envelope.headers()
    shown = {header: value.decode() for header, value in headers}
    jsonschema.validate(shown, headers_schema())
    assert shown.keys() == headers_schema()["properties"].keys()
    assert Envelope.from_headers(headers) == envelope
    assert EVENTS[name].key_field in schema_of(EVENTS[name])["required"]


def test_asyncapi_names_what_the_broker_is_told():
    document = asyncapi()
    assert sorted(channel["address"] for channel in document["channels"].values()) == topic_names()
    for channel in document["channels"].values():
        kafka = channel["bindings"]["kafka"]
        assert kafka["partitions"] == PARTITIONS
        assert kafka["topicConfiguration"]["retention.ms"] == RETENTION_MS
        for message in channel["messages"].values():
            assert (EVENT_DOCS / message["payload"]["$ref"]).exists()


async def publish_twice(servers: str, prefix: str) -> list[str]:
    """Every example, with a repeat of each; the ids in the order sent."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all")
    await producer.start()
    try:
        ids = []
        for name in ("invoice-issued", "payment-received"):
            event = example(EVENTS[name])
            envelope = msgspec.structs.replace(example_envelope(event), id=event.aggregate_id)
            ids.append(str(event.aggregate_id))
            for _ in range(2):
                await producer.send_and_wait(
                    prefix + name,
                    encode(event),
                    key=envelope.subject.encode(),
                    headers=envelope.headers(),
                )
        return ids
    finally:
        await producer.stop()


async def test_the_consumer_of_the_readme_runs(broker: str, tmp_path):
    readme = (EVENT_DOCS / "README.md").read_text()
    [code] = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    file = tmp_path / "consumer.py"
    file.write_text(code)
    prefix = f"readme-{time.time_ns()}."
    topics = [prefix + "invoice-issued", prefix + "payment-received"]
    await create_topics(broker, topics)
    ids = await publish_twice(broker, prefix)
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(file), broker, *topics, stdout=asyncio.subprocess.PIPE
    )
    try:
        lines = [await asyncio.wait_for(process.stdout.readline(), 40) for _ in ids]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(process.stdout.readline(), 2)
    finally:
        process.kill()
        await process.wait()
    assert sorted(line.split()[1].decode() for line in lines) == sorted(ids)
