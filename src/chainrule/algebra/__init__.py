"""What an expression is, and how it is written."""
