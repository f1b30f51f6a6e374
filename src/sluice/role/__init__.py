"""What every role's process does: settings, logging, its name in `ps`, saying that it is ready."""
