"""Real API servers with a real etcd behind them, and nothing else of Kubernetes."""
