"""Parameters and how they move."""
