"""Route driver for nodes whose CNI leaves services to kube-proxy."""
