"""The channels and actions of a project, by their names, and the links that messages carry."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from forewarn.alerts.actions import AirflowDag, CrmTask, Report, load_actions
from forewarn.alerts.airflow_channel import AirflowChannel
from forewarn.alerts.answer_links import KEYS, LinkBook, Signer, keys_in
from forewarn.alerts.apprise_channel import AppriseChannel
from forewarn.alerts.channel import Channel
from forewarn.alerts.crm_channel import CrmChannel
from forewarn.alerts.file_channel import FileChannel
from forewarn.alerts.group_robots import DingTalkRobot, FeishuRobot, WeComRobot
from forewarn.alerts.report_channel import ReportChannel
from forewarn.alerts.smtp_channel import SmtpChannel
from forewarn.alerts.webhook_channel import WebhookChannel
from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.errors import Permanent

Resolve = Callable[[str, Settings], str]

_log = logging.getLogger(__name__)


def link_book(settings: Settings, project: Project, resolve: Resolve | None) -> LinkBook | None:
    """Return what signs the links of messages; None where the project names no workbench.

    A missing or unfit key takes the buttons from the messages and holds none of them back: the log and the doctor tell.
    """
    base = project.alerts.workbench_url
    if base is None or resolve is None:
        return None
    try:
        signer = Signer(keys_in(resolve(KEYS, settings)))
    except Permanent as error:
        _log.warning("Messages go without buttons: %s", error)
        return None
    return LinkBook(base, signer, timedelta(days=project.alerts.links_valid_days))


def channels_of(settings: Settings, project: Project, resolve: Resolve | None) -> dict[str, Channel]:
    """Return the channels that a project names, and its actions; most have a connection, by default of its own name.

    Raises
    ------
    Permanent
        A channel needs a connection, and nothing resolves them.
    """
    alerts = project.alerts

    def address(connection: str) -> Callable[[], str]:
        if resolve is None:
            raise Permanent(
                f"channel {connection}",
                expected=f"the address of connection `{connection}`",
                got="no way to resolve connections",
                next_step="pass `resolve` to dispatch",
            )
        return lambda: resolve(connection, settings)

    known: dict[str, Callable[[], Channel]] = {
        "file": lambda: FileChannel(settings.outbox, alerts.sender),
        "email": lambda: SmtpChannel(address(alerts.smtp_connection), alerts.sender),
        "webhook": lambda: WebhookChannel(address("webhook"), private=alerts.webhook_may_reach_private),
        "wecom": lambda: WeComRobot(address("wecom")),
        "dingtalk": lambda: DingTalkRobot(address("dingtalk")),
        "feishu": lambda: FeishuRobot(address("feishu")),
    }

    def acting(name: str, action: CrmTask | AirflowDag | Report) -> Channel:
        match action:
            case CrmTask():
                return CrmChannel(name, address(action.connection), action)
            case AirflowDag():
                return AirflowChannel(name, address(action.connection), action)
            case Report():
                return ReportChannel(settings.home / action.folder)

    channels: dict[str, Channel] = {
        name: known[name]() if name in known else AppriseChannel(name, address(name)) for name in alerts.channels
    }
    return channels | {name: acting(name, action) for name, action in load_actions(project).items()}
