"""What schemathesis cannot know of us, and checks it does not have; it loads this file itself.

Keys, tags and cursors of valid requests come from the service: drawn ones would only ever show that
they are used, stale or not ours.
"""

import json
import os
import re
import uuid

import requests
import schemathesis
from schemathesis.core.parameters import ParameterLocation

from billing_shared.errors import CODES

FILES = ("application/xml", "text/xml", "application/gzip")
LINES = "application/x-ndjson"
KEY, TAG = "Idempotency-Key", "If-Match"
#: Headers of ours that a document must name where they occur.
HEADERS = ("ETag", "Location", "As-Of", "Idempotent-Replayed", "Retry-After", "WWW-Authenticate")
#: How pydantic, or a type of ours beside it, words what a JSON Schema can say as well.
SAID_BY_SCHEMA = re.compile(
    r"(Input|String|List|Tuple|Dictionary|Field|Extra inputs) |"
    r"must be (one line|text|a decimal|a percentage|an ISO|a UNCL5305|1 to 8 capital)"
)
#: What of it JSON Schema has no word for: bounds of dates, days no calendar has, hosts of URLs.
NO_WORD_FOR = re.compile(r".*datetime\.date\(|Input should be a valid (date|datetime|URL|integer)")


@schemathesis.serializer(LINES)
def lines(_, value):
    """A body of one line: the drawn object."""
    return value if isinstance(value, bytes) else json.dumps(value, default=str).encode() + b"\n"


@schemathesis.serializer(*FILES)
def files(_, value):
    """A file is bytes; what is drawn is seldom one."""
    return value if isinstance(value, bytes) else str(value).encode()


def is_positive(case) -> bool:
    return case.meta is not None and case.meta.generation.mode.is_positive


def look(path: str, query=None) -> requests.Response:
    """What the service says of a path just now."""
    token = {"Authorization": f"Bearer {os.environ['FUZZ_TOKEN']}"}
    return requests.get(os.environ["FUZZ_URL"] + path, params=query, headers=token, timeout=30)


@schemathesis.hook
def before_call(context, case, kwargs) -> None:
    """A valid request gets a key of its own, the tag the thing has, a cursor of this very list."""
    if not is_positive(case):
        return
    if KEY in case.headers:
        case.headers[KEY] = str(uuid.uuid4())
    if TAG in case.headers:
        seen = look(case.formatted_path.removesuffix("/issue"))
        case.headers[TAG] = seen.headers.get("ETag", '"1"')
    if "cursor" in (case.query or {}):
        filters = {name: value for name, value in case.query.items() if name != "cursor"}
        seen = look(case.formatted_path, filters | {"limit": 1})
        case.query.pop("cursor")
        if seen.ok and seen.json().get("next_cursor"):
            case.query["cursor"] = seen.json()["next_cursor"]


@schemathesis.check
def refusals_are_problems_we_know(ctx, response, case) -> None:
    """RFC 9457, with a code out of the table."""
    if response.status_code >= 400:
        assert response.headers["content-type"] == ["application/problem+json"], "no problem"
        problem = response.json()
        assert problem["code"] in CODES, f"unknown code {problem['code']}"
        assert CODES[problem["code"]].status == response.status_code, "status and code differ"


@schemathesis.check
def what_the_schema_could_say_it_says(ctx, response, case) -> None:
    """Valid data may break a rule of the trade (422), but none that the document leaves out."""
    if response.status_code == 422 and is_positive(case):
        for error in response.json().get("errors", ()):
            reason = error["reason"]
            unsaid = SAID_BY_SCHEMA.match(reason) and not NO_WORD_FOR.match(reason)
            assert not unsaid, f"the document does not say: {error['field']}: {reason}"


@schemathesis.check
def bad_lines_are_refused_in_their_place(ctx, response, case) -> None:
    """The negative check of bulk requests, whose answer is 200 with a status for each line."""
    if case.media_type == LINES and response.status_code == 200 and case.meta is not None:
        body = case.meta.components.get(ParameterLocation.BODY)
        if body is not None and body.mode.is_negative:
            taken = [
                line for line in response.text.splitlines() if json.loads(line)["status"] < 400
            ]
            assert not taken, "a line that breaks the schema was taken"


@schemathesis.check
def headers_are_documented(ctx, response, case) -> None:
    """What comes in a header of ours stands in the document."""
    document = case.operation.schema.raw_schema
    found = case.operation.definition.raw["responses"].get(str(response.status_code), {})
    if "$ref" in found:
        found = document["components"]["responses"][found["$ref"].rpartition("/")[2]]
    named = {name.lower() for name in found.get("headers", {})}
    for name in HEADERS:
        if name.lower() in response.headers and response.status_code != 405:
            assert name.lower() in named, f"{name} is not documented for {response.status_code}"
