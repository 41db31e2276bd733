"""Settings of recon-svc: those every service has."""

from billing_shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """Environment variables `BILLING_...`."""
