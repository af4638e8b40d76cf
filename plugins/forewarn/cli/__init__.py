"""The `forewarn` command: one file per group; heavy libraries are imported by the command that needs them."""

import warnings

from forewarn.cli.app import app

# The embedded server's package looks for a folder that a server or a container has no need of.
warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")

__all__ = ["app"]
