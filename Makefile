# One line each for what one could type by hand; PACKAGES is all that a bare Debian 12 needs.
SHELL = /bin/bash
PYTHON = /usr/bin/python3
VENV = .venv
BIN = $(VENV)/bin
PYTEST = $(BIN)/python -m pytest

PACKAGES = python3 python3-venv python3-requests python3-lxml resource-agents pacemaker pacemaker-cli-utils \
	python3-waitress python3-prometheus-client corosync crmsh pcs iproute2 iputils-ping libxml2-utils procps wget systemd

.PHONY: demo test test-quick test-browser test-root lint bench fuzz soak coverage mutation test-versions chaos chaos-short metadata manual pictures completions packages clean

demo: packages
	$(PYTHON) -m tests.cluster.lab.demo

test: packages lint test-quick test-browser test-root test-package

test-quick: $(VENV)/installed
	SEQUENCES=1000 $(PYTEST) --numprocesses 4 tests/unit tests/device tests/ocf

# The pages, in Debian's chromium without a window; SCREENSHOTS=FOLDER keeps its pictures there.
BROWSER_PACKAGES = chromium fonts-dejavu-core
# promtool and a server, for the metrics, the alert rules and the dashboard; ClusterLabs' exporter, for what it tells.
PROMETHEUS_PACKAGES = prometheus prometheus-hacluster-exporter
QUORUM_PACKAGES = corosync-qnetd corosync-qdevice
CLOCK_PACKAGES = libfaketime

test-browser: $(VENV)/installed
	@tests/install-packages $(BROWSER_PACKAGES)
	$(PYTEST) --numprocesses 2 tests/browser

test-root: $(VENV)/installed
	@tests/install-packages $(BROWSER_PACKAGES) $(PROMETHEUS_PACKAGES) $(QUORUM_PACKAGES) $(CLOCK_PACKAGES)
	$(PYTEST) --numprocesses 2 tests/rehearsal tests/root
	$(PYTEST) --numprocesses 2 --dist loadfile tests/cluster --ignore tests/cluster/machines

# Two nodes to break by mouse, until Ctrl-C. TOPOLOGY is xivos, pbx or watchdog.
TOPOLOGY = xivos

.PHONY: lab
lab: packages
	$(PYTHON) -m tests.cluster.lab.play --topology '$(TOPOLOGY)'

BUILD_PACKAGES = build-essential debhelper dpkg-dev dh-python pybuild-plugin-pyproject python3-all python3-setuptools python3-shtab \
	python3-hypothesis python3-pytest python3-pytest-xdist python3-requests python3-lxml python3-tqdm python3-prometheus-client resource-agents git
PACKAGE_TEST_PACKAGES = lintian debootstrap autopkgtest iproute2

# The machines of tests/cluster/machines are booted from roots of a release, whatever release this host has.
MACHINE_PACKAGES = debootstrap systemd-container iproute2
SCENARIOS = tests/cluster
RESULTS = build/results/$(RELEASE)

.PHONY: test-package test-release test-machines tried deb dist

test-release: $(VENV)/installed
	@test -n '$(RELEASE)' || { echo 'which release? make test-release RELEASE=trixie' >&2; exit 2; }
	@tests/install-packages $(MACHINE_PACKAGES) $(PACKAGE_TEST_PACKAGES) $(QUORUM_PACKAGES) dpkg-dev git
	rm -rf build/$(RELEASE) $(RESULTS)
	LAB_RELEASE=$(RELEASE) LAB_DIST=$(CURDIR)/build/$(RELEASE) $(PYTEST) --junitxml $(RESULTS)/package.xml tests/release
	LAB_RELEASE=$(RELEASE) $(PYTEST) --junitxml $(RESULTS)/rehearsals.xml --numprocesses 2 tests/rehearsal/test_recommended.py
	LAB_RELEASE=$(RELEASE) LAB_DIST=$(CURDIR)/build/$(RELEASE) $(PYTEST) --junitxml $(RESULTS)/scenarios.xml \
	    --numprocesses 2 --dist loadfile \
	    tests/package/test_bare_debian.py \
	    $(SCENARIOS) --ignore tests/cluster/test_demo.py --ignore tests/cluster/test_lab_page.py \
	    --ignore tests/cluster/test_metrics.py --ignore tests/cluster/test_clock.py \
	    $(if $(filter bookworm,$(RELEASE)),--ignore tests/cluster/machines/test_rolling_upgrade.py)
	LAB_RELEASE=$(RELEASE) LAB_DIST=$(CURDIR)/build/$(RELEASE) $(PYTHON) -m tests.cluster.lab.demo

# What there is time for on every change: one package on booted machines of both releases at once. test-release is the whole.
test-machines: $(VENV)/installed
	@tests/install-packages $(MACHINE_PACKAGES) $(BUILD_PACKAGES)
	DEB_BUILD_OPTIONS=nocheck packaging/build-deb build/machines
	$(MAKE) --jobs 2 --output-sync=target bookworm.units trixie.units

%.units: $(VENV)/installed
	LAB_RELEASE=$* LAB_DIST=$(CURDIR)/build/machines $(PYTEST) tests/cluster/machines/test_units.py

# The table in README.md, from what test-release has left.
tried:
	$(PYTHON) packaging/tried.py build/results

test-package: $(VENV)/installed
	@tests/install-packages $(BUILD_PACKAGES) $(PACKAGE_TEST_PACKAGES)
	$(PYTEST) tests/package

deb:
	@tests/install-packages $(BUILD_PACKAGES)
	packaging/build-deb dist

dist: $(VENV)/installed
	$(BIN)/python -m build --outdir dist
	$(BIN)/python -m twine check --strict dist/*.whl dist/berofos_agent-*.tar.gz

# Debian packages for each release from bare roots, wheel, sdist and checksums, in dist/release; each built twice.
.PHONY: release
release: $(VENV)/installed
	@tests/install-packages debootstrap dpkg-dev git
	PYTHONPATH=. $(BIN)/python packaging/release.py dist/release

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	git ls-files -z | xargs -0 grep -lzZE '^#!/bin/(ba)?sh' -- | xargs -0 -r $(BIN)/shellcheck
	$(PYTHON) -m berofos_agent.agent.metadata | diff -u metadata/berofos.xml -

bench: packages $(VENV)/installed
	$(BIN)/python -m tests.bench

fuzz: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check atheris || true
	$(BIN)/python -m tests.fuzz $(or $(SECONDS),60)

# One real cluster, MINUTES of faults; without a SEED another schedule each time, and it says which.
# QUORUM_DEVICE=yes adds a third host with corosync-qnetd; LAB_RELEASE and LAB_DIST make the nodes machines of a release.
MINUTES = 30
SEED =
QUORUM_DEVICE =

chaos: packages
	@$(if $(QUORUM_DEVICE),tests/install-packages $(QUORUM_PACKAGES))
	$(PYTHON) -m tests.chaos --minutes '$(MINUTES)' --seed '$(SEED)' $(if $(QUORUM_DEVICE),--quorum-device)

chaos-short: MINUTES = 1.5
chaos-short: chaos

# All recommended configurations through all faults and all ordered pairs of faults; with SAMPLE, so many pairs of each.
SAMPLE =

.PHONY: rehearsal
rehearsal: packages $(VENV)/installed
	$(BIN)/python -m tests.rehearsal --sample '$(SAMPLE)' --seed '$(SEED)'

# On every core; interrupted, it goes on where it was.
soak: $(VENV)/installed
	$(BIN)/python -m tests.soak --sequences $(or $(SEQUENCES),100000)

coverage: packages $(VENV)/installed
	@tests/install-packages $(BROWSER_PACKAGES)
	mkdir -p build/coverage
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest --numprocesses 6 tests/unit tests/device tests/ocf tests/rehearsal
	$(BIN)/coverage run -m pytest tests/browser
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

mutation: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'mutmut>=3.8'
	EXAMPLES=15 $(BIN)/mutmut run --max-children 2
	$(BIN)/mutmut results

VERSIONS = 3.9 3.11 3.13

test-versions:
	tests/test-versions $(VERSIONS)

metadata:
	$(PYTHON) -m berofos_agent.agent.metadata > metadata/berofos.xml
	PYTHONPATH=. $(PYTHON) packaging/document_tables.py

pictures:
	PYTHONPATH=. $(PYTHON) packaging/pictures.py docs/pictures

manual:
	mkdir -p build/man
	PYTHONPATH=. $(PYTHON) packaging/manual.py build/man

packages:
	@tests/install-packages $(PACKAGES)

$(VENV)/installed: pyproject.toml
	@tests/install-packages python3 python3-venv python3-requests python3-lxml resource-agents
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

completions: $(VENV)/installed
	PYTHONPATH=. $(BIN)/python packaging/completions.py build/completions

clean:
	rm -rf $(VENV) build dist mutants *.egg-info .mypy_cache .pytest_cache .ruff_cache
