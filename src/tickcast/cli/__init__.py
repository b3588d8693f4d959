"""The command line: one file per command; the only room that prints."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter

from tickcast import __version__
from tickcast.cli.bundle import bundle
from tickcast.cli.data import data
from tickcast.cli.demo import demo
from tickcast.cli.doctor import doctor
from tickcast.cli.features import features
from tickcast.cli.forecast import forecast
from tickcast.cli.ingest import ingest
from tickcast.cli.report import report
from tickcast.cli.run import run
from tickcast.cli.serve import serve
from tickcast.cli.terminal import Terminal
from tickcast.errors import TickcastError

__all__ = ["COMMANDS", "execute", "main"]

_TRAINING = ("lightgbm", "onnx", "onnxscript", "safetensors", "torch")
COMMANDS = (demo, ingest, data, run, report, forecast, serve, bundle, features, doctor)


def _app() -> App:
    """All commands under one name."""
    app = App(
        name="tickcast",
        help="Market events in, calibrated probability forecasts out. Begin: tickcast doctor, tickcast run configs/simulated.yaml",
        version=__version__,
        default_parameter=Parameter(negative=()),
        suppress_keyboard_interrupt=False,
        help_format="plaintext",
    )
    for command in COMMANDS:
        app.command(command)
    return app


def execute(words: Sequence[str]) -> int:
    """Run one command line. Returns the exit code: 0 done, 1 the data or a check failed, 2 the request cannot be understood."""
    try:
        done = _app()(list(words), exit_on_error=False, print_error=False, result_action="return_value")
    except TickcastError as error:
        Terminal().error(str(error))
        return error.exit_code
    except CycloptsError as error:
        Terminal().error(" ".join(str(error).split()) + " See tickcast --help.")
        return 2
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in _TRAINING:
            raise
        Terminal().error(f"{error.name} is not installed and this needs it. Run pip install 'tickcast[train]'.")
        return 2
    except KeyboardInterrupt:
        Terminal().error("interrupted; run the same command again to resume")
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone: nothing is left to tell
        return 1
    except OSError as error:  # a full disk, a folder that may not be written, a file where a folder should be
        at = f"{error.filename}: " if error.filename is not None else ""
        Terminal().error(
            f"{at}{error.strerror or error}. Check the path, its permissions and the free space, then run the same command again."
        )
        return 1
    return done if isinstance(done, int) else 0


def main() -> None:
    """Entry point of the `tickcast` command."""
    sys.exit(execute(sys.argv[1:]))
