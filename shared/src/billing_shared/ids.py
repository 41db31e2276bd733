"""Identifiers: UUIDv7, made by us, so that new rows land at the end of an index."""

from uuid import UUID, uuid5

import uuid_utils.compat


def new_id() -> UUID:
    """A fresh UUIDv7."""
    return uuid_utils.compat.uuid7()


def derived_id(namespace: UUID, *parts: str) -> UUID:
    """The same id for the same parts, for facts that must not double (UUIDv5 over the parts)."""
    return uuid5(namespace, "\x1f".join(parts))
