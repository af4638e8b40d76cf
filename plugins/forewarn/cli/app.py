"""The command and its groups."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forewarn.cli import (
    absence,
    access,
    account,
    alerts,
    backfill,
    backup,
    case,
    demo,
    dispatch,
    doctor,
    heartbeat,
    identity,
    insight,
    metrics,
    model,
    privacy,
    project,
    report,
    routes,
    rules,
    run,
    services,
    silence,
    source,
    task,
    telemetry,
    warehouse,
    workbench,
)
from forewarn.cli.installation import DATA_HELP, Data, choose
from forewarn.cli.readable import ReadableErrors

app = typer.Typer(
    cls=ReadableErrors,
    help="Forewarn: from the departments' own systems to an alert that a person can act on.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def main(
    data: Annotated[Data, typer.Option(help=DATA_HELP, envvar="FOREWARN_DATA")] = Data.SIMULATED,
    config: Annotated[
        Path | None, typer.Option(help="A configuration folder of one's own.", envvar="FOREWARN_CONFIG")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Choose the installation; `--config` wins over `--data`, and `FOREWARN_HOME` and `_WAREHOUSE_URL` over both."""
    del debug  # read by ReadableErrors
    choose(data, config)


app.command("demo")(demo.demo)
app.command("up")(services.up)
app.command("down")(services.down)
app.command("doctor")(doctor.doctor)
app.command("run")(run.run)
app.command("backfill")(backfill.backfill)
app.command("dispatch")(dispatch.dispatch)
app.command("workbench")(workbench.workbench)
app.command("heartbeat")(heartbeat.heartbeat)
app.command("migrate")(warehouse.migrate)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("telemetry")(telemetry.telemetry)
app.command("metrics")(metrics.metrics)
app.command("docs")(warehouse.docs)
app.command("dbt", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(warehouse.dbt)
app.add_typer(project.app, name="project")
app.add_typer(source.app, name="source")
app.add_typer(rules.app, name="rules")
app.add_typer(report.app, name="report")
app.add_typer(case.app, name="case")
app.add_typer(task.app, name="task")
app.add_typer(routes.app, name="routes")
app.add_typer(absence.app, name="absence")
app.add_typer(silence.app, name="silence")
app.add_typer(alerts.app, name="alerts")
model.app.add_typer(insight.app)
app.add_typer(model.app, name="model")
app.add_typer(access.app, name="access")
app.add_typer(account.app, name="account")
app.add_typer(identity.app, name="identity")
app.add_typer(privacy.app, name="privacy")
