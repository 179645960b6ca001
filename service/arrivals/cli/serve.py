"""`arrivals serve`: web and workers in one process, or one of the two."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
import errno
import gc
import socket
import sys
from typing import Any

import anyio
import click
import structlog
import uvicorn

from arrivals.assembly import GRACE_S, CutOff, assembled, working
from arrivals.cli.connection import specified
from arrivals.cli.errors import handle_errors, settings_from_environment
from arrivals.cli.shutdown import FAILED, Watch, heed_signals, watch
from arrivals.config.declarations import BY_NAME
from arrivals.config.key_file import key_file_path, with_keys
from arrivals.config.settings import Settings
from arrivals.flow.context import Context
from arrivals.logs import configure
from arrivals.web.app import make_app
from arrivals.web.callbacks import CallbackHandler
from arrivals.web.server.limits import KEEP_ALIVE_S
from arrivals.web.server.proxies import proxy_options
from arrivals.web.server.tested_versions import TESTED, is_tested
from arrivals.workers.roster import NAMES

log = structlog.get_logger()

BACKLOG = 2048
COLLECT_AFTER = 50_000  # new containers
SWITCH_S = 0.0005  # how long a thread that comes back from the disk waits for its turn
REQUESTS_GRACE_S = 20  # for HTTP requests under way; what is held is answered at once


class Server(uvicorn.Server):
    """uvicorn without its signal handling: workers end with it, so signals are the service's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are not captured here."""
        yield


def _setting(_context: click.Context, parameter: click.Parameter, text: str | None) -> Any:
    """The value of an option that stands for the setting of its name, read as that is."""
    if text is None:
        return None
    try:
        return BY_NAME[str(parameter.name).upper()].parse(text)
    except ValueError as error:
        raise click.BadParameter(f"must be {error}") from error


@click.command("serve")
@click.option("--host", callback=_setting, help="The address to listen on, instead of ARRIVALS_HOST.")
@click.option("--port", callback=_setting, help="The port to listen on, instead of ARRIVALS_PORT.")
@click.option("--web-only", is_flag=True, help="Run only the HTTP interface; another process runs the workers.")
@click.option("--workers-only", is_flag=True, help="Run only the workers; another process serves HTTP.")
@handle_errors
def serve_command(*, host: str | None, port: int | None, web_only: bool, workers_only: bool) -> None:
    """Run the service."""
    if web_only and workers_only:
        raise click.UsageError("--web-only and --workers-only leave nothing to run")
    settings, made = with_keys(replace(settings_from_environment(), **specified(host=host, port=port)))
    configure(settings.log_format, settings.log_level, settings.secrets)
    if made:
        log.info(
            "keys_made", path=str(key_file_path(settings)), hint="the API key and the signing keys are in this file"
        )
    use_uvloop = sys.platform != "win32"
    names = () if web_only else NAMES
    code = anyio.run(_serve, settings, not workers_only, names, watch, backend_options={"use_uvloop": use_uvloop})
    sys.exit(code)


async def _serve(settings: Settings, web: bool, workers: tuple[str, ...], watch_for: Watch) -> int:
    """The exit code: 0 when everything that had begun was finished."""
    code = 0
    with ExitStack() as bound:
        listening = bound.enter_context(_listen(settings.host, settings.port)) if web else None
        async with assembled(settings, create=True) as context, anyio.create_task_group() as group:
            stop = anyio.Event()
            group.start_soon(heed_signals, context, GRACE_S, watch_for, stop.set)
            try:
                await _run(settings, context, listening, workers, stop)
            except CutOff as cut:
                log.warning("shutdown_incomplete", reason=str(cut))
                code = FAILED
            group.cancel_scope.cancel()
    log.info("stopped")
    return code


async def _run(
    settings: Settings, context: Context, listening: socket.socket | None, workers: tuple[str, ...], stop: anyio.Event
) -> None:
    async with working(context, workers) as claim_no_more:
        if not settings.accounts:
            log.warning("no_providers_configured", hint="set ARRIVALS_<PROVIDER>_API_KEY to use a provider")
        if listening is None:
            await stop.wait()
            return
        app = make_app(context, *settings.api_keys)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            **proxy_options(settings.trusted_proxies),
            lifespan="off",
            backlog=BACKLOG,
            timeout_graceful_shutdown=REQUESTS_GRACE_S,
            http=_front_door(app.handler),
            ws="none",
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        server = Server(config)
        # What was made by now stays forever: the collector need not look at it again, nor after every few requests.
        gc.collect()
        gc.freeze()
        gc.set_threshold(COLLECT_AFTER)
        sys.setswitchinterval(SWITCH_S)
        async with anyio.create_task_group() as group:
            group.start_soon(_stop_when_requested, stop, server, claim_no_more, context)
            host, port = listening.getsockname()[:2]
            log.info(
                "serving", url=f"http://{host}:{port}", public_url=settings.public_url, database=context.store.name
            )
            await server.serve(sockets=[listening])
            group.cancel_scope.cancel()


def _front_door(handler: CallbackHandler) -> Any:
    """The connection class with its bounds; where there is no httptools, uvicorn's own.

    Webhooks take the fast way where this uvicorn was tested with it.
    """
    if sys.platform == "win32":
        return "auto"
    from arrivals.web.server.front_door import front_door

    tested = is_tested()
    if not tested:
        log.warning("untested_uvicorn", version=uvicorn.__version__, tested=TESTED, hint="webhooks take the plain way")
    return front_door(handler if tested else None)


def _listen(host: str, port: int) -> socket.socket:
    """The socket, bound here so that a port in use is one clear line. TCP by name, or Nagle's delay stays on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with ExitStack() as opened:
        try:
            listening = opened.enter_context(socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((host, port))
            listening.listen(BACKLOG)
        except (OSError, UnicodeError) as error:
            raise OSError(_cannot_listen(host, port, error)) from error
        opened.pop_all()
    return listening


def _cannot_listen(host: str, port: int, error: OSError | UnicodeError) -> str:
    """Why not, and which setting to change: most errors are about the address."""
    reason = getattr(error, "strerror", None) or str(error)
    if getattr(error, "errno", None) in (errno.EADDRINUSE, errno.EACCES):
        return f"cannot listen on {host}:{port} ({reason}); set ARRIVALS_PORT to another"
    return (
        f"cannot listen on {host} ({reason}); set ARRIVALS_HOST to an address of this machine, such as 127.0.0.1, "
        "or to 0.0.0.0 for all of them"
    )


async def _stop_when_requested(
    stop: anyio.Event, server: Server, claim_no_more: Callable[[], None], context: Context
) -> None:
    await stop.wait()
    claim_no_more()
    context.end_waits()
    server.should_exit = True
