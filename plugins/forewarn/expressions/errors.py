"""The error of the expression language, with its place in the text."""

from forewarn.errors import Permanent


class ExpressionError(Permanent):
    """A text is not an expression of the language.

    Attributes
    ----------
    line, column : int
        The place in the text, both counted from 1.
    problem, hint : str
        What is wrong, and the nearest known name or the remedy.
    """

    def __init__(self, line: int, column: int, problem: str, hint: str = "") -> None:
        self.line, self.column, self.problem, self.hint = line, column, problem, hint
        super().__init__(f"expression {line}:{column}: {problem}", next_step=hint)
