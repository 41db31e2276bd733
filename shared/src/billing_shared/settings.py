"""What a process is told from outside: environment variables `BILLING_...`, read in main.py."""

import ssl
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

Profile = Literal["local", "test", "production"]


class ServiceSettings(BaseSettings):
    """The settings every service has; each service's settings.py adds its own."""

    model_config = SettingsConfigDict(env_prefix="BILLING_", extra="ignore", frozen=True)

    profile: Profile = Field(
        "production",
        description="`local` and `test` open PUT /clock on the second port; never use them for "
        "real books",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="the least important log line that is written"
    )

    database_url: SecretStr | None = Field(
        None, description="Postgres, as the service's application role (the api process)"
    )
    worker_database_url: SecretStr | None = Field(
        None, description="Postgres, as the service's relay role (the worker process)"
    )
    admin_database_url: SecretStr | None = Field(
        None, description="Postgres, as a role that may create roles and schemas (migrate only)"
    )
    pool_size: int = Field(10, ge=2, le=200, description="connections a process holds at most")

    kafka_bootstrap_servers: str = Field(
        "localhost:9092", description="brokers, comma separated host:port"
    )
    kafka_is_embedded: bool = Field(
        False,
        description="the broker is the launcher's in-memory one, which knows no idempotent "
        "producers",
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="how to speak to the broker"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="used when the protocol is one of SASL"
    )
    kafka_username: str | None = Field(None, description="SASL user name")
    kafka_password: SecretStr | None = Field(None, description="SASL password")
    kafka_ca_file: Path | None = Field(
        None, description="PEM file of the authority that signed the broker's certificate"
    )
    topic_prefix: str = Field(
        "", pattern=r"^[a-z0-9.\-]*$", description="stands before every topic name"
    )

    host: str = Field("0.0.0.0", description="address the ports are bound to")  # noqa: S104
    port: int = Field(8000, ge=0, le=65535, description="port of the API")
    telemetry_port: int = Field(
        9000, ge=0, le=65535, description="second port: /healthz, /readyz, /metrics"
    )

    issuer: str = Field("https://billing.local", description="`iss` of the tokens we accept")
    jwks_url: str | None = Field(None, description="where the issuer's public keys are")
    jwks_file: Path | None = Field(
        None, description="the issuer's public keys as a file, instead of jwks_url"
    )
    cursor_secret: SecretStr | None = Field(
        None,
        min_length=32,
        description="signs paging cursors, at least 32 characters, equal in all api processes of a "
        "service; derived from database_url when absent",
    )

    stop_seconds: int = Field(
        45, ge=5, le=600, description="how long a stop may take before the process exits hard"
    )

    def kafka_security(self) -> dict[str, Any]:
        """How to speak to the broker, by aiokafka's names."""
        if self.kafka_security_protocol == "PLAINTEXT":
            return {}
        security: dict[str, Any] = {"security_protocol": self.kafka_security_protocol}
        if self.kafka_security_protocol.endswith("SSL"):
            security["ssl_context"] = ssl.create_default_context(cafile=self.kafka_ca_file)
        if self.kafka_security_protocol.startswith("SASL"):
            secret = self.kafka_password
            security["sasl_mechanism"] = self.kafka_sasl_mechanism
            security["sasl_plain_username"] = self.kafka_username
            security["sasl_plain_password"] = secret.get_secret_value() if secret else None
        return security
