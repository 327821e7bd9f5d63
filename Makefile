# Thin names for commands that stand on their own.
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint bench kernel kube-assets upstream image clean

help: ## these names
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

setup: ## system packages and .venv
	@.ci/setup $(if $(FULL),--full)

demo: setup ## two clusters on this machine, a failover, a summary: make demo ARGS="--clusters 3 --keep"
	@.venv/bin/submariner demo $(ARGS)

test: setup ## linters and all tests; FULL=1 skips nothing
	@.ci/test $(if $(FULL),--full)

lint: setup ## ruff, mypy, import-linter, deptry, file lengths
	@.ci/lint

bench: setup ## WireGuard cables against a tunnel made by hand, and what 512 peers cost
	@.venv/bin/python benchmarks/data_path.py
	@unshare --net --mount .venv/bin/python benchmarks/peers.py

kernel: ## a kernel with WireGuard and ESP to test under, 7 minutes once: .ci/kernel/run COMMAND
	@.ci/setup --full
	@.ci/kernel/build

kube-assets: ## a kube-apiserver, an etcd and a kubectl to test with, 10 minutes once
	@.ci/kube-assets

upstream: ## upstream's own gateway and route agent, to test beside, 3 minutes once
	@.ci/setup --full
	@.ci/upstream

image: ## the container images, built without a container engine, 4 minutes: .ci/image
	@.ci/setup --full
	@.ci/image

clean: ## remove what setup and the tests made here
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
