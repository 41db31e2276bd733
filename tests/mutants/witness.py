"""A plugin of pytest for runs on a copy: every package of ours must come from that copy."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

PACKAGES = (
    "billing_shared",
    "billing_local",
    "invoice_svc",
    "payment_svc",
    "recon_svc",
    "notify_svc",
)
FOREIGN = 99


def foreign(copy: Path) -> list[str]:
    """Packages, and modules imported so far, that do not lie in the copy."""
    places = {name: found.origin for name in PACKAGES if (found := importlib.util.find_spec(name))}
    for name, module in sys.modules.items():
        if name.partition(".")[0] in PACKAGES:
            places[name] = getattr(module, "__file__", None)
    return [
        f"{name} from {place}"
        for name, place in places.items()
        if place is not None and not Path(place).is_relative_to(copy)
    ]


def pytest_sessionstart(session: pytest.Session) -> None:
    _look()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    # Once more, now that everything is imported.
    _look()


def _look() -> None:
    if wrong := foreign(Path(os.environ["MUTANT_COPY"])):
        pytest.exit(f"not the copy: {', '.join(wrong)}", returncode=FOREIGN)
