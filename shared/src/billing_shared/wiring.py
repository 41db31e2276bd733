"""What the settings mean: the verifier, the cursor secret, the broker they describe."""

import hashlib

from pydantic import SecretStr

from billing_shared.auth import KeySet, Verifier, from_file, from_url
from billing_shared.broker import Broker
from billing_shared.settings import ServiceSettings


def dsn_of(setting: SecretStr | None) -> str:
    """A database address the process cannot do without; exits when it is absent."""
    if setting is None:
        raise SystemExit("BILLING_DATABASE_URL (api) or BILLING_WORKER_DATABASE_URL is not set")
    return setting.get_secret_value()


def verifier_of(settings: ServiceSettings) -> Verifier:
    """Checks tokens against the key set the settings name."""
    if settings.jwks_file is not None:
        fetch = from_file(settings.jwks_file)
    elif settings.jwks_url is not None:
        fetch = from_url(settings.jwks_url)
    else:
        raise SystemExit("BILLING_JWKS_URL or BILLING_JWKS_FILE must be set")
    return Verifier(KeySet(fetch), settings.issuer)


def cursor_secret_of(settings: ServiceSettings) -> bytes:
    """What signs paging cursors: given, or derived from the address of the database."""
    if settings.cursor_secret is not None:
        return settings.cursor_secret.get_secret_value().encode()
    return hashlib.sha256(b"cursors of " + dsn_of(settings.database_url).encode()).digest()


def broker_of(settings: ServiceSettings) -> Broker:
    """Where Kafka is, and how to speak to it."""
    return Broker(
        settings.kafka_bootstrap_servers,
        settings.topic_prefix,
        is_embedded=settings.kafka_is_embedded,
        connection=settings.kafka_security(),
    )
