"""`python -m chainrule` is `chainrule`."""

from chainrule.shell.main import main

main()
