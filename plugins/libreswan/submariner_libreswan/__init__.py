"""IPsec cables, as upstream's cable driver libreswan makes them."""
