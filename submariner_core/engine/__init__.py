"""The gateway process: one task that decides, workers that act, sources that post events."""
