"""The keys that stand in a settings file, and changing them."""
