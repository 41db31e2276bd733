"""Every line of docs/security.md has the tests it names, and they name its number."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINE = re.compile(r"^\| (S\d+) \|.*\| ([^|]+) \|$", re.MULTILINE)


def test_every_promise_has_its_test() -> None:
    promised = LINE.findall((ROOT / "docs/security.md").read_text())
    assert len(promised) >= 16
    for number, tests in promised:
        files = re.findall(r"`([^`]+)`", tests)
        assert files, number
        for file in files:
            text = (ROOT / file).read_text()
            assert re.search(rf"\b{number}\b", text), f"{file} does not name {number}"
            assert "def test_" in text, file
