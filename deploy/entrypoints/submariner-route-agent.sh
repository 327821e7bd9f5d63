#!/usr/bin/env bash
# What upstream's route agent DaemonSet runs.
exec submariner-routeagent "$@"
