# Each target is one line onto the command line or uv; `.venv` comes from uv.lock.
DATA ?= simulated
CUSTOMERS ?=
UV = $(shell command -v uv || echo .uv/bin/uv)
FOREWARN = .venv/bin/forewarn --data $(DATA)

.PHONY: demo up down test check bench superset

demo: .venv/synced
	@$(FOREWARN) demo $(if $(CUSTOMERS),--customers $(CUSTOMERS))

up: .venv/synced
	@$(FOREWARN) up

down: .venv/synced
	@$(FOREWARN) down

test: .venv/synced
	.venv/bin/pytest -n 2 --dist loadfile --no-loadscope-reorder

check: .venv/synced
	.ci/check

bench: .venv/synced
	@above=0; for bench in tests/bench/bench_*.py; do .venv/bin/python -W ignore $$bench || above=1; done; exit $$above

superset: bi/superset/.venv/synced
	@bi/superset/start

bi/superset/.venv/synced: bi/superset/pyproject.toml bi/superset/uv.lock
	@$(UV) sync --frozen --quiet --project bi/superset
	@touch $@

.venv/synced: pyproject.toml uv.lock
	@command -v uv >/dev/null || test -x .uv/bin/uv || .ci/install-uv
	@$(UV) sync --frozen --quiet
	@touch $@
