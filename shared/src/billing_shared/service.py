"""A service as a process: what it is made of, and the commands it understands.

    SERVICE = Service("invoice-svc", "invoice_svc", routers=(...), handlers=HANDLERS, jobs=(...))

    if __name__ == "__main__":
        main(SERVICE, Settings)

api        serves HTTP                       worker     relay, consumers, jobs
all        both in one process               migrate    brings the schema up to date, and ends
verify-audit  walks the audit's chains       replay     asks the worker to publish or apply again
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NoReturn
from urllib.parse import unquote, urlsplit
from uuid import UUID

import structlog
from pydantic import SecretStr, ValidationError

from billing_shared.contracts import EVENTS
from billing_shared.migrate import migrate
from billing_shared.operator_commands import ask_for_replay, check_audit
from billing_shared.process import Background, Service, Worker, run_process
from billing_shared.settings import ServiceSettings
from billing_shared.telemetry import configure_logs

__all__ = ["Background", "Service", "Worker", "main"]

EXIT_USAGE = 2

log = structlog.get_logger()


def main(
    service: Service, settings_type: type[ServiceSettings], arguments: Sequence[str] | None = None
) -> NoReturn:
    """Run one command of a service, and exit with its code."""
    options = _parser(service).parse_args(arguments)
    try:
        settings = settings_type()
    except ValidationError as error:
        # Names and rules only: the values may hold passwords.
        for found in error.errors(include_input=False, include_url=False):
            print(f"setting {'.'.join(map(str, found['loc']))}: {found['msg']}", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    configure_logs(service.name, settings.log_level)
    match options.command:
        case "api" | "worker" | "all":
            sys.exit(run_process(service, settings, options.command))
        case "migrate":
            sys.exit(asyncio.run(_migrate(service, settings)))
        case "verify-audit":
            dsn = needed(settings.worker_database_url, "worker_database_url")
            sys.exit(asyncio.run(check_audit(dsn, options.heads, options.keep_heads)))
        case _:
            dsn = needed(settings.worker_database_url, "worker_database_url")
            sys.exit(asyncio.run(ask_for_replay(dsn, options)))


def _parser(service: Service) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {service.package}.main")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("api", help="serve HTTP")
    commands.add_parser("worker", help="relay, consumers and jobs")
    commands.add_parser("all", help="api and worker in one process")
    commands.add_parser("migrate", help="bring the schema up to date")
    audit = commands.add_parser("verify-audit", help="walk the chains; exit 1 if one is broken")
    audit.add_argument("--heads", type=Path, help="heads kept earlier, outside the database")
    audit.add_argument("--keep-heads", type=Path, help="where to write the heads of now")
    replay = commands.add_parser("replay", help="ask the worker to do it again")
    what = replay.add_mutually_exclusive_group(required=True)
    what.add_argument("--since", type=datetime.fromisoformat, help="publish events from here on")
    what.add_argument("--dead-letters", action="store_true", help="apply all open ones again")
    what.add_argument("--dead-letter", type=UUID, action="append", help="apply this one again")
    what.add_argument("--resume", action="store_true", help="go on after too many dead letters")
    replay.add_argument("--until", type=datetime.fromisoformat, help="publish events up to here")
    replay.add_argument("--topic", action="append", choices=sorted(EVENTS), help="only these")
    replay.add_argument("--tenant", type=UUID, help="one tenant instead of all")
    replay.add_argument("--reason", required=True, help="stands in the record beside the request")
    return parser


async def _migrate(service: Service, settings: ServiceSettings) -> int:
    app = needed(settings.database_url, "database_url")
    relay = needed(settings.worker_database_url, "worker_database_url")
    applied = await migrate(
        needed(settings.admin_database_url, "admin_database_url"),
        service.name,
        service.package,
        app_password=_password(app),
        relay_password=_password(relay),
    )
    log.info("migrate.done", applied=applied)
    return 0


def _password(dsn: str) -> str:
    return unquote(urlsplit(dsn).password or "")


def needed(setting: SecretStr | None, name: str) -> str:
    """The value of a setting that this command cannot do without; exits when it is absent."""
    if setting is None:
        print(f"BILLING_{name.upper()} is not set", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    return setting.get_secret_value()
