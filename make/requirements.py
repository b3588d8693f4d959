"""Print what pyproject.toml requires, one per line: the base and the extras named as arguments."""

import sys
import tomllib
from pathlib import Path


def main() -> None:
    """Read pyproject.toml beside this folder and write the requirements to standard output."""
    project = tomllib.loads((Path(__file__).resolve().parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for line in (*project["dependencies"], *(one for extra in sys.argv[1:] for one in project["optional-dependencies"][extra])):
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
