"""`sluice audit`: the account of accepted events, taken from both ends and compared record by record."""
