#!/usr/bin/env bash
# What upstream's gateway DaemonSet runs.
exec submariner-gateway "$@"
