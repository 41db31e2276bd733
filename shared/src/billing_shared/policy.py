"""Policy: what a tenant may set without a release. The file ships, a tenant's versions are rows.

Each service package has policy/default.toml. A tenant's version is a whole policy (the one before
with some values changed), takes effect on a date, and is named by its SHA-256, which every decision
made under it stores.
"""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Any
from uuid import UUID

import asyncpg

from billing_shared.context import Context
from billing_shared.errors import FieldError, Invalid
from billing_shared.ids import new_id
from billing_shared.postgres import Connection

MAX_TEXT_CHARACTERS = 1_000
MAX_LIST_ITEMS = 200


@dataclass(frozen=True, slots=True)
class Policy:
    """A whole policy. `values` is the tree of its TOML file; read it, do not change it."""

    values: Mapping[str, Any]
    sha256: str

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Policy":
        return cls(values, hashlib.sha256(canonical(values).encode()).hexdigest())


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """A policy a tenant set, from when it holds and who set it."""

    policy_id: UUID
    effective_on: date
    policy: Policy
    author: str
    reason: str | None
    recorded_at: datetime


def canonical(values: Mapping[str, Any]) -> str:
    """One text for one policy: sorted keys, no spaces; dates in ISO form."""
    return json.dumps(
        values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str
    )


@cache
def load_default(package: str) -> Policy:
    """The policy that ships with a service; an empty one where the package has no file."""
    file = files(package) / "policy" / "default.toml"
    return Policy.of(tomllib.loads(file.read_text("utf-8")) if file.is_file() else {})


async def policy_in_force(conn: Connection, default: Policy, on: date) -> Policy:
    """The policy of the transaction's tenant on a date (of the fact, not of today)."""
    version = await version_in_force(conn, on)
    return default if version is None else version.policy


async def version_in_force(conn: Connection, on: date) -> PolicyVersion | None:
    """The tenant's own version on a date; None when it never set one, so the default holds."""
    row = await conn.fetchrow(
        """
        select * from policy_version where effective_on <= $1
         order by effective_on desc, recorded_at desc, policy_id desc limit 1
        """,
        on,
    )
    return None if row is None else _from_row(row)


async def list_versions(
    conn: Connection,
    after: tuple[datetime, UUID] | None,
    recorded_after: datetime | None,
    limit: int,
) -> list[PolicyVersion]:
    """The versions of the transaction's tenant, in the order they were recorded."""
    rows = await conn.fetch(
        """
        select * from policy_version
         where ($1::timestamptz is null or (recorded_at, policy_id) > ($1, $2::uuid))
           and ($3::timestamptz is null or recorded_at > $3)
         order by recorded_at, policy_id limit $4
        """,
        *(after or (None, None)),
        recorded_after,
        limit,
    )
    return [_from_row(row) for row in rows]


def _from_row(row: asyncpg.Record) -> PolicyVersion:
    return PolicyVersion(
        policy_id=row["policy_id"],
        effective_on=row["effective_on"],
        policy=Policy(json.loads(row["body"]), row["sha256"]),
        author=row["author"],
        reason=row["reason"],
        recorded_at=row["recorded_at"],
    )


async def add_version(
    conn: Connection, context: Context, default: Policy, effective_on: date, changes: dict[str, Any]
) -> PolicyVersion:
    """Store a version: the policy in force on that date with some values changed.

    Invalid when a key is unknown, a value is of another type than the default's, or the date is
    before today (of the tenant): what was decided stays decided.
    """
    if effective_on < await _today(conn, context):
        raise Invalid(
            "policy-in-the-past",
            "effective_on lies in the past",
            [FieldError("effective_on", "must be today or later")],
        )
    before = await policy_in_force(conn, default, effective_on)
    version = PolicyVersion(
        policy_id=new_id(),
        effective_on=effective_on,
        policy=Policy.of(merge(default.values, before.values, changes)),
        author=str(context.actor),
        reason=context.reason,
        recorded_at=context.now,
    )
    await conn.execute(
        """
        insert into policy_version
            (tenant_id, policy_id, effective_on, body, sha256, author, reason, recorded_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        context.tenant_id,
        version.policy_id,
        version.effective_on,
        canonical(version.policy.values),
        version.policy.sha256,
        version.author,
        version.reason,
        version.recorded_at,
    )
    return version


async def _today(conn: Connection, context: Context) -> date:
    today: date = await conn.fetchval(
        """
        select ($1::timestamptz at time zone coalesce(
            (select time_zone from tenant where tenant_id = $2), 'UTC'))::date
        """,
        context.now,
        context.tenant_id,
    )
    return today


def merge(
    shape: Mapping[str, Any], values: Mapping[str, Any], changes: Mapping[str, Any], path: str = ""
) -> dict[str, Any]:
    """`values` with `changes` laid over, in the shape of the default. Invalid where they misfit.

    Keys the shape does not have are refused; keys that `values` lacks (they came with a release)
    are taken from the shape.
    """
    merged: dict[str, Any] = {}
    for name in changes:
        if name not in shape:
            raise _invalid(f"{path}{name}", "is not part of the policy")
    for name, default in shape.items():
        current = values.get(name, default)
        if name not in changes:
            merged[name] = current
        elif isinstance(default, Mapping):
            if not isinstance(changes[name], Mapping):
                raise _invalid(f"{path}{name}", "must be an object")
            merged[name] = merge(default, current, changes[name], f"{path}{name}.")
        else:
            merged[name] = _fitting(f"{path}{name}", default, changes[name])
    return merged


def _fitting(path: str, default: Any, value: Any) -> Any:
    if isinstance(default, Mapping) and isinstance(value, Mapping):
        return merge(default, default, value, f"{path}.")
    if type(value) is not type(default):
        raise _invalid(path, f"must be of type {type(default).__name__}")
    if isinstance(value, int) and not isinstance(value, bool) and value < 0 <= default:
        raise _invalid(path, "must not be negative")
    if isinstance(value, str) and len(value) > MAX_TEXT_CHARACTERS:
        raise _invalid(path, f"must have at most {MAX_TEXT_CHARACTERS} characters")
    if isinstance(value, list):
        if len(value) > MAX_LIST_ITEMS:
            raise _invalid(path, f"must have at most {MAX_LIST_ITEMS} items")
        if default:
            return [_fitting(f"{path}[{i}]", default[0], item) for i, item in enumerate(value)]
    return value


def _invalid(path: str, reason: str) -> Invalid:
    return Invalid("invalid", f"values.{path}: {reason}", [FieldError(f"values.{path}", reason)])
