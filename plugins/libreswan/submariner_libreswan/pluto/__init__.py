"""Libreswan's pluto, spoken to by ``whack``."""
