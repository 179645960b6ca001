"""Expected failures of a command: what went wrong, on standard error, and an exit code.

Nothing heavy is imported before something went wrong: every command imports this, and so does its `--help`.
"""

from collections.abc import Callable
from functools import wraps
import os
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from arrivals.config.settings import Settings

DONE, FAILED, WRONG_USAGE = 0, 1, 2  # the exit codes of every command


def settings_from_environment() -> "Settings":
    """The settings. Raises BadSetting."""
    from arrivals.config.settings import read_settings

    return read_settings(os.environ)


def handle_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command whose expected failures are reported and end in an exit code, not in a stack trace.

    With `--json` the report is a problem document on one line, as the HTTP interface answers it.
    """

    @wraps(command)
    def run(*args: Any, **options: Any) -> Any:
        try:
            return command(*args, **options)
        except click.ClickException:
            raise
        except Exception as error:
            code = report(error, json_output=bool(options.get("json_output")))
            if code is None:
                raise
            sys.exit(code)

    return run


def report(error: Exception, *, about: str = "", json_output: bool) -> int | None:
    """Reports an expected failure on standard error. Returns its exit code; None, and no word, for any other.

    `about`: the subject, where a command has several.
    """
    from arrivals.cli.output import print_json
    from arrivals.cli.problem import problem_of, sentences

    problem = problem_of(error)
    if problem is None:
        return None
    if json_output:
        print_json(problem | ({"instance": about} if about else {}), err=True)
    else:
        for sentence in sentences(problem):
            click.echo(f"arrivals: {about}{': ' if about else ''}{sentence}", err=True)
    return WRONG_USAGE if problem["code"] == "invalid_setting" else FAILED
