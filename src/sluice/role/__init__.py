"""What every role's process does, whichever role it is: settings, logging, its name in `ps`, saying that it is ready."""
