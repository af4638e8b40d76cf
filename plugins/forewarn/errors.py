"""The errors of Forewarn: each names its subject, what was expected, what came, and the next step.

Whether trying again can help is a type: a scheduler retries `Transient` and fails at once on `Permanent`.
"""

from datetime import timedelta
from pathlib import Path


class ForewarnError(Exception):
    """An error that a person can act on.

    Parameters
    ----------
    subject : str
        What the error is about: a file, a stream, a table, a customer.
    expected, got : str
        What should have been there and what was; either may be empty.
    next_step : str
        One action that mends it, or the place to look.
    """

    def __init__(self, subject: str, *, expected: str = "", got: str = "", next_step: str = "") -> None:
        self.subject, self.expected, self.got, self.next_step = subject, expected, got, next_step
        parts = [f"expected {expected}" if expected else "", f"got {got}" if got else ""]
        message = f"{subject}: {', '.join(part for part in parts if part)}" if any(parts) else subject
        super().__init__(f"{message}. Next: {next_step}" if next_step else message)

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments are lost by the default pickling, which Airflow's and xdist's workers rely on.
        return (_rebuild, (type(self), self.args, self.__dict__))


def _rebuild(kind: type[ForewarnError], args: tuple[object, ...], state: dict[str, object]) -> ForewarnError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


class Permanent(ForewarnError):
    """Trying again cannot help: somebody must change something first."""


class Transient(ForewarnError):
    """Trying again later may help."""


class ConfigError(Permanent):
    """A configuration file says something that cannot be meant.

    `file`, `line` and `column` (both counted from 1) are the place; `hint` is the nearest known name or the remedy.
    """

    def __init__(self, file: Path | str, line: int, column: int, problem: str, hint: str = "") -> None:
        self.file, self.line, self.column, self.problem, self.hint = str(file), line, column, problem, hint
        super().__init__(f"{file}:{line}:{column}: {problem}", next_step=hint)


class SourceRejected(Permanent):
    """The source answered, and its answer cannot be used: wrong credential, looping pages, HTML in place of JSON."""


class SourceUnavailable(Transient):
    """The source did not answer in time, or asked to be left alone for now."""


class GateFailed(Permanent):
    """A critical expectation failed: nothing may be published or sent from this data."""


class BuildFailed(Permanent):
    """dbt could not build or test a model; the message names each model and its file."""


class BuildInterrupted(Transient):
    """dbt could not finish for the warehouse's sake: a full disk, conflicts that went on, a server that went away."""


class ModelRejected(Permanent):
    """A model or its input is not fit to score: wrong hash, wrong features, constant scores."""


class DeliveryFailed(Transient):
    """A channel did not take a message; the outbox decides when to try again, not before `retry_after` has passed."""

    retry_after = timedelta()


class DeliveryRejected(Permanent):
    """A channel will never take this message: unknown recipient, malformed address."""


class DeliveryUnknown(ForewarnError):
    """The channel may or may not have taken the message: the connection broke after it was sent."""
