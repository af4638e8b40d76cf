# Superset with its own locked packages: they cannot stand beside Forewarn's (docs/decisions/0047).
FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install --yes --no-install-recommends curl tini \
    && rm -rf /var/lib/apt/lists/* \
    && pip install --no-cache-dir "uv>=0.9,<1" \
    && useradd --uid 50001 --create-home --home-dir /var/lib/superset --shell /usr/sbin/nologin superset

WORKDIR /opt/superset
COPY bi/superset/pyproject.toml bi/superset/uv.lock ./
RUN UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy uv sync --frozen --no-cache
COPY bi/superset ./
COPY docker/start-superset ./

USER superset
ENTRYPOINT ["tini", "--", "/opt/superset/start-superset"]
