"""`python -m garaza`."""

from garaza.cli import main

if __name__ == "__main__":
    main()
