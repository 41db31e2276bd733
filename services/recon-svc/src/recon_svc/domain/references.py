"""References: what a payer may have meant, read from structured fields and free text.

A reference is *proven* if it equals a key of an item we know, to the letter, once both are
normalised. Anything looser is a suggestion, and this room makes none.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from stdnum.iso7064 import mod_97_10

from recon_svc.domain.facts import Invoice, Payment

#: A key shorter than this collides with stray numbers too easily to prove anything.
MIN_KEY_LENGTH = 4
#: An RF reference (ISO 11649) has 5 to 25 characters.
MAX_RF_LENGTH = 25
#: How many neighbouring words may be one reference that was spaced or split over lines.
MAX_JOINED_WORDS = 8
#: How many different keys one payment can probe.
MAX_TOKENS = 128

_RF = re.compile(r"RF\d{2}[A-Z0-9]{1,21}")
_RF_START = re.compile(r"RF(\d{2}.*)?")
_WORD = re.compile(r"[A-Z0-9]+")
_DIGIT = re.compile(r"\d")
_LETTER = re.compile(r"[A-Z]")


@dataclass(frozen=True, slots=True)
class Read:
    """What the references of one payment say.

    `items`: the invoices they name. `bad`: RF references whose check digits fail. `unknown`:
    well-formed references that name nothing we know. `ambiguous`: keys of more than one item.
    """

    items: frozenset[UUID] = frozenset()
    bad: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    ambiguous: tuple[str, ...] = ()

    @property
    def says_nothing(self) -> bool:
        return not (self.items or self.bad or self.unknown or self.ambiguous)


def normalise(text: str) -> str:
    """Upper-case letters and digits only, full-width and other compatibility forms folded."""
    return "".join(_WORD.findall(unicodedata.normalize("NFKC", text).upper()))


def item_keys(invoice: Invoice) -> frozenset[str]:
    """The keys under which payers may name an invoice: its number and its payment reference."""
    keys = (normalise(invoice.number), normalise(invoice.payment_reference))
    return frozenset(key for key in keys if len(key) >= MIN_KEY_LENGTH)


def payment_tokens(payment: Payment) -> frozenset[str]:
    """Every key a payment may probe, at most MAX_TOKENS, the strongest kinds first."""
    words = _words(payment.remittance_lines)
    ordered: dict[str, None] = {}
    for token in (
        *_structured(payment),
        *(run for runs in _rf_runs(words) for run in runs),
        *_plain(words),
        *(normalise(r.value) for r in payment.references if r.kind == "end-to-end"),
    ):
        if MIN_KEY_LENGTH <= len(token) <= MAX_RF_LENGTH + 10:
            ordered[token] = None
    return frozenset(list(ordered)[:MAX_TOKENS])


def read(
    payment: Payment, keys: Mapping[str, frozenset[UUID]], number_patterns: Iterable[str]
) -> Read:
    """Decide what a payment's references name. `keys` maps normalised keys to invoices."""
    tokens = payment_tokens(payment)
    hits = {token: keys[token] for token in tokens if token in keys}
    named = frozenset(next(iter(items)) for items in hits.values() if len(items) == 1)
    bad: set[str] = set()
    unknown: set[str] = set()
    for token in _structured(payment):
        if token not in keys:
            (bad if _is_bad_rf(token) else unknown).add(token)
    for runs in _rf_runs(_words(payment.remittance_lines)):
        if not any(run in keys for run in runs):
            valid = [run for run in runs if is_rf(run)]
            (unknown if valid else bad).add(valid[-1] if valid else runs[-1])
    for pattern in number_patterns:
        own = re.compile(pattern)
        unknown |= {token for token in tokens if own.fullmatch(token) and token not in keys}
    return Read(
        items=named,
        bad=tuple(sorted(bad)),
        unknown=tuple(sorted(unknown)),
        ambiguous=tuple(sorted(token for token, items in hits.items() if len(items) > 1)),
    )


@lru_cache(maxsize=65536)
def is_rf(token: str) -> bool:
    """An ISO 11649 creditor reference with right check digits."""
    return bool(_RF.fullmatch(token)) and mod_97_10.is_valid(token[4:] + token[:4])


def _is_bad_rf(token: str) -> bool:
    return bool(_RF_START.fullmatch(token)) and not is_rf(token)


def _structured(payment: Payment) -> list[str]:
    values = (normalise(r.value) for r in payment.references if r.kind == "creditor-reference")
    return [value for value in values if value]


def _words(lines: tuple[str, ...]) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", " ".join(lines)).upper())


def _plain(words: list[str]) -> Iterable[str]:
    """Single words with a digit, and a word with a letter joined to its next ones.

    Two bare numbers are never joined: a date beside an amount would make up an invoice number.
    """
    for start, word in enumerate(words):
        if _DIGIT.search(word):
            yield word
        if _LETTER.search(word):
            joined = word
            for following in words[start + 1 : start + 4]:
                if not _DIGIT.search(following):
                    break
                joined += following
                yield joined


def _rf_runs(words: list[str]) -> Iterable[list[str]]:
    """For each word that starts like an RF reference, what it and its neighbours may spell."""
    for start, word in enumerate(words):
        if not _RF_START.fullmatch(word):
            continue
        runs, joined = [], ""
        for offset, part in enumerate(words[start : start + MAX_JOINED_WORDS]):
            # Words without a digit end a reference, but for its letters right after RFnn.
            if offset > 1 and not _DIGIT.search(part):
                break
            joined += part
            if len(joined) > MAX_RF_LENGTH:
                break
            if _RF.fullmatch(joined):
                runs.append(joined)
        if runs and len(runs[-1]) > MIN_KEY_LENGTH + 2:
            yield runs
