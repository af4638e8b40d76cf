"""`python -m forewarn`, where the library is on the path and not installed."""

from forewarn.cli import app

app(prog_name="forewarn")
