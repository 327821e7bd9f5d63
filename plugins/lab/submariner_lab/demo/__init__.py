"""``submariner demo``: a lab that shows itself."""
