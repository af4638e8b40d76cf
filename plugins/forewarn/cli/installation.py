"""Which installation a command works on: that of the environment, or the demo's of the chosen data."""

from __future__ import annotations

import os
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from forewarn.config.project import Project, load_project
from forewarn.config.settings import Settings

PROJECT = Path(os.environ.get("FOREWARN_PROJECT") or Path(__file__).resolve().parents[3])
DATA_HELP = "Which data: the simulated company, or one of the public sets."


class Data(StrEnum):
    """Data that the demo knows; each has its own home, and its own configuration."""

    SIMULATED = "simulated"
    COMPLETE_JOURNEY = "complete-journey"
    ONLINE_RETAIL = "online-retail"
    ONLINE_RETAIL_365 = "online-retail-365"


CONFIGURATIONS = {
    Data.SIMULATED: Path("config"),
    Data.COMPLETE_JOURNEY: Path("config/datasets/complete-journey"),
    Data.ONLINE_RETAIL: Path("config/datasets/online-retail"),
    Data.ONLINE_RETAIL_365: Path("config/datasets/online-retail-365"),
}


@dataclass(frozen=True)
class Place:
    """Where an installation is."""

    data: Data
    config: Path
    home: Path


_chosen: ContextVar[Place | None] = ContextVar("chosen", default=None)


def place(data: Data, config: Path | None = None) -> Place:
    """Return where the installation of some data, or of a configuration of one's own, is; the environment wins.

    A configuration of one's own keeps its state beside it, so that it never mixes with a demo's.
    """
    own = config or os.environ.get("FOREWARN_CONFIG")
    beside = Path(own).expanduser() / ".forewarn" if own else PROJECT / ".forewarn" / data.value
    home = os.environ.get("FOREWARN_HOME") or beside
    return Place(data, Path(own or PROJECT / CONFIGURATIONS[data]).expanduser().resolve(), Path(home).resolve())


def choose(data: Data, config: Path | None = None) -> None:
    """Remember the choice of the command line for the command that follows."""
    _chosen.set(place(data, config))


def chosen() -> Place:
    """Return the choice of the command line."""
    return _chosen.get() or place(Data.SIMULATED)


def current_settings() -> Settings:
    """Return the settings of the chosen installation.

    Raises
    ------
    ForewarnError
        It has no warehouse yet.
    """
    here = chosen()
    return Settings.from_environment(
        dict(os.environ) | {"FOREWARN_HOME": str(here.home), "FOREWARN_CONFIG": str(here.config)}
    )


def current_project() -> Project:
    """Return the configuration of the chosen installation; needs no warehouse."""
    return load_project(chosen().config)
