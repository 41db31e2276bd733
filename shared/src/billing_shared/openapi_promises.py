"""Whether callers of a released HTTP document still get on with the one of today.

What callers send by the old document must be taken by the new service; what the new service answers
must be readable by them. New routes, optional fields, parameters and refusals are no break.
"""

from collections.abc import Iterator
from typing import Any

from billing_shared.contracts.compatibility import Schema, losses, refusals

Json = dict[str, Any]
METHODS = ("get", "put", "post", "delete", "options", "head", "patch")


def broken_promises(old: Json, new: Json) -> list[str]:
    """Every way in which `new` breaks what `old` promised; empty when callers need not know."""
    found: list[str] = []
    for path, item in old["paths"].items():
        for method in METHODS:
            if method in item:
                where = f"{method.upper()} {path}"
                now = new["paths"].get(path, {}).get(method)
                if now is None:
                    found.append(f"{where} was removed")
                else:
                    found += [
                        f"{where}: {what}"
                        for what in _Operation(old, new).breaks(item[method], now)
                    ]
    return sorted(found)


class _Operation:
    """Judges one operation inside its two documents."""

    def __init__(self, old: Json, new: Json) -> None:
        self._old, self._new = old, new

    def breaks(self, old: Json, new: Json) -> Iterator[str]:
        if old.get("x-required-scope") != new.get("x-required-scope"):
            yield f"asks for {new.get('x-required-scope')}, not {old.get('x-required-scope')}"
        yield from self._parameters(old, new)
        yield from self._request(old.get("requestBody"), new.get("requestBody"))
        yield from self._answers(old["responses"], new["responses"])

    def _parameters(self, old: Json, new: Json) -> Iterator[str]:
        before, after = (
            {(p["in"], p["name"]): p for p in operation.get("parameters", ())}
            for operation in (old, new)
        )
        for key in sorted(before.keys() - after.keys()):
            yield f"{key[0]} parameter {key[1]} was removed"
        for key, parameter in sorted(after.items()):
            known = before.get(key)
            if parameter.get("required") and not (known and known.get("required")):
                yield f"{key[0]} parameter {key[1]} became required"
            if known is not None:
                for reason in self._taken(known["schema"], parameter["schema"]):
                    yield f"{key[0]} parameter {key[1]}: {reason}"

    def _request(self, old: Json | None, new: Json | None) -> Iterator[str]:
        if new is None:
            if old is not None:
                yield "the body was removed"
            return
        if new.get("required") and not (old and old.get("required")):
            yield "a body became required"
        for kind, content in (old or {"content": {}})["content"].items():
            now = _content(new, kind)
            if now is None:
                yield f"no body of {kind} is taken any more"
                continue
            for reason in self._taken(content.get("schema", {}), now.get("schema", {})):
                yield f"body of {kind}: {reason}"

    def _answers(self, old: Json, new: Json) -> Iterator[str]:
        for status in sorted(new.keys() - old.keys()):
            if status.startswith(("1", "2", "3")):
                yield f"answers {status}, too"
        for status, response in old.items():
            before, now = self._resolved(self._old, response), new.get(status)
            if now is None:
                # A refusal that cannot happen any more harms nobody.
                if status.startswith("2"):
                    yield f"never answers {status} any more"
                continue
            after = self._resolved(self._new, now)
            for name in sorted(before.get("headers", {}).keys() - after.get("headers", {}).keys()):
                yield f"{status}: header {name} was removed"
            for kind, content in before.get("content", {}).items():
                sent = _content(after, kind)
                if sent is None:
                    yield f"{status}: no longer {kind}"
                    continue
                yield from (
                    f"{status}: {reason}"
                    for reason in self._read(content.get("schema", {}), sent.get("schema", {}))
                )

    def _taken(self, old: Schema, new: Schema) -> list[str]:
        documents = (self._old, self._new)
        return refusals(old, new, documents) + losses(old, new, documents)

    def _read(self, old: Schema, new: Schema) -> list[str]:
        """Callers read what they know; a field they do not know yet does not harm them."""
        return refusals(new, old, (self._new, self._old)) + losses(old, new, (self._old, self._new))

    @staticmethod
    def _resolved(document: Json, response: Json) -> Json:
        reference = response.get("$ref")
        if reference is None:
            return response
        found: Json = document["components"]["responses"][reference.rpartition("/")[2]]
        return found


def _content(message: Json, kind: str) -> Json | None:
    found: Json | None = message.get("content", {}).get(kind)
    return found
