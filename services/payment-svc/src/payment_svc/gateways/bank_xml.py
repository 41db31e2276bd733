"""Hostile until proven otherwise: the only place that lets XML of strangers in.

No document type, no entities, no network; size, depth and number of elements are bounded, and an
element is freed as soon as it was read, so memory does not grow with the file.
"""

import gzip
import io
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import cast

from lxml import etree

from billing_shared.errors import FieldError, Malformed, TooLarge

MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 48
#: Elements of a whole file, which bounds the time it takes to read.
MAX_ELEMENTS = 2_000_000
#: Elements of one statement entry: a batch of some 5,000 transactions.
MAX_ELEMENTS_HELD = 300_000
#: Bytes without a tag's end: a text, or the attributes of one element.
MAX_PIECE_BYTES = 1024 * 1024
_GZIP_MAGIC = b"\x1f\x8b"

Element = etree._Element


def unpack(body: bytes) -> bytes:
    """The file itself, out of gzip if it is in one.

    Malformed `file-not-readable` for a broken archive, TooLarge `too-large` beyond the limit.
    """
    if not body.startswith(_GZIP_MAGIC):
        return _bounded(body)
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as archive:
            return _bounded(archive.read(MAX_FILE_BYTES + 1))
    except (OSError, EOFError, zlib.error) as error:
        raise _broken("file-not-readable", f"the gzip archive is broken: {error}") from error


def walk(data: bytes) -> Iterator[tuple[int, Element]]:
    """Every element as it closes, with its depth (the root has 1), in document order.

    The root is given first, still empty, so that its name can be judged before all else. Elements
    of depth 4 and less are emptied after they were given. Malformed `xml-not-readable` with the
    line, `xml-document-type` for a DTD; TooLarge `xml-too-deep` or `too-large`.
    """
    depth = held = total = 0
    source = _Source(data)
    context = etree.iterparse(
        source,
        events=("start", "end"),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        for event, element in context:
            source.quiet_bytes = 0
            if event == "start":
                depth, held, total = depth + 1, held + 1, total + 1
                _check_bounds(depth, held, total, element)
                if depth == 1:
                    _refuse_document_type(element)
                    yield 1, element
                continue
            if depth > 1:
                yield depth, element
            if depth <= 4:
                _free(element)
                held = depth
            depth -= 1
    except etree.XMLSyntaxError as error:
        line = error.lineno or 1
        raise _broken("xml-not-readable", error.msg or "not XML", line) from error


class _Source(io.BytesIO):
    """Refuses to be read on when the parser has taken much and made nothing of it."""

    quiet_bytes = 0

    def read(self, size: int | None = -1, /) -> bytes:
        chunk = super().read(size)
        self.quiet_bytes += len(chunk)
        if self.quiet_bytes > MAX_PIECE_BYTES:
            raise TooLarge("too-large", f"a text or a tag is longer than {MAX_PIECE_BYTES} bytes")
        return chunk


def find(element: Element, path: str) -> Element | None:
    """The first element at a path of local names, in the namespace of `element`."""
    return element.find(_qualified(path, _namespace(element)))


def find_all(element: Element, path: str) -> list[Element]:
    """All elements at a path of local names."""
    return element.findall(_qualified(path, _namespace(element)))


def text(element: Element, *paths: str) -> str | None:
    """The text at the first of the paths that has any, without surrounding space; else None."""
    for path in paths:
        found = element.findtext(_qualified(path, _namespace(element)))
        if found and (stripped := found.strip()):
            return stripped
    return None


def local_name(element: Element) -> str:
    """The name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def parent_name(element: Element) -> str:
    """The local name of the parent; empty for the root."""
    parent = element.getparent()
    return "" if parent is None else local_name(parent)


def line_of(element: Element) -> int:
    """The line of the file the element starts on, from 1."""
    return cast(int | None, element.sourceline) or 0


def _namespace(element: Element) -> str:
    return str(element.tag).rpartition("}")[0].removeprefix("{")


@lru_cache(maxsize=2048)
def _qualified(path: str, namespace: str) -> str:
    if not namespace:
        return path
    return "/".join(f"{{{namespace}}}{step}" for step in path.split("/"))


def _bounded(data: bytes) -> bytes:
    if len(data) > MAX_FILE_BYTES:
        raise TooLarge("too-large", f"a bank file has at most {MAX_FILE_BYTES} bytes")
    return data


def _check_bounds(depth: int, held: int, total: int, element: Element) -> None:
    if depth <= MAX_DEPTH and held <= MAX_ELEMENTS_HELD and total <= MAX_ELEMENTS:
        return
    line = line_of(element)
    if depth > MAX_DEPTH:
        error = FieldError("body", f"elements nest deeper than {MAX_DEPTH}", line)
        raise TooLarge("xml-too-deep", f"elements nest deeper than {MAX_DEPTH}", [error])
    reason = f"more than {MAX_ELEMENTS_HELD} elements in an entry, or {MAX_ELEMENTS} in the file"
    raise TooLarge("too-large", reason, [FieldError("body", reason, line)])


def _refuse_document_type(root: Element) -> None:
    if root.getroottree().docinfo.internalDTD is not None:
        raise _broken("xml-document-type", "a document type is not allowed in a bank file", 1)


def _free(element: Element) -> None:
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def _broken(code: str, reason: str, line: int | None = None) -> Malformed:
    return Malformed(code, reason, [FieldError("body", reason, line)])
