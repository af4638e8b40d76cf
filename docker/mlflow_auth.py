"""Write MLflow's basic-auth file: its own database, nobody reads without logging in, and no default password."""

from __future__ import annotations

import configparser
import os
from pathlib import Path


def main() -> None:
    """Write the file that `MLFLOW_AUTH_CONFIG_PATH` names, readable by its owner alone."""
    store = os.environ["MLFLOW_BACKEND_STORE_URI"].rsplit("/", 1)[0]
    file = Path(os.environ["MLFLOW_AUTH_CONFIG_PATH"])
    content = configparser.ConfigParser()
    values = {
        "default_permission": "NO_PERMISSIONS",
        "database_uri": f"{store}/mlflow_auth",
        "admin_username": os.environ["MLFLOW_TRACKING_USERNAME"],
        "admin_password": os.environ["MLFLOW_TRACKING_PASSWORD"],
        "authorization_function": "mlflow.server.auth:authenticate_request_basic_auth",
    }
    # MLflow reads the file with interpolation, to which a percent sign is special.
    content["mlflow"] = {name: value.replace("%", "%%") for name, value in values.items()}
    file.touch(mode=0o600)
    with file.open("w", encoding="utf-8") as stream:
        content.write(stream)


if __name__ == "__main__":
    main()
