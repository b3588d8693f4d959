"""How rows are divided in time."""
