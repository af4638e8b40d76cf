"""From a database, a folder or an API to a source file that can be checked and run: look, propose, write."""

from forewarn.scaffold.api import look_at_api
from forewarn.scaffold.database import look_at_database
from forewarn.scaffold.folder import look_at_folder
from forewarn.scaffold.proposal import Proposal, propose
from forewarn.scaffold.table import Table
from forewarn.scaffold.text import source_text

__all__ = ["Proposal", "Table", "look_at_api", "look_at_database", "look_at_folder", "propose", "source_text"]
