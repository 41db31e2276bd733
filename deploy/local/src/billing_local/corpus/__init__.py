"""Real files through the system: a receivables history, and statements as banks sent them."""
