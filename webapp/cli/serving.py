"""The command that serves a city."""

import ipaddress
import logging
import signal
import sys
from types import FrameType
from typing import Any

import click
import waitress

from cim.schema import ACCESS_LEVELS
from cim.store import open_city
from webapp import MAX_UPLOAD, create_app
from webapp.cli.location import city_argument
from webapp.cli.output import Command, Refusal, emit, say
from webapp.redaction import RedactingFormatter

MEBIBYTE = 1 << 20


@click.command(
    cls=Command,
    examples=(
        "cim serve Kaifeng.city",
        "cim serve Kaifeng.city --port 0 --read-only",
        "cim serve Kaifeng.city --host 0.0.0.0 --clearance public --allow-host twin.example.org",
    ),
)
@city_argument
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port; 0 takes a free one.",
)
@click.option(
    "--clearance",
    default="internal",
    show_default=True,
    type=click.Choice(ACCESS_LEVELS),
    help="What everyone who reaches the server may read.",
)
@click.option(
    "--threads",
    default=8,
    show_default=True,
    type=click.IntRange(1, 256),
    help="Requests answered at once.",
)
@click.option(
    "--max-upload",
    default=MAX_UPLOAD // MEBIBYTE,
    show_default=True,
    type=click.IntRange(1, 1 << 20),
    help="Largest upload in MiB.",
)
@click.option(
    "--allow-host",
    multiple=True,
    metavar="NAME",
    help="Host name under which it may be reached, as behind a proxy; may be repeated.",
)
@click.option(
    "--writable/--read-only", default=None,
    help="Whether files may be loaded through it; else only if it listens on loopback.",
)  # fmt: skip
def serve(city: str, as_json: bool, **options: Any) -> None:
    """Serve a city to web browsers.

    It listens on this machine only, unless --host says otherwise: there is no login, so everyone
    who reaches it reads what --clearance may read. Stop it with Ctrl-C.
    """
    with open_city(city) as store:
        about = {"city": city, "name": store.name, "version": store.version()}
    start(city, about, as_json, **options)


def start(city: str, about: dict[str, Any], as_json: bool, **options: Any) -> None:
    """Say where, then serve until told to stop."""
    host, loopback = options["host"], _is_loopback(options["host"])
    writable = loopback if options["writable"] is None else options["writable"]
    hosts = [*options["allow_host"], *([] if loopback else ["*", host])]
    max_upload = options["max_upload"] * MEBIBYTE
    _log_to_stderr()
    app = create_app(
        city, clearance=options["clearance"], max_upload=max_upload, hosts=hosts, writable=writable
    )
    server = _server(app, host, options["port"], options["threads"], max_upload)
    address = f"http://{_shown(host)}:{_port(server)}"
    if as_json:
        emit(about | {"address": address, "clearance": options["clearance"], "writable": writable})
    else:
        say([f"Serving {about['name']} at {address}"])
        if not loopback:
            click.echo("everyone who reaches this address can read the city", err=True)
    sys.stdout.flush()
    _until_told(server)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _server(app: Any, host: str, port: int, threads: int, max_upload: int) -> Any:
    try:
        return waitress.create_server(
            app,
            host=host.strip("[]"),
            port=port,
            threads=threads,
            ident=None,
            clear_untrusted_proxy_headers=True,
            max_request_body_size=max_upload + MEBIBYTE,  # the app answers first, with a reason
            connection_limit=400,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        hint = "choose another with --port, or --port 0"
        raise Refusal(f"{host}:{port}: cannot listen there: {reason} ({hint})") from error


def _port(server: Any) -> int:
    listening = getattr(server, "effective_listen", None)
    return int(listening[0][1] if listening else server.effective_port)


def _shown(host: str) -> str:
    bare = host.strip("[]")
    if bare == "0.0.0.0":  # noqa: S104  compared, not listened on
        return "127.0.0.1"
    return f"[{bare}]" if ":" in bare else bare


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a short queue is no news


def _until_told(server: Any) -> None:
    """Answer requests until SIGINT or SIGTERM; then finish those at work and stop."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        server.run()
    finally:
        server.close()
        signal.signal(signal.SIGTERM, before)
