"""Who is known: which user each address and each id means."""
