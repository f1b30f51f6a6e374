"""What both kinds of scripts can come to."""

from __future__ import annotations


class Died(Exception):
    """The process is no more."""


class NeverStruck(AssertionError):
    """A fault was scripted where nothing came by: the script proves nothing."""
