"""`python -m cli` is `nst`."""

from cli.main import run

if __name__ == "__main__":
    run()
