"""`sluice users forget`: finding all that is known of a person, and blanking it wherever it stands."""
