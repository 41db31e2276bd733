"""The shipped verifier of the audit chains, run as an operator runs it."""

import asyncio
import sys

from billing_local.commands import base_env, package, role_dsn


async def verify_audit(admin_dsn: str, service: str) -> tuple[int | None, str]:
    """The exit code and the words of a service's `verify-audit`."""
    settings = {
        "BILLING_PROFILE": "test",
        "BILLING_WORKER_DATABASE_URL": role_dsn(admin_dsn, f"{service.removesuffix('-svc')}_relay"),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", f"{package(service)}.main", "verify-audit"),
        env=base_env() | settings,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()
