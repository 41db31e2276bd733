"""The transcript of the README, typed again: every answer is as it stands there."""

import asyncio
import re
import shutil
import sys
from pathlib import Path

import pytest

from billing_local.stack import Stack

README = Path(__file__).parents[3] / "README.md"
#: What the README waits for events is meant for an idle machine.
PATIENCE = ("sleep 2;", "sleep 12;")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def steps() -> list[tuple[str, str]]:
    """Each command with the answer below it."""
    blocks = re.findall(r"```console\n(.*?)```", README.read_text(), flags=re.DOTALL)
    found = [
        part.partition("\n") for part in re.split(r"^\$ ", "".join(blocks), flags=re.MULTILINE)
    ]
    return [(command, answer) for command, _, answer in found if command]


async def test_the_transcript_is_true(tmp_path):
    assert shutil.which("jq"), "this test needs jq"
    async with Stack(tmp_path / "home", profile="test"):
        env = f"{sys.executable} -m billing_local.cli env --folder {tmp_path}/home --tenant new"
        script = "".join(
            f"{command.replace('make -s env TENANT=new', env).replace(*PATIENCE)}\necho @@\n"
            for command, _ in steps()
        )
        shell = await asyncio.create_subprocess_exec(
            "bash", "-c", script, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await shell.communicate()
    answers = said.decode().split("@@\n")[:-1]
    assert len(steps()) > 10
    assert list(zip([c for c, _ in steps()], answers, strict=True)) == steps()
