"""Who may do what: roles, scopes and the table between them (generated into docs/access.md).

A scope is `<plural noun>:read` or `<plural noun>:write`. The staff roles rise: each may do what the
one before may. Amount limits per role are not here but in the policy of the service.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from uuid import UUID

from billing_shared.context import Actor

NOUNS: dict[str, str] = {
    "sellers": "the tenant as seller",
    "customers": "customers and their terms",
    "invoices": "drafts, issued and imported invoices, voids",
    "credit-notes": "credit notes",
    "bank-accounts": "our own bank accounts",
    "payments": "payments and reversals by hand",
    "bank-statements": "bank files and their release",
    "discrepancies": "discrepancies and their resolution",
    "receivables": "open items, balances, aging",
    "decisions": "why a payment was matched as it was",
    "journals": "the ledger",
    "proofs": "the books, added up again",
    "posting-releases": "posting resumed after broken books",
    "subscriptions": "webhook subscriptions and their secrets",
    "deliveries": "webhooks and mails that were sent",
    "audit": "who changed what, and why",
    "policies": "tolerances, limits and orders",
    "dead-letters": "events that could not be applied",
    "replays": "events sent again from the outbox",
    "jobs": "scheduled work",
}
ALL_SCOPES = frozenset(f"{noun}:{verb}" for noun in NOUNS for verb in ("read", "write"))

STAFF = ("clerk", "specialist", "senior", "supervisor", "director")

ROLES: dict[str, str] = {
    "clerk": "prepares and issues invoices, takes in payments and bank files, looks things up",
    "specialist": "clerk, and corrects documents and clears up discrepancies",
    "senior": "specialist, and keeps bank accounts; higher limits",
    "supervisor": "senior, and seller, subscriptions, audit, releases",
    "director": "supervisor, and sets the policy",
    "auditor": "reads everything, changes nothing",
    "integration": "another system: documents and money in, results out",
    "subscriber": "keeps its own webhook subscriptions",
    "operator": "dead letters, replays, jobs; no amounts, no names",
}


def _read(nouns: str) -> frozenset[str]:
    return frozenset(f"{noun}:read" for noun in nouns.split())


def _write(nouns: str) -> frozenset[str]:
    return _read(nouns) | frozenset(f"{noun}:write" for noun in nouns.split())


_CLERK = _write("customers invoices payments bank-statements") | _read(
    "sellers credit-notes bank-accounts discrepancies receivables decisions journals proofs "
    "deliveries policies"
)
_SPECIALIST = _CLERK | _write("credit-notes discrepancies deliveries")
_SENIOR = _SPECIALIST | _write("bank-accounts proofs")
_SUPERVISOR = _SENIOR | _write("sellers subscriptions posting-releases") | _read("audit")
_DIRECTOR = _SUPERVISOR | _write("policies")

ROLE_SCOPES: dict[str, frozenset[str]] = {
    "clerk": _CLERK,
    "specialist": _SPECIALIST,
    "senior": _SENIOR,
    "supervisor": _SUPERVISOR,
    "director": _DIRECTOR,
    "auditor": _read(" ".join(NOUNS)),
    "integration": _write(
        "sellers customers invoices credit-notes bank-accounts payments bank-statements "
        "subscriptions deliveries"
    )
    | _read("discrepancies receivables decisions journals proofs"),
    "subscriber": _write("subscriptions deliveries"),
    "operator": _write("dead-letters replays jobs"),
}


@dataclass(frozen=True, slots=True)
class Principal:
    """Whom a verified token speaks for, and what it may do."""

    tenant_id: UUID
    actor: Actor
    client_id: str
    roles: frozenset[str] = field(default_factory=frozenset)
    scopes: frozenset[str] = field(default_factory=frozenset)


def effective_scopes(roles: Collection[str], granted: Iterable[str]) -> frozenset[str]:
    """What a token may do: its roles' scopes, narrowed by its own scopes where it names any.

    A token without a role has just the scopes it names. Words that are no scope of ours (`openid`)
    do not count as named; unknown roles give nothing.
    """
    by_role = frozenset[str]().union(*(ROLE_SCOPES.get(role, frozenset()) for role in roles))
    named = frozenset(s for s in granted if s.endswith((":read", ":write")))
    if not named:
        return by_role
    known = named & ALL_SCOPES
    return known & by_role if roles else known


def rank(roles: Iterable[str]) -> int:
    """The highest staff role as a number: clerk 1 to director 5, none 0."""
    return max((STAFF.index(role) + 1 for role in roles if role in STAFF), default=0)
