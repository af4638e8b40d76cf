"""`forewarn workbench`: serve the pages on which cases are answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from forewarn.cli.installation import current_project, current_settings

if TYPE_CHECKING:
    from forewarn.config.settings import Settings
    from forewarn.workbench.single_sign_on import Provider

PORT = 8090
# An office behind one address: fifty people who open a page every five seconds.
A_MINUTE = 600
Log = Annotated[
    Literal["lines", "json"],
    typer.Option(help="Form of its log: `lines`, or `json`, an object a line.", envvar="FOREWARN_LOG"),
]


def workbench(
    host: Annotated[str, typer.Option(help="Address to listen on; put a proxy with TLS before any but loopback.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(help="Port to listen on.")] = PORT,
    log: Log = "lines",
    a_minute: Annotated[
        int, typer.Option(help="Requests of one address that are answered within a minute.", min=1)
    ] = A_MINUTE,
    metrics_port: Annotated[
        int, typer.Option(help="Port for Prometheus, on the same address; 0 for none.", envvar="FOREWARN_METRICS_PORT")
    ] = 0,
) -> None:
    """Serve the workbench until it is ended."""
    from datetime import timedelta

    import uvicorn

    from forewarn.alerts.answer_links import KEYS, LinkBook, Signer, keys_in
    from forewarn.cli.logs import log_to_stderr
    from forewarn.errors import Permanent
    from forewarn.sources import resolve
    from forewarn.workbench.app import create_app
    from forewarn.workbench.pool import Pool

    settings, project = current_settings().as_service("web"), current_project()
    alerts = project.alerts
    if alerts.workbench_url is None:
        raise Permanent(
            "workbench",
            expected="its address for readers, in alerts.workbench_url of forewarn.yml",
            got="none",
            next_step=f"add `workbench_url: http://127.0.0.1:{port}`, or the address of your proxy",
        )
    book = LinkBook(
        alerts.workbench_url, Signer(keys_in(resolve(KEYS, settings))), timedelta(days=alerts.links_valid_days)
    )
    own = [f"{name}:{port}" for name in ("127.0.0.1", "localhost")] if host == "127.0.0.1" else []
    log_to_stderr(log)
    if metrics_port:
        from prometheus_client import start_http_server

        start_http_server(metrics_port, host)
    # Its own access log would hold the links, which act for their readers; the guard writes one without.
    uvicorn.run(
        create_app(
            Pool(settings.warehouse_url), book, project, provider=_provider(settings), hosts=own, a_minute=a_minute
        ),
        host=host,
        port=port,
        access_log=False,
        log_config=None,
        server_header=False,
    )


def _provider(settings: Settings) -> Provider | None:
    """Return the identity provider that the connection `oidc` names, if there is one."""
    from forewarn.errors import SourceRejected
    from forewarn.sources import resolve
    from forewarn.workbench.single_sign_on import CONNECTION, Provider

    try:
        url = resolve(CONNECTION, settings)
    except SourceRejected:
        return None
    return Provider.of(url)
