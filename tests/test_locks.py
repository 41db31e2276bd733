"""The locks hold every package with hashes, agree with each other, and name no index."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCKS = ["requirements.lock", "requirements-dev.lock"]


def pins(lock: str) -> dict[str, set[str]]:
    """Pinned versions by package; one package may have several, by platform marker."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(
        r"^([a-z0-9_.-]+)==([^\s;\\]+)", text(lock), flags=re.MULTILINE
    ):
        found.setdefault(name, set()).add(version)
    return found


def text(name: str) -> str:
    return (ROOT / name).read_text()


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_hashes_and_no_address(lock):
    assert "://" not in text(lock)
    assert "index" not in text(lock)
    packages = re.split(r"^(?=[a-z0-9])", text(lock), flags=re.MULTILINE)[1:]
    assert packages
    assert [p.splitlines()[0] for p in packages if "--hash=sha256:" not in p] == []


def test_the_locks_are_as_fresh_as_what_they_were_made_from():
    for source, lock in zip(["requirements.in", "requirements-dev.in"], LOCKS, strict=True):
        wanted = re.findall(r"^([a-z0-9][a-z0-9-]*)", text(source), flags=re.MULTILINE)
        assert [name for name in wanted if name not in pins(lock)] == [], "run make lock"


def test_what_is_deployed_is_what_was_tested():
    deployed, tested = pins(LOCKS[0]), pins(LOCKS[1])
    assert {name: tested.get(name) for name in deployed} == deployed
