"""Which installation a command works on: that of the environment, or the demo's of the chosen data."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
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
_COMMAND = re.compile(r"(^|`)forewarn (?=[a-z])")
_TARGET = re.compile(r"(^|`)make (demo|up|down)\b")


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


def typed(text: str) -> str:
    """Return a text in which each command, `forewarn doctor` or `make down`, can be typed as it stands.

    `forewarn` may not be on the path, and another installation than the default is chosen by each command anew.
    """
    here = chosen()
    option = variable = ""
    if here.config == place(here.data).config:
        if here.data is not Data.SIMULATED and os.environ.get("FOREWARN_DATA") != here.data:
            option, variable = f"--data {here.data} ", f" DATA={here.data}"
    else:
        option = f"--config {shlex.quote(_short(here.config))} "
        variable = f" FOREWARN_CONFIG={shlex.quote(str(here.config))}"
    text = _COMMAND.sub(lambda found: f"{found[1]}{_program()} {option}", text)
    return _TARGET.sub(lambda found: f"{found[0]}{variable}", text)


def _program() -> str:
    """Return what starts this command line here: its name, its path, or the module where only that is installed."""
    if shutil.which("forewarn"):
        return "forewarn"
    beside = Path(sys.executable).with_name("forewarn")
    return shlex.quote(_short(beside)) if beside.is_file() else "python -m forewarn"


def _short(path: Path) -> str:
    """Return a path from the working directory where it lies below it."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


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
