"""The security log: refusals, and what was done with power, each a line of its own.

Lines begin `security.`, so that a log store can keep them longer than the rest; each says who, what
and when, and carries the trace id like every line.
"""

from collections.abc import Mapping
from typing import Any

import structlog

#: Acts on these are always recorded; others where their route says `is_watched`.
ADMINISTRATIVE = frozenset(
    f"{noun}:write"
    for noun in (
        "bank-accounts",
        "dead-letters",
        "jobs",
        "policies",
        "posting-releases",
        "replays",
        "subscriptions",
    )
)


def record_request(scope: Mapping[str, Any], status: int, route: str) -> None:
    """Record an answered request of the ASGI scope, if it is of interest."""
    state = scope["state"]
    log = structlog.get_logger()
    if status == 401:
        # The path was not matched, and may hold anything: it is left out.
        client = scope.get("client")
        log.warning("security.unauthenticated", peer=client[0] if client else None)
        return
    if status != 403 and not (state.get("is_watched") and 200 <= status < 300):
        return
    principal = state.get("principal")
    facts = {
        "method": scope["method"],
        "route": route,
        "scope_needed": state.get("scope_needed"),
        "subjects": {name: str(value) for name, value in scope.get("path_params", {}).items()},
        "tenant_id": str(principal.tenant_id) if principal else None,
        "actor": str(principal.actor) if principal else None,
        "client_id": principal.client_id if principal else None,
    }
    if status == 403:
        log.warning("security.forbidden", **facts)
    else:
        log.info("security.administered", **facts)
