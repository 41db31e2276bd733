"""Fakes and fixtures ship with the library."""
