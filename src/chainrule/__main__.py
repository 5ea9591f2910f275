"""`python -m chainrule` is `chainrule`."""

from chainrule.shell.main import main

if __name__ == "__main__":
    main()
