"""The pure kernel that gateway, processors and sinks share.

Nothing in here does I/O, reads a clock or looks at the environment.
"""
