"""The one place where the version is written; package.json is checked against it by a test."""

__version__ = "0.1.0"
