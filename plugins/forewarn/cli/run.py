"""`forewarn run`: the stages of a day without Airflow, all of them or one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forewarn.cli.installation import current_settings
from forewarn.errors import SourceRejected, Transient

if TYPE_CHECKING:
    from forewarn.config.settings import Settings
    from forewarn.stages import Run


class StageName(StrEnum):
    """A stage that can be run alone."""

    EXTRACT = "extract"
    CHECK_SOURCES = "check-sources"
    TELL_OPERATIONS = "tell-operations"
    GATE_RAW = "gate-raw"
    BUILD_STAGING = "build-staging"
    READ_WORDS = "read-words"
    LINK_ACCOUNTS = "link-accounts"
    BUILD_INTERMEDIATE = "build-intermediate"
    BUILD_MARTS = "build-marts"
    BUILD = "build"
    GATE_FEATURES = "gate-features"
    TRAIN = "train-if-missing"
    SCORE = "score"
    GATE_SCORES = "gate-scores"
    PUBLISH = "publish"
    OPEN_CASES = "open-cases"
    DISPATCH = "dispatch"
    REPORT = "report"


def run(
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Everything strictly before this day is known.")
    ] = None,
    stage: Annotated[list[StageName] | None, typer.Option(help="Only these stages; may be repeated.")] = None,
    run_id: Annotated[str, typer.Option(help="Continue the run of this name.")] = "",
    live: Annotated[bool, typer.Option(help="--no-live publishes, and opens no case and sends nothing.")] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would run, and touch nothing.")] = False,
) -> None:
    """Run the stages of one day, in order, without Airflow."""
    from forewarn.cli.board import Board
    from forewarn.cli.screen import screen
    from forewarn.stages import Run, own_day, streams, tell_operations

    settings, now = current_settings(), datetime.now(UTC)
    day = as_of.date() if as_of else own_day(settings) or now.date()
    this = Run(day, run_id or f"cli__{now:%Y-%m-%dT%H:%M:%S}__{uuid.uuid4().hex[:6]}", now, live=live)
    # `build` is the five before it in one, for those who ask for it.
    names = stage or [name for name in StageName if name is not StageName.BUILD]
    console = screen()
    if dry_run:
        console.print(f"as of {day}, run {this.run_id}, {'live' if live else 'not live'}: {', '.join(names)}")
        for found in streams(settings):
            console.print(f"  would extract {found['source']}.{found['stream']}")
        return
    from forewarn.local.company import systems

    with systems(settings.home), Board(console) as board:
        for name in names:
            board.begin(name)
            try:
                for summary in summaries(name, settings, this):
                    board.add(summary)
            except BaseException:
                board.fail()
                if name is StageName.CHECK_SOURCES and StageName.TELL_OPERATIONS in names:
                    tell_operations(settings, this)
                raise
            board.end()


def summaries(name: StageName, settings: Settings, this: Run) -> Iterator[Any]:
    """Run a stage; extraction gives one summary a stream."""
    from forewarn import stages

    if name is StageName.EXTRACT:
        for found in stages.streams(settings):
            try:
                yield stages.extract(settings, this, source=found["source"], stream=found["stream"])
            except (SourceRejected, Transient) as blocked:
                # That stream alone: check-sources says what follows from it.
                yield {"rejected": str(blocked)}
    elif name.value.startswith("gate-"):
        yield stages.gate(settings, this, gate=name.value.removeprefix("gate-"))
    elif name.value.startswith("build-"):
        yield stages.build(settings, this, layer=name.value.removeprefix("build-"))
    else:
        yield getattr(stages, name.value.replace("-", "_"))(settings, this)
