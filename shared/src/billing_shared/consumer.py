"""Consumes the topics of a service's handlers."""

from billing_shared.inbox import Handler, Handlers, Incoming

__all__ = ["Handler", "Handlers", "Incoming"]
