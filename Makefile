# `make run` plays the module, `make test` tests it. Each sets up all it needs on a fresh Debian or Ubuntu first;
# a second call goes straight to work. PYTHON=python3.12 chooses the interpreter.

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input -qq install --progress-bar off
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.10; do \
	$$p -c "import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))" 2>/dev/null && echo $$p && break; done)
ARGS ?=
LIB ?= /etc
INSTRUMENT ?= fluid
EVENTS ?= 1000
MINUTES ?= 30
HOURS ?= 8

.PHONY: help run test test-train test-storm test-soak test-fuzz test-jumps test-kernel test-boot test-update test-kill test-arm setup setup-train service bench train deb release lint hardware lock clean debian-run debian-test debian-train debian-kernel debian-boot debian-arm

help:
	@echo "make run          play the module on the virtual rack (ARGS='--seconds 60' and the like are passed on)"
	@echo "make test         check style and types, test all that runs on the module"
	@echo "make test-train   add torch and test the offline part"
	@echo "make test-storm   100,000 random events on the virtual module, in its own time, and EVENTS=1000 while it plays"
	@echo "make test-soak   HOURS=8 of jacks, panel, settings and metrics in simulated time, and MINUTES=30 of all as it plays"
	@echo "make test-fuzz   a million messages of a thousand clients to the socket while it plays"
	@echo "make test-jumps   10,000 random jumps an instrument: nothing clicks"
	@echo "make test-kernel  run the drivers on a Debian kernel of their own, in an emulated machine (Debian on amd64 only)"
	@echo "make test-boot    boot a fresh Debian with the module in a container: how soon it sounds, how it is locked in,"
	@echo "                  who may look after it over SSH, what MIDI and OSC let in (root)"
	@echo "make test-update  install, update and remove it there, at full size: by apt, file and stick, whole and broken"
	@echo "make test-kill    kill its processes there, and cut its power, at random moments (ARGS='--kills 200' for more)"
	@echo "make test-arm     install the package on an emulated arm64 Debian, play there what is played here (root)"
	@echo "make service      as root: systemd's units, user and rules for a module that starts with its machine"
	@echo "make bench        measure the audio callback"
	@echo "make train        make a shipped instrument anew, from sounds to bundle: INSTRUMENT=fluid, skins or tongues"
	@echo "                  (an hour and a half, ARGS='--steps 300' for a try); for your own sounds: neurorack train --help"
	@echo "make hardware     check the schematic's rules; write netlist, wiring list, parts, panel, pictures of screens and tuning"
	@echo "make deb          the Debian package into out/, for this machine and its own Python (ARGS='--machine aarch64 --python 3.10')"
	@echo "make release      a signed update into out/: KEY=~/.ssh/neurorack; see systemd/updating.md"
	@echo "make setup-train  all that \`neurorack train\` needs"
	@echo "make setup lint lock clean"

run: setup
	@$(PY) -m neurorack run --rack $(ARGS)

bench: setup
	@$(PY) -m neurorack bench $(ARGS)

train: debian-train $(VENV)/.train
	$(PY) -m neurorack.learn.shipped $(INSTRUMENT) --out out/models/$(INSTRUMENT) $(ARGS)

deb: setup
	@$(PY) -m release deb $(if $(KEY),--key $(KEY)) $(ARGS)

release: setup
	@$(PY) -m release update $(if $(KEY),--key $(KEY)) $(ARGS)

setup: debian-run $(VENV)/.run

# Below LIB: /etc for whoever installs by hand, /usr/lib for a package, which has a DESTDIR too.
service:
	@mkdir -p $(DESTDIR)$(LIB)
	@cp -r --no-preserve=mode,ownership systemd/lib/. $(DESTDIR)$(LIB)
	@if [ -z "$(DESTDIR)" ]; then systemd-sysusers neurorack.conf; \
		if [ -d /run/systemd/system ]; then systemctl daemon-reload; udevadm control --reload && \
			udevadm trigger --settle --subsystem-match=i2c-dev --subsystem-match=gpio --subsystem-match=sound || true; fi; fi

setup-train: debian-train $(VENV)/.train

test: debian-test $(VENV)/.test
	$(PY) -m ruff check neurorack release hardware tests
	$(PY) -m mypy
	$(PY) -m pytest --ignore=tests/learn $(ARGS)

test-train: debian-train $(VENV)/.train
	$(PY) -m pytest tests/learn $(ARGS)

test-storm: debian-test $(VENV)/.test
	$(PY) -m pytest tests/panel/test_storm.py --storm 100000 -rP $(ARGS)
	$(PY) -m pytest tests/road/test_storm.py --hands $(EVENTS) -rP

# Both at once: the simulated hours need a processor for a quarter of an hour, the real minutes hardly any.
test-soak: debian-test $(VENV)/.test
	nice $(PY) -m pytest tests/road/test_hours.py --hours $(HOURS) -rP & hours=$$!; \
	$(PY) -m pytest tests/road/test_soak.py --soak $(MINUTES) -rP; status=$$?; wait $$hours && exit $$status

test-fuzz: debian-test $(VENV)/.test
	$(PY) -m pytest tests/remote/test_storm.py -k thousands --messages 1000000 --clients 1000 -rP

test-jumps: debian-test $(VENV)/.test
	$(PY) -m pytest tests/engine/test_performing.py -k no_jump --jumps 10000 -rP $(ARGS)

test-kernel: debian-kernel $(VENV)/.test out/kernel/python/.made
	@$(PY) tests/kernel/vm.py $(ARGS)

test-boot: debian-boot $(VENV)/.test
	@NEURORACK_BOOT_TESTS=1 $(PY) -m pytest -rP tests/boot/test_boot.py tests/boot/test_controllers.py tests/boot/test_ssh.py $(ARGS)

test-update: debian-boot $(VENV)/.test
	@NEURORACK_BOOT_TESTS=1 $(PY) -m pytest -rP tests/boot/test_package.py tests/boot/test_update.py $(ARGS)

test-kill: debian-boot $(VENV)/.test
	@NEURORACK_BOOT_TESTS=1 $(PY) -m pytest -rP tests/boot/test_kill.py $(ARGS)

test-arm: debian-arm $(VENV)/.test
	@NEURORACK_ARM_TESTS=1 $(PY) -m pytest -rP tests/arm $(ARGS)

lint: debian-run $(VENV)/.test
	$(PY) -m ruff check neurorack release hardware tests
	$(PY) -m mypy

hardware: debian-run $(VENV)/.test
	$(PY) -m hardware.circuit
	$(PY) -m hardware.panel
	$(PY) -m hardware.screens
	$(PY) -m neurorack.rack.tuning --out hardware/pictures/calibration.png

# --- Debian packages ---------------------------------------------------------------------------------------------

# $(call debian,packages,what goes missing without them). jackd2 asks a debconf question about real-time limits:
# noninteractive takes its default, no. Without root or sudo only the virtual environment's packages are indispensable.
define debian
@missing=""; command -v dpkg-query >/dev/null || exit 0; \
for p in $(1); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
if [ -z "$$missing" ]; then exit 0; fi; \
if [ "$$(id -u)" = 0 ]; then as=""; elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then as="sudo"; else \
	echo "Debian packages missing, and neither root nor sudo here. Without them: $(2). To install them:"; \
	echo "    apt-get install --no-install-recommends$$missing"; exit 0; fi; \
echo "Installing Debian packages:$$missing"; \
install="$$as env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends$$missing"; \
{ $$install >/dev/null 2>&1 || { $$as apt-get update -qq && $$install >/dev/null; }; } </dev/null || \
	echo "Could not install$$missing. Without them: $(2)."
endef

debian-run:
	$(call debian,libportaudio2,the module plays into a file instead of a sound card)

debian-test:
	$(call debian,libportaudio2 jackd2 device-tree-compiler ngspice,tests of audio streams and device trees and of the circuit are skipped)

debian-train:
	$(call debian,libportaudio2 jackd2 libfluidsynth3 fluid-soundfont-gm,no notes to learn from can be rendered)

debian-kernel:
	$(call debian,libportaudio2 qemu-system-x86 gcc libelf1 make xz-utils device-tree-compiler,there is no machine to test the kernel in)

debian-boot:
	$(call debian,libportaudio2 systemd-container mmdebstrap debian-archive-keyring,there is no container to boot)

debian-arm:
	$(call debian,libportaudio2 systemd-container mmdebstrap debian-archive-keyring arch-test qemu-user-static,there is no arm64 to be had)

# --- Python packages ---------------------------------------------------------------------------------------------

$(VENV)/.made:
	@if [ -z "$(PYTHON)" ]; then echo "No Python 3.10 to 3.13 found. To install one: apt-get install python3 python3-venv"; exit 1; fi
	@if ! $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then \
		package=$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
		if [ "$$(id -u)" = 0 ]; then as=""; elif command -v sudo >/dev/null; then as=sudo; else \
			echo "$(PYTHON) cannot make virtual environments, and neither root nor sudo here. To mend it: apt-get install $$package"; exit 1; fi; \
		echo "Installing the Debian package $$package"; \
		$$as apt-get update -qq && $$as env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$package </dev/null >/dev/null; fi
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.made requirements/run.txt pyproject.toml
	@echo "Installing Python packages into $(VENV)"
	@$(PIP) --require-hashes --no-deps -r requirements/run.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.test: $(VENV)/.run requirements/test.txt
	@echo "Installing what the tests need"
	@$(PIP) --require-hashes --no-deps -r requirements/test.txt
	@touch $@

# Read by the emulated machine alone: NVIDIA's package refuses to be imported where there is no GPIO chip.
out/kernel/python/.made: tests/kernel/requirements.txt | $(VENV)/.test
	@rm -rf $(@D)
	@$(PIP) --require-hashes --no-deps --no-build-isolation --target $(@D) -r $<
	@touch $@

# torch is pinned by its version alone: its builds for a bare processor and for CUDA carry different hashes under the same
# version, and which one pip finds depends on how it is set up. All that torch itself needs comes hashed before it.
$(VENV)/.train: $(VENV)/.test requirements/train.txt
	@echo "Installing torch and what else the offline part needs"
	@$(PIP) --require-hashes --no-deps -r requirements/train.txt
	@$(PIP) torch==2.13.0
	@touch $@

# How requirements/*.txt are made: one resolution for every Python version and platform, and no addresses in it. Needs uv.
LOCK := uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-emit-index-url --no-header --no-annotate \
	pyproject.toml --extra cpu --group build
lock:
	$(LOCK) --group test --group train -o requirements/all.tmp
	$(LOCK) -c requirements/all.tmp -o requirements/run.txt
	$(LOCK) -c requirements/all.tmp --group test -o requirements/test.txt
	$(LOCK) -c requirements/all.tmp --group train -o requirements/train.txt
	rm requirements/all.tmp

clean:
	rm -rf $(VENV) build dist out *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find neurorack hardware tests -name __pycache__ -type d -prune -exec rm -rf {} +
