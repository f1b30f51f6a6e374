"""`sluice tail`: events as they are accepted and decided."""
