"""Bring Superset's own database up to date, make its administrator once, and import the dashboards beside this file.

May run again at any time: what the files say replaces what was imported before, under the same ids. What people saved
under names of their own stays.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PARTS = ("databases", "datasets", "charts", "dashboards")
ADMIN = "admin"


def bundle(folder: Path = HERE) -> dict[str, str]:
    """Return the export's files, path to text, as Superset's own import wants them."""
    files = [folder / "metadata.yaml", *(file for part in PARTS for file in sorted((folder / part).glob("*.yaml")))]
    return {str(file.relative_to(folder)): file.read_text(encoding="utf-8") for file in files}


def set_up(password: str) -> None:
    """Migrate Superset's own database, give its roles their rights, and make the administrator where there is none."""
    from flask_migrate import upgrade
    from superset.extensions import appbuilder, security_manager

    upgrade()
    appbuilder.add_permissions(update_perms=True)
    security_manager.sync_role_definitions()
    if security_manager.find_user(ADMIN):
        return
    role = security_manager.find_role("Admin")
    if not security_manager.add_user(ADMIN, "Forewarn", "Admin", "admin@localhost", role, password):
        raise SystemExit("superset: the administrator could not be made; see the lines above")


def load(contents: dict[str, str]) -> dict[str, int]:
    """Import an export, and return how many of each part it has."""
    from superset.commands.importers.v1.assets import ImportAssetsCommand
    from superset.extensions import security_manager
    from superset.utils.core import override_user

    with override_user(security_manager.find_user(ADMIN)):
        # Not `superset import-dashboards`: that one leaves charts and datasets as they are once they are there.
        ImportAssetsCommand(contents).run()
    return {part: sum(name.startswith(f"{part}/") for name in contents) for part in PARTS}


if __name__ == "__main__":
    os.environ.setdefault("SUPERSET_CONFIG_PATH", str(HERE / "superset_config.py"))
    if len(os.environ.get("FOREWARN_SUPERSET_ADMIN_PASSWORD", "")) < 12:
        raise SystemExit("FOREWARN_SUPERSET_ADMIN_PASSWORD: expected 12 characters or more for the first log-in")
    from superset.app import create_app

    with create_app().app_context():
        set_up(os.environ["FOREWARN_SUPERSET_ADMIN_PASSWORD"])
        counts = load(bundle())
    sys.stdout.write(f"imported: {', '.join(f'{number} {part}' for part, number in counts.items())}\n")
