# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

SHELL := /bin/bash
PLAYBOOK := .venv/bin/ansible-playbook

.DEFAULT_GOAL := help
.PHONY: help prepare tree lint sanity unit integration molecule test fault-matrix benchmark docs build \
	lab-up lab-down lab-purge lab-status demo clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' Makefile

prepare: ## install what is missing: a few Debian packages (as root), and the tools into .venv
	@tools/prepare

tree: prepare ## copy the collection to .cache/ansible_collections, where Ansible finds it
	@tools/collection-tree

lint: tree ## ruff, mypy, shellcheck, yamllint, ansible-lint, documentation, changelog, galaxy-importer
	@tools/lint

sanity: tree ## ansible-test sanity, on each Python found here
	@tools/sanity

unit: tree ## unit tests, on each Python found here
	@tools/unit

integration: tree ## integration targets: modules called as an operator would, without the lab
	@tools/integration

molecule: tree ## scenarios against the two-cell lab; SCENARIO=name for one of them
	@tools/molecule $(SCENARIO)

test: tree ## lint, sanity, unit, integration and molecule, then a table and a count of what passed
	@.venv/bin/python tools/test.py

fault-matrix: tree lab-up ## each fault in each step of a move, on real servers: hours; writes the table into the documentation
	@tools/fault-matrix --page docs/docsite/rst/fault_matrix.rst

benchmark: tree ## what a row copy costs in a small cell and in a large one
	@benchmarks/row_copy/run

docs: tree ## the documentation as HTML, in build/docs
	@tools/docs

build: tree ## the collection's tarball, in build/
	@tools/build

lab-up: tree ## start the two-cell lab, building it first if need be
	@$(PLAYBOOK) lab/up.yml

lab-down: tree ## stop the lab
	@$(PLAYBOOK) lab/down.yml

lab-purge: tree ## stop the lab and forget its hosts, so that the next lab-up makes new ones
	@$(PLAYBOOK) lab/down.yml -e lab_purge=true

lab-status: tree ## show the lab's hosts and services
	@$(PLAYBOOK) lab/status.yml

demo: lab-up ## from nothing to a server moved from cell1 to cell2 and confirmed
	@OS_CLIENT_CONFIG_FILE=/var/lib/stackmove-lab/clouds.yaml ANSIBLE_DISPLAY_SKIPPED_HOSTS=false \
		$(PLAYBOOK) -i lab/inventory lab/demo.yml

clean: ## remove what these targets made here (the lab has its own: lab-down)
	@rm -rf .cache .venv build tests/output
