# The only commands anyone needs. `make help` prints this list from the ## comments.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: help setup check format test test-fast demo sim soak soak-modem energy day train falls flash bench-aliases clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make the environment (.venv) with everything the other commands need

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Socors needs Python 3.11 or newer; set PYTHON=python3.11 (or newer) and run make again."; exit 1; }
	@echo "Making the environment in .venv (a minute or two, once)…"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --target typings --upgrade micropython-esp32-stubs==1.29.0.post1
	@touch $(STAMP)

check: setup ## format, lint, types, imports, mpy-cross over the firmware, the rules of the house
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/basedpyright
	@$(BIN)/basedpyright -p firmware
	@$(BIN)/lint-imports --no-cache --no-logo
	@find firmware/src firmware/esp32/boards firmware/esp32/_boot.py -name '*.py' -print0 | xargs -0 -n 1 $(BIN)/mpy-cross -o /dev/null
	@$(BIN)/pytest tests/tidy

format: setup ## let ruff format and mend what it can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

test-fast: setup ## the tests that need no services, under a minute
	@$(BIN)/pytest -n 2 -m "not system and not slow"

test: setup ## everything this machine can run: first what needs no quiet, two at a time, then the whole chain alone
	@$(BIN)/pytest -n 2 --dist loadfile -m "not system"
	@$(BIN)/pytest -m system

demo: setup ## the story, live: a fall and an SOS, on real firmware; ONCE=1 plays it and ends
	@$(BIN)/socors demo $(if $(ONCE),--once)

sim: setup ## one scenario on the virtual clock with its transcript: S=sos_at_home SEED=7 (without S: the list)
	@$(BIN)/socors sim $(or $(S),--list) $(if $(SEED),--seed $(SEED))

soak: setup ## N random scenarios, seeds from SEED on; prints those that fail
	@$(BIN)/socors sim $(S) --soak $(or $(N),200) $(if $(SEED),--seed $(SEED))

soak-modem: setup ## the modem's driver against the emulated modem: N random interleavings, seeds from SEED on, two at a time
	@$(BIN)/python -m simulator.modem_soak $(or $(N),1000) $(if $(SEED),--seed $(SEED))

bench-aliases: setup ## what a frame costs to resolve and unseal, with 1,000 devices and with 1,000,000
	@$(BIN)/socors aliases bench

energy: setup ## how long the battery lasts by the model, row by row, and what each setting costs
	@$(BIN)/python -m simulator.energy

day: setup ## a day in the life of a watch on the virtual clock: the charge it takes by state; SOCORS_PICTURES=1 plots it
	@$(BIN)/python -m simulator.day $(if $(SEED),--seed $(SEED))

train: setup ## learn both fall detectors anew from the recordings (../shared/data/falls) and write the firmware's tables: minutes
	@OMP_NUM_THREADS=1 $(BIN)/python -m simulator.falls.train

falls: setup ## how well the fall detector does on recordings (../shared/data/falls): writes docs/falls.md; QUICK=1 without the changes
	@$(BIN)/python -m simulator.falls.report $(if $(QUICK),--quick)

flash: setup ## put the firmware on a board: make flash BOARD=pendant PORT=/dev/ttyACM0 SECRET=device.json
	@$(BIN)/socors flash --board $(or $(BOARD),pendant) $(if $(PORT),--port $(PORT)) $(if $(SECRET),--secret $(SECRET)) $(if $(SETTINGS),--settings $(SETTINGS))

clean: ## remove the environment and what runs left behind
	@rm -rf .venv .demo .falls build dist typings
