"""`python -m cotpress`."""

from cotpress.cli import main

if __name__ == "__main__":
    main()
