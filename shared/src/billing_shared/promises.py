"""Freezes what we promise to others, and judges what changed since.

    python -m billing_shared.promises [--check]

`docs/promised/events/<event>/<n>/` keeps every schema that ever went out with a release, and golden
events as its writers sent them; `docs/promised/openapi.json` is the HTTP document of the last one.
Without `--check` the documents of today are frozen for the next release; neither passes what breaks
a promise.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from billing_shared.contracts import EVENTS, Envelope, Event, encode
from billing_shared.contracts.compatibility import Schema, losses, refusals
from billing_shared.contracts.examples import bare_example, example, example_envelope
from billing_shared.contracts.schemas import headers_schema, schema_of
from billing_shared.openapi_promises import broken_promises

#: The headers of every event are promised like an event of their own.
HEADERS = "headers"
ADVICE = "it is promised; a change like this needs a new type beside the old one (decision 0019)"


def main() -> int:
    """Check, or check and freeze; 1 when a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="freeze nothing")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="the repository")
    options = parser.parse_args()
    promised = options.root / "docs" / "promised"
    openapi = json.loads((options.root / "docs" / "openapi.json").read_text("utf-8"))
    today = schemas_of_today()
    broken = [*broken_events(promised, today), *broken_openapi(promised, openapi)]
    for line in broken:
        print(line, file=sys.stderr)
    if broken:
        print(ADVICE, file=sys.stderr)
        return 1
    if not options.check:
        for path, document in unpromised(promised, today, openapi):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")
            print(f"frozen: {path.relative_to(options.root)}")
    return 0


def schemas_of_today() -> dict[str, Schema]:
    """Every event's schema by its type, and the headers'."""
    found = {name: schema_of(event) for name, event in EVENTS.items()} | {HEADERS: headers_schema()}
    for schema in found.values():
        schema.pop("examples", None)
    return found


def broken_events(promised: Path, today: dict[str, Schema]) -> Iterator[str]:
    """What of today's schemas breaks what was promised.

    Topics and outboxes keep events for weeks, so today's readers must take those of every release;
    services are upgraded one after the other, so readers of the last release must take today's.
    """
    for name, versions in versions_of(promised).items():
        new = today.get(name)
        if new is None:
            yield f"{name} was removed"
            continue
        for number, old in versions.items():
            for reason in refusals(old, new):
                yield f"{name} {number}: a reader of today refuses what was sent: {reason}"
        last = versions[max(versions)]
        for reason in refusals(new, last):
            yield f"{name} {max(versions)}: its readers refuse what we would send: {reason}"
        for reason in losses(last, new):
            yield f"{name} {max(versions)}: its readers would miss or misread it: {reason}"
        if last.get("$id") != new.get("$id"):
            yield f"{name}: its address changed from {last.get('$id')} to {new.get('$id')}"


def broken_openapi(promised: Path, today: dict[str, Any]) -> list[str]:
    """What of today's HTTP document breaks the one promised last."""
    last = promised / "openapi.json"
    return broken_promises(json.loads(last.read_text("utf-8")), today) if last.exists() else []


def versions_of(promised: Path) -> dict[str, dict[int, Schema]]:
    """Every promised schema, by event and number."""
    found: dict[str, dict[int, Schema]] = {}
    for file in sorted((promised / "events").glob("*/*/schema.json")):
        number, name = int(file.parent.name), file.parent.parent.name
        found.setdefault(name, {})[number] = json.loads(file.read_text("utf-8"))
    return found


def unpromised(
    promised: Path, today: dict[str, Schema], openapi: dict[str, Any]
) -> Iterator[tuple[Path, Any]]:
    """The files of the next promise: each event that changed since its last, the HTTP document."""
    versions = versions_of(promised)
    for name, schema in today.items():
        before = versions.get(name, {})
        if before and before[max(before)] == schema:
            continue
        folder = promised / "events" / name / str(max(before, default=0) + 1)
        yield folder / "schema.json", schema
        if name in EVENTS:
            for golden, sent in _golden(EVENTS[name]):
                yield folder / "golden" / f"{golden}.json", sent
    yield promised / "openapi.json", openapi


def _golden(event: type[Event]) -> Iterator[tuple[str, dict[str, Any]]]:
    """An event with everything set, and one with nothing that may be left out."""
    full, bare = example(event), bare_example(event)
    envelope = example_envelope(bare)
    yield "full", as_sent(full, example_envelope(full))
    yield "bare", as_sent(bare, replace(envelope, causation_id=None, traceparent=None))


def as_sent(event: Event, envelope: Envelope) -> dict[str, Any]:
    """An event as it travels: its headers as text, its value as JSON."""
    return {
        "headers": {name: value.decode() for name, value in envelope.headers()},
        "value": json.loads(encode(event)),
    }


if __name__ == "__main__":
    sys.exit(main())
