"""References: what a payer may have meant, read from structured fields and free text.

A reference is *proven* if it equals a key of an item we know, to the letter, once both are
normalised. Anything looser is a suggestion, and this room makes none.
"""

import re
import unicodedata
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from uuid import UUID

from stdnum.iso7064 import mod_97_10

from recon_svc.domain.facts import BankReference, Invoice, Payment

#: A key shorter than this collides with stray numbers too easily to prove anything.
MIN_KEY_LENGTH = 4
#: An RF reference (ISO 11649) has 5 to 25 characters.
MAX_RF_LENGTH = 25
#: Keys are numbers (at most 35 characters in a bank file) or RF references.
MAX_KEY_LENGTH = 35
#: Anything shorter that starts like an RF reference is a word of its own.
MIN_BAD_LENGTH = 7
#: How many neighbouring words may be one reference that was spaced or split over lines.
MAX_JOINED_WORDS = 8
#: How many different keys one payment can probe.
MAX_TOKENS = 128
#: What stands where a payer gave no id (ISO 20022 and SWIFT): it would join strangers.
NO_IDS = frozenset({"", "NOTPROVIDED", "NONREF", "NONE", "NA"})

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
    return _keys(invoice.number, invoice.payment_reference)


@lru_cache(maxsize=65536)
def _keys(*names: str) -> frozenset[str]:
    return frozenset(key for key in map(normalise, names) if len(key) >= MIN_KEY_LENGTH)


# Asked for when the fact is stored, and again when its group is settled.
@lru_cache(maxsize=2048)
def payment_tokens(payment: Payment) -> frozenset[str]:
    """Every key a payment may probe, at most MAX_TOKENS, the strongest kinds first."""
    words = _words(payment.remittance_lines)
    rf_runs = [run for start in range(len(words)) for run in _rf_runs(words, start)]
    plain = [run for start in _outside_rf(words) for run in _plain_runs(words, start)]
    end_to_end = [normalise(r.value) for r in payment.references if r.kind == "end-to-end"]
    ordered = dict.fromkeys((*_structured(payment), *rf_runs, *end_to_end, *plain))
    usable = (t for t in ordered if MIN_KEY_LENGTH <= len(t) <= MAX_KEY_LENGTH)
    return frozenset(islice(usable, MAX_TOKENS))


def bank_ids(references: Iterable[BankReference]) -> frozenset[tuple[str, str]]:
    """The ids, with their kind, by which a bank may name a payment it takes back."""
    return frozenset(
        (reference.kind, reference.value)
        for reference in references
        if reference.kind in {"end-to-end", "bank"} and normalise(reference.value) not in NO_IDS
    )


def read(
    payment: Payment, keys: Mapping[str, frozenset[UUID]], number_patterns: Iterable[str]
) -> Read:
    """Decide what a payment's references name. `keys` maps normalised keys to invoices."""
    hits = {token: keys[token] for token in payment_tokens(payment) if token in keys}
    bad, unknown = _unmatched(payment, hits, [re.compile(p) for p in number_patterns])
    return Read(
        items=frozenset(next(iter(items)) for items in hits.values() if len(items) == 1),
        bad=tuple(sorted(bad)),
        unknown=tuple(sorted(unknown)),
        ambiguous=tuple(sorted(token for token, items in hits.items() if len(items) > 1)),
    )


def _unmatched(
    payment: Payment, hits: Container[str], own_numbers: list[re.Pattern[str]]
) -> tuple[set[str], set[str]]:
    """References that look like ours but name nothing: with wrong check digits, and the rest."""
    bad: set[str] = set()
    unknown: set[str] = set()
    for token in _structured(payment):
        if token not in hits:
            (bad if _is_bad_rf(token) else unknown).add(token)
    words = _words(payment.remittance_lines)
    start = 0
    while start < len(words):
        step, runs = 1, _rf_runs(words, start)
        if runs:
            found = next((run for run in runs if run in hits), None)
            valid = found or next((run for run in reversed(runs) if is_rf(run)), None)
            if found is None:
                (unknown if valid else bad).add(valid or runs[-1])
            step = _words_in(valid or runs[-1], words, start)
        else:
            runs = _plain_runs(words, start)
            mine = [run for run in runs if any(own.fullmatch(run) for own in own_numbers)]
            if mine and not any(run in hits for run in runs):
                unknown.add(mine[0])
        start += step
    return bad, unknown


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


def _plain_runs(words: list[str], start: int) -> list[str]:
    """A word with a digit, and a word with a letter joined to the numbers that follow it.

    Two bare numbers are never joined: a date beside an amount would make up an invoice number.
    """
    joined = words[start]
    runs = [joined] if _DIGIT.search(joined) else []
    if _LETTER.search(joined):
        for following in words[start + 1 : start + 4]:
            if not _DIGIT.search(following):
                break
            joined += following
            runs.append(joined)
    return runs


def _rf_runs(words: list[str], start: int) -> list[str]:
    """What a word that starts like an RF reference and its neighbours may spell, shortest first."""
    if not _RF_START.fullmatch(words[start]):
        return []
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
    return runs if runs and len(runs[-1]) >= MIN_BAD_LENGTH else []


def _outside_rf(words: list[str]) -> list[int]:
    """Words that are no part of an RF reference, good or bad.

    Our references end in the invoice number: read on its own, the number in a reference with a
    digit miskeyed would name somebody else's invoice.
    """
    found, start = [], 0
    while start < len(words):
        runs = _rf_runs(words, start)
        if runs:
            start += _words_in(next(filter(is_rf, reversed(runs)), runs[-1]), words, start)
        else:
            found.append(start)
            start += 1
    return found


def _words_in(run: str, words: list[str], start: int) -> int:
    """How many words from `start` spell `run`."""
    count, length = 0, 0
    while length < len(run):
        length += len(words[start + count])
        count += 1
    return count
