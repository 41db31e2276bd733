"""Days and instants as callers write them: ISO 8601 text, nothing that has to be guessed.

Left to itself, pydantic takes numbers (a Unix time in seconds or milliseconds, as it sees fit) and
times without seconds; our documents promise `date` and `date-time`, which are RFC 3339.
"""

import re
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def _only(form: re.Pattern[str], words: str) -> Callable[[Any], Any]:
    def checked(value: Any) -> Any:
        if isinstance(value, date) or (isinstance(value, str) and form.fullmatch(value)):
            return value
        raise ValueError(words)

    return checked


#: A legal date in a request.
Day = Annotated[date, BeforeValidator(_only(_DATE, "a date is written YYYY-MM-DD"))]
#: An instant in a request, with its offset.
Instant = Annotated[
    AwareDatetime,
    BeforeValidator(
        _only(_DATE_TIME, "an instant is written YYYY-MM-DDThh:mm:ss with Z or an offset")
    ),
]
