"""NAT discovery on the wire: its messages, and the socket that carries them."""
