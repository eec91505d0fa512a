"""Labellings from outside: how they are named and loaded, and code that is no list of rules."""
