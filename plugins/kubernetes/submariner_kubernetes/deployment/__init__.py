"""What ``submariner deploy-broker``, ``join`` and ``leave`` do at API servers."""
