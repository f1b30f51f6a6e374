"""One file for each API, all with the same small interface."""
