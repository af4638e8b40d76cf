"""One machine's own installation: its databases, secrets, environment and processes."""
