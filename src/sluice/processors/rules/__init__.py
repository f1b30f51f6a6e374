"""Pure rules: an event, its state and the time go in; a decision and a state change come out."""
