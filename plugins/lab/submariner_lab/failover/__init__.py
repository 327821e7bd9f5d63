"""``submariner failover``: what each fault costs, measured."""
