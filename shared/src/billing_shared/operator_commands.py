"""What an operator does from the shell of a service: check the audit, ask for a replay."""

import argparse
import getpass
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from billing_shared.audit_chain import ANCHORED, Head, verify
from billing_shared.ids import new_id
from billing_shared.postgres import close_pool, open_pool, transaction


async def check_audit(dsn: str, heads_file: Path | None, keep_heads_file: Path | None) -> int:
    """Walk every chain and print what is wrong; 0 when nothing is, else 1.

    Heads kept in a file outside the database also show a chain cut at its end or written anew.
    """
    kept = _read_heads(heads_file) if heads_file is not None else None
    pool = await open_pool(dsn, name="verify-audit", size=2)
    try:
        heads, findings = await verify(pool, kept)
    finally:
        await close_pool(pool)
    for finding in findings:
        print(json.dumps(asdict(finding), default=str))
    print(f"{len(heads)} chains, {sum(head.number for head in heads)} entries, ", end="")
    print(f"{len(findings)} findings")
    if keep_heads_file is not None and not findings:
        _write_heads(keep_heads_file, heads)
    return 1 if findings else 0


def _read_heads(file: Path) -> list[Head]:
    """Heads of `--keep-heads`, or lines of the log of the service: others are passed over."""
    lines = (line for line in file.read_text().splitlines() if line.startswith("{"))
    found = [head for head in map(json.loads, lines) if head.get("event", ANCHORED) == ANCHORED]
    return [Head(UUID(head["tenant_id"]), head["number"], head["sha256"]) for head in found]


def _write_heads(file: Path, heads: list[Head]) -> None:
    file.write_text("".join(json.dumps(asdict(head), default=str) + "\n" for head in heads))


async def ask_for_replay(dsn: str, options: argparse.Namespace) -> int:
    """Write the request down; the worker carries it out. Prints the request's id."""
    kind, arguments = _request(options)
    request_id = new_id()
    pool = await open_pool(dsn, name="replay", size=1)
    try:
        async with transaction(pool, options.tenant) as conn:
            await conn.execute(
                """
                insert into operator_request
                    (request_id, tenant_id, kind, arguments, requested_by, reason, requested_at)
                values ($1, $2, $3, $4, $5, $6, $7)
                """,
                request_id,
                options.tenant,
                kind,
                arguments,
                f"user:{getpass.getuser()}",
                options.reason,
                datetime.now(UTC),
            )
    finally:
        await close_pool(pool)
    print(request_id)
    return 0


def _request(options: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    if options.resume:
        return "resume-consumer", {}
    if options.dead_letters:
        return "replay-dead-letters", {}
    if options.dead_letter:
        return "replay-dead-letters", {"dead_letter_ids": [str(i) for i in options.dead_letter]}
    arguments = {
        "since": _instant(options.since),
        "until": _instant(options.until) if options.until else None,
        "topics": options.topic,
    }
    return "replay-outbox", {name: value for name, value in arguments.items() if value is not None}


def _instant(at: datetime) -> str:
    # A time without an offset is the operator's own.
    return at.astimezone(UTC).isoformat()
