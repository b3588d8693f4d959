"""Print the installed versions as pip constraints: no hosts, no paths, no packages of one torch flavour only."""

import re
import sys
from importlib.metadata import distributions

FLAVOUR = re.compile(r"^(nvidia-|cuda-|triton|pip$|setuptools$|tickcast$)")  # arrive, or not, with the CUDA build of torch


def main() -> None:
    """Write one sorted `name==version` line per distribution to standard output."""
    found = {re.sub(r"[-_.]+", "-", each.metadata["Name"]).lower(): each.version.split("+")[0] for each in distributions()}
    sys.stdout.write("# The versions tickcast was tested with; `make constraints` writes this file.\n")
    for name in sorted(found):
        if not FLAVOUR.match(name):
            sys.stdout.write(f"{name}=={found[name]}\n")


if __name__ == "__main__":
    main()
