"""Programs that run in pods. Each is one file that needs the standard library only."""
