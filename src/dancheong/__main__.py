"""`python -m dancheong`."""

from dancheong.app.main import main

if __name__ == "__main__":
    main()
