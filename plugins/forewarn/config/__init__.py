"""Configuration: settings of the installation, `forewarn.yml`, canonical entities."""
