"""A group and its outcome as canonical JSON, so that a decision can be read and replayed."""

from collections.abc import Iterable
from uuid import UUID

import msgspec

from recon_svc.domain.facts import (
    AcceptShort,
    Apply,
    CreditNote,
    Dismiss,
    Group,
    Invoice,
    KeepOnAccount,
    LiveAllocation,
    Payment,
    Policy,
    Resolution,
    Reversal,
    Unapply,
)
from recon_svc.domain.outcome import Outcome

_RESOLUTIONS: dict[str, type[Resolution]] = {
    "apply": Apply,
    "un-apply": Unapply,
    "keep-on-account": KeepOnAccount,
    "accept-short": AcceptShort,
    "dismiss": Dismiss,
}
_ACTIONS = {kind: action for action, kind in _RESOLUTIONS.items()}
_encoder = msgspec.json.Encoder(order="deterministic")


class _Facts(msgspec.Struct, frozen=True):
    """A group as it is written: sets are sorted, and a person's decision names its action."""

    invoices: tuple[Invoice, ...]
    credit_notes: tuple[CreditNote, ...]
    payments: tuple[Payment, ...]
    reversals: tuple[Reversal, ...]
    resolutions: tuple[tuple[str, msgspec.Raw], ...]
    customers: frozenset[UUID]
    payers: dict[str, frozenset[UUID]]
    crowded: frozenset[UUID]
    posting_stopped: tuple[LiveAllocation, ...] | None


def encode_group(group: Group) -> str:
    """The same facts give the same text, in whatever order they were loaded."""
    stopped = group.posting_stopped
    return _text(
        _Facts(
            invoices=tuple(sorted(group.invoices, key=lambda i: i.invoice_id)),
            credit_notes=tuple(sorted(group.credit_notes, key=lambda n: n.credit_note_id)),
            payments=tuple(sorted(group.payments, key=lambda p: p.payment_id)),
            reversals=tuple(sorted(group.reversals, key=lambda r: r.reversal_id)),
            # People's decisions keep the order in which they were made.
            resolutions=tuple(
                (_ACTIONS[type(r)], msgspec.Raw(_encoder.encode(r))) for r in group.resolutions
            ),
            customers=group.customers,
            payers=dict(group.payers),
            crowded=group.crowded,
            posting_stopped=None
            if stopped is None
            else tuple(sorted(stopped, key=lambda a: (a.payment_id, a.invoice_id))),
        )
    )


def decode_group(text: str) -> Group:
    """The group a decision was made on."""
    facts = msgspec.json.decode(text, type=_Facts)
    return Group(
        invoices=facts.invoices,
        credit_notes=facts.credit_notes,
        payments=facts.payments,
        reversals=facts.reversals,
        resolutions=tuple(
            msgspec.json.decode(raw, type=_RESOLUTIONS[action]) for action, raw in facts.resolutions
        ),
        customers=facts.customers,
        payers=facts.payers,
        crowded=facts.crowded,
        posting_stopped=None if facts.posting_stopped is None else frozenset(facts.posting_stopped),
    )


def encode_policy(policy: Policy) -> str:
    """The limits a decision was made by."""
    return _text(policy)


def decode_policy(text: str) -> Policy:
    """The limits a decision was made by."""
    return msgspec.json.decode(text, type=Policy)


def encode_outcome(outcome: Outcome) -> str:
    """An outcome, its lists in an order that does not depend on how the group was loaded."""
    return _text(
        {
            "postings": _in_order(outcome.postings),
            "payments": _in_order(outcome.payments),
            "items": _in_order(outcome.items),
            "credit_applications": _in_order(outcome.credit_applications),
            "discrepancies": _in_order(outcome.discrepancies),
        }
    )


def decode_outcome(text: str) -> Outcome:
    """What a decision led to."""
    return msgspec.json.decode(text, type=Outcome)


def _in_order(things: Iterable[object]) -> list[msgspec.Raw]:
    return [msgspec.Raw(raw) for raw in sorted(_encoder.encode(thing) for thing in things)]


def _text(thing: object) -> str:
    return _encoder.encode(thing).decode()
