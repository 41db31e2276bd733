"""A mutant: a change of the sources that takes a guard out, and the tests that must notice."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """Text of one file, which must be there exactly once, and what stands there instead."""

    path: str
    old: str
    new: str

    def applied(self, text: str) -> str:
        """The changed text. ValueError when the old one is not there exactly once."""
        if (found := text.count(self.old)) != 1:
            raise ValueError(f"{self.path}: found {found} times: {self.old!r}")
        return text.replace(self.old, self.new)


@dataclass(frozen=True, slots=True)
class Mutant:
    """`suite` are pytest's ids; that at least one of them fails is what we want."""

    name: str
    changes: tuple[Change, ...]
    suite: tuple[str, ...]
