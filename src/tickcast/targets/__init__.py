"""What is asked about the future."""
