"""Registration with Airflow; nothing else, since every Airflow process runs this file."""

import os

from airflow.plugins_manager import AirflowPlugin

MLFLOW_ADDRESS = os.environ.get("FOREWARN_MLFLOW_ADDRESS", "")
WORKBENCH_ADDRESS = os.environ.get("FOREWARN_WORKBENCH_ADDRESS", "")
VIEWS = [
    view
    for view in (
        {"name": "MLflow", "href": MLFLOW_ADDRESS, "destination": "nav", "url_route": "mlflow"},
        {"name": "Workbench", "href": WORKBENCH_ADDRESS, "destination": "nav"},
    )
    if view["href"]
]


class ForewarnPlugin(AirflowPlugin):
    """Puts the model registry and the workbench into Airflow's navigation, where their addresses are known.

    The workbench opens on its own: it lets no other page frame it.
    """

    name = "forewarn"
    external_views = VIEWS
