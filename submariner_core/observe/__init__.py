"""What the outside sees: logging, metrics, health endpoints, and the probes through cables."""
