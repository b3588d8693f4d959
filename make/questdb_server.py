"""Run a QuestDB server in a folder of its own until Ctrl-C. Usage: questdb_server.py JAR FOLDER PG_PORT HTTP_PORT"""

import signal
import sys
from pathlib import Path

from tickcast.errors import TickcastError
from tickcast.store.quest_server import QuestServer


def main() -> int:
    """Start it, say where it is, stop it on Ctrl-C or SIGTERM."""
    jar, folder, pg, http = sys.argv[1:]
    server = QuestServer(Path(folder).resolve(), Path(jar), pg=int(pg), http=int(http))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with server:
            sys.stdout.write(f"questdb: {server.address('main')}\n")
            sys.stdout.write("questdb: that is a store; `main` may be any name. Ctrl-C stops the server, its folder stays\n")
            sys.stdout.flush()
            return server.wait()
    except KeyboardInterrupt:
        return 0
    except TickcastError as error:
        sys.stderr.write(f"questdb: {error}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
