"""Forewarn: from the departments' own systems to an alert that a person can act on."""
