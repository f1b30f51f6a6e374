"""The supervisor behind `sluice up`: every role a process of its own, started, kept alive and stopped in order."""
