"""The `sluice` command: `main.py` lists the commands, each of which lives in the file of its name."""
