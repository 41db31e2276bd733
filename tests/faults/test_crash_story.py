"""The short form of the crash story; `make faults` runs the long one."""

import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest
from rich.console import Console

from faults.story import SHORT_SIZE, show, tell


@pytest.mark.slow
@pytest.mark.timeout(480)
async def test_nothing_is_lost_or_done_twice_under_fire() -> None:
    seed = int(os.environ.get("SEED") or time.time()) % 100_000
    folder = Path(tempfile.mkdtemp(prefix="billing-faults-"))
    folder.chmod(0o711)
    told = await tell(folder, seed, SHORT_SIZE, Console(width=130))
    show(told, seed, Console(width=130))
    assert told.wrong == [], f"seed {seed}; the history and the logs are kept in {folder}"
    shutil.rmtree(folder)
