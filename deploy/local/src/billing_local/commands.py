"""Which processes make the system, and what each is told."""

import hashlib
import hmac
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from urllib.parse import quote, unquote, urlsplit, urlunsplit
from uuid import UUID

from billing_local.home import Home
from billing_local.month.generate import SEED
from billing_local.month.people import sellers
from billing_local.ports import HOST
from billing_shared.local_issuer import ISSUER

SERVICES = ("invoice-svc", "payment-svc", "recon-svc", "notify-svc")
#: The roles a service runs in here: one process that does all, as small systems have it.
TOGETHER = ("all",)
#: The outside world of the local system: where mails and webhooks end.
SINKS = ("mail", "webhooks")
#: Connections one pool of one process may take of the machine's Postgres.
POOL_SIZE = 6


@dataclass(frozen=True, slots=True)
class Part:
    """One process of a service. Names are unique: `invoice-svc`, or `invoice-svc/worker-2`."""

    name: str
    service: str
    role: str

    @property
    def telemetry(self) -> str:
        """The name of its second port."""
        return f"{self.name}/telemetry"


def parts(roles: Sequence[str] = TOGETHER) -> list[Part]:
    """The processes of all services, each service run in these roles."""
    if tuple(roles) == TOGETHER:
        return [Part(service, service, "all") for service in SERVICES]
    return [
        Part(f"{service}/{role}-{number}", service, role)
        for service in SERVICES
        for number, role in enumerate(roles, start=1)
    ]


@dataclass(frozen=True, slots=True)
class Backing:
    """What the services stand on: the database (as administrator) and the brokers."""

    admin_dsn: str
    bootstrap_servers: str
    topic_prefix: str = ""
    is_embedded_broker: bool = False


def first_tenant() -> UUID:
    """The first seller of the sample month: whom a token speaks for unless told otherwise."""
    return sellers(Random(SEED), SEED)[0].tenant_id  # noqa: S311 - ids hang on the seed alone


def package(service: str) -> str:
    """`invoice-svc` as its package `invoice_svc`."""
    return service.replace("-", "_")


def port_names(run: Sequence[Part]) -> list[str]:
    """Every port the system needs; each is kept from run to run."""
    servers = ["smtp", "postgres", "broker", "controller"]
    return [*SERVICES, *(part.telemetry for part in run), *SINKS, *servers]


def role_password(admin_dsn: str, role: str) -> str:
    """A password that follows from the administrator's.

    Roles belong to the server: two folders that share one must agree without talking.
    """
    key = unquote(urlsplit(admin_dsn).password or "")
    return hmac.new(key.encode(), role.encode(), hashlib.sha256).hexdigest()


def role_dsn(admin_dsn: str, role: str) -> str:
    """The same database as another role."""
    url = urlsplit(admin_dsn)
    place = url.netloc.rpartition("@")[2]
    user = f"{quote(role)}:{role_password(admin_dsn, role)}"
    return urlunsplit(url._replace(netloc=f"{user}@{place}"))


def _argv(module: str, *arguments: str) -> list[str]:
    # -P: what lies in the current folder must not stand in for a package of ours.
    return [sys.executable, "-P", "-m", module, *arguments]


def service_argv(part: Part) -> list[str]:
    return _argv(f"{package(part.service)}.main", part.role)


def sink_argv(sink: str, home: Home, ports: dict[str, int]) -> list[str]:
    folder = str(home.folder / sink)
    if sink == "mail":
        smtp, http = str(ports["smtp"]), str(ports["mail"])
        arguments = ["--smtp-port", smtp, "--http-port", http, "--dir", folder]
        return _argv("billing_local.smtp_sink", *arguments)
    arguments = ["--port", str(ports["webhooks"]), "--dir", folder]
    return _argv("billing_local.webhook_receiver", *arguments)


def base_env() -> dict[str, str]:
    """The launcher's environment without settings meant for another system."""
    return {k: v for k, v in os.environ.items() if not k.startswith("BILLING_")}


def service_env(
    part: Part, ports: dict[str, int], backing: Backing, profile: str, jwks_file: Path
) -> dict[str, str]:
    """The environment of one process of a service."""
    name = part.service.removesuffix("-svc")
    settings = {
        "PROFILE": profile,
        "DATABASE_URL": role_dsn(backing.admin_dsn, f"{name}_app"),
        "WORKER_DATABASE_URL": role_dsn(backing.admin_dsn, f"{name}_relay"),
        "POOL_SIZE": str(POOL_SIZE),
        "KAFKA_BOOTSTRAP_SERVERS": backing.bootstrap_servers,
        "KAFKA_IS_EMBEDDED": str(backing.is_embedded_broker),
        "TOPIC_PREFIX": backing.topic_prefix,
        "HOST": HOST,
        "PORT": str(ports[part.service]),
        "TELEMETRY_PORT": str(ports[part.telemetry]),
        "ISSUER": ISSUER,
        "JWKS_FILE": str(jwks_file),
    }
    if part.service == "notify-svc":
        settings |= {
            "SMTP_HOST": HOST,
            "SMTP_PORT": str(ports["smtp"]),
            "WEBHOOK_ALLOWED_PRIVATE": f'["{HOST}:{ports["webhooks"]}"]',
        }
    return base_env() | {f"BILLING_{key}": value for key, value in settings.items()}
