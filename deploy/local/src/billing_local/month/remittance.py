"""How payers spell references: the noise of remittance texts, filled in with the printed papers."""

import re
from collections.abc import Mapping, Sequence

from billing_local.month.model import Paper, Part, Quote

REFERENCE_STYLES = ("plain", "fours", "lower", "dashed", "split", "wide", "dotted")
NUMBER_STYLES = ("plain", "spaced", "squeezed", "lower", "slashed", "split", "wide")
#: The longest remittance line a camt message may carry, in characters (Max140Text).
MAX_LINE = 140

_WIDE = {ord(ascii): ord(ascii) + 0xFEE0 for ascii in map(chr, range(0x21, 0x7F))}


def lines(parts: Sequence[Part], papers: Mapping[str, Paper]) -> list[str]:
    """The text of a remittance, cut into lines where a spelling breaks it; never an empty line."""
    text = "".join(part if isinstance(part, str) else spell(part, papers) for part in parts)
    return [line.strip()[:MAX_LINE] for line in text.split("\n") if line.strip()]


def spell(quote: Quote, papers: Mapping[str, Paper]) -> str:
    """One quoted invoice as the payer wrote it; may contain a line break."""
    paper = papers[quote.invoice]
    if quote.what == "number":
        number = paper.number if quote.damage is None else _strange_number(paper.number, quote.salt)
        return _spell_number(number, quote.style)
    reference = re.sub(r"\W", "", paper.payment_reference).upper()
    if quote.damage == "digit":
        reference = _miskeyed(reference, quote.salt)
    elif quote.damage == "stranger":
        reference = creditor_reference(f"{reference[4:][:6]}X{quote.salt:06d}")
    return _spell_reference(reference, quote.style)


def creditor_reference(body: str) -> str:
    """An ISO 11649 reference: check digits (ISO 7064 mod 97-10) over at most 21 characters."""
    digits = "".join(str(int(char, 36)) for char in f"{body}RF00")
    return f"RF{98 - int(digits) % 97:02d}{body}"


def checks(reference: str) -> bool:
    """Whether the check digits of an ISO 11649 reference are right."""
    turned = f"{reference[4:]}{reference[:4]}"
    return int("".join(str(int(char, 36)) for char in turned)) % 97 == 1


def _miskeyed(reference: str, salt: int) -> str:
    """One digit off: mod 97-10 finds every such slip.

    One slip in a hundred makes the first groups of four a good reference of their own; then it is
    another slip, for this one would have to be called a stranger's reference.
    """
    places = [at for at, char in enumerate(reference) if at >= 2 and char.isdigit()]
    for again in range(salt, salt + 9 * len(places)):
        at = places[again % len(places)]
        digit = (int(reference[at]) + 1 + again % 9) % 10
        slip = f"{reference[:at]}{digit}{reference[at + 1 :]}"
        if not any(checks(slip[:length]) for length in range(8, len(slip), 4)):
            return slip
    raise ValueError(f"no slip of {reference} is a plain one")


def _strange_number(number: str, salt: int) -> str:
    """A number of the same look, far beyond the last one taken."""
    found = re.search(r"\d+$", number)
    digits = len(found.group()) if found else 0
    return f"{number[: len(number) - digits]}9{salt:0{digits}d}"[: len(number)]


def _spell_reference(reference: str, style: str) -> str:
    fours = [reference[at : at + 4] for at in range(0, len(reference), 4)]
    match style:
        case "fours":
            return " ".join(fours)
        case "lower":
            return " ".join(fours).lower()
        case "dashed":
            return "-".join(fours)
        case "dotted":
            return f"({reference})."
        case "split":
            return " ".join(fours[:2]) + "\n" + " ".join(fours[2:])
        case "wide":
            return reference.translate(_WIDE)
        case _:
            return reference


def _spell_number(number: str, style: str) -> str:
    chunks = re.split(r"[^0-9A-Za-z]+", number)
    match style:
        case "spaced":
            return " ".join(chunks)
        case "squeezed":
            return "".join(chunks)
        case "lower":
            return number.lower()
        case "slashed":
            return "/".join(chunks)
        case "split":
            return f"{number[: len(number) - len(chunks[-1])]}\n{chunks[-1]}"
        case "wide":
            return number.translate(_WIDE)
        case _:
            return number
