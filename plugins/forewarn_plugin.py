"""Registration with Airflow; nothing else, since every Airflow process runs this file."""

import os

from airflow.plugins_manager import AirflowPlugin

MLFLOW_ADDRESS = os.environ.get("FOREWARN_MLFLOW_ADDRESS", "")


class ForewarnPlugin(AirflowPlugin):
    """Puts the model registry into Airflow's navigation, where its address is known."""

    name = "forewarn"
    external_views = (
        [{"name": "MLflow", "href": MLFLOW_ADDRESS, "destination": "nav", "url_route": "mlflow"}]
        if MLFLOW_ADDRESS
        else []
    )
