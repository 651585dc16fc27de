"""Bytes and keys: where objects lie and how they are read, written and listed."""
