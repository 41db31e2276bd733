"""Every code in the sources stands in the table, with the status of its class."""

import ast
from collections.abc import Iterator
from pathlib import Path

import billing_shared.errors
from billing_shared.errors import CODES, BillingError

ROOT = Path(__file__).parents[3]
CLASSES = {
    name: cls
    for name, cls in vars(billing_shared.errors).items()
    if isinstance(cls, type) and issubclass(cls, BillingError) and cls is not BillingError
}
INVALID = CLASSES["Invalid"].status


def raised() -> Iterator[tuple[str, str, int]]:
    sources = [ROOT / "shared/src", *(ROOT / "services").glob("*/src")]
    for source in sources:
        for file in source.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call):
                    yield from codes_of(node, f"{file.relative_to(ROOT)}:{node.lineno}")


def codes_of(call: ast.Call, place: str) -> Iterator[tuple[str, str, int]]:
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    if name in CLASSES and call.args and isinstance(call.args[0], ast.Constant):
        yield place, call.args[0].value, CLASSES[name].status
    if name == "invalid":
        given = [*call.args[2:3], *(k.value for k in call.keywords if k.arg == "code")]
        yield from ((place, c.value, INVALID) for c in given if isinstance(c, ast.Constant))


def test_every_code_in_the_sources_is_in_the_table():
    found = list(raised())
    assert len(found) > 50
    wrong = [(place, code) for place, code, _ in found if code not in CODES]
    assert wrong == []


def test_a_code_comes_with_one_status():
    wrong = [(p, code) for p, code, status in raised() if CODES[code].status != status]
    assert wrong == []


def test_meanings_are_sentences_of_people():
    for code, known in CODES.items():
        assert code == code.lower().replace("_", "-")
        assert known.meaning[0].isupper()
        assert not known.meaning.endswith(".")
