"""The `forewarn` command: one file per group; heavy libraries are imported by the command that needs them."""

from forewarn.cli.app import app

__all__ = ["app"]
