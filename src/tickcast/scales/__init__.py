"""How large returns are about to be."""
