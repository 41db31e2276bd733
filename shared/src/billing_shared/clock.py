"""Time is an argument: nothing but a Clock reads the wall clock."""

from datetime import UTC, date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo


class Clock(Protocol):
    """Tells the present instant, in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class SettableClock:
    """A clock that can be put to an instant and then stands still; for tests and the month."""

    def __init__(self, at: datetime | None = None) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at or datetime.now(UTC)

    def set(self, at: datetime | None) -> None:
        """Stand still at `at`, or follow the machine's clock again with None."""
        self._at = at


def local_date(instant: datetime, time_zone: str) -> date:
    """The legal date of an instant in an IANA time zone."""
    return instant.astimezone(ZoneInfo(time_zone)).date()
