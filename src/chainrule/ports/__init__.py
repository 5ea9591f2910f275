"""Where users already work: one adapter for each library of other people; nothing below imports them."""
