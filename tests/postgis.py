"""A private PostgreSQL cluster with PostGIS: started by the tests, gone after them.

It listens on one free loopback port, trusts loopback only, keeps everything in a temporary
folder and runs as an unprivileged user (PostgreSQL refuses to run as root).
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg

USER = "cim"
TEMPLATE = "cim_template"
"""Has PostGIS already, so that a new database costs milliseconds."""
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "256MB",
    "max_connections": "50",
    "log_min_messages": "warning",
}


class UnavailableError(Exception):
    """PostgreSQL or PostGIS is not installed here; the message says what to install."""


@dataclass(slots=True)
class Cluster:
    """A running server; each database it makes is new and has PostGIS."""

    port: int
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def url(self, database: str) -> str:
        """Where `database` is."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def create_database(self) -> str:
        """A new empty database with PostGIS.

        Returns
        -------
        str
            Its URL.
        """
        name = f"city_{next(self.numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """The database at `url` is gone, whoever is still connected."""
        self.execute(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run one statement outside a transaction."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statement.encode())


def programs() -> Path:
    """The folder of the newest installed server's programs.

    Raises
    ------
    UnavailableError
        If there is none.
    """
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: float(each.parent.name)
    )
    found = shutil.which("initdb")
    candidates = [*reversed(folders), *([Path(found).parent] if found else [])]
    for folder in candidates:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise UnavailableError("PostgreSQL is missing: apt-get install postgresql-15-postgis-3")


def unprivileged() -> str | None:
    """The user to run the server as; None if we are not root and it can be us."""
    if os.geteuid() != 0:
        return None
    names = {each.pw_name for each in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass(frozen=True, slots=True)
class _Server:
    """The files of one server, and the user who runs it."""

    programs: Path
    home: Path
    user: str | None

    def run(self, program: str, *arguments: str) -> None:
        """One of PostgreSQL's programs on the cluster's folder."""
        command = [str(self.programs / program), "-D", str(self.home / "data"), *arguments]
        # not piped: pg_ctl hands its output on to the server, and reading it would never end
        with (self.home / "said").open("ab") as said:
            done = subprocess.run(
                command, user=self.user, cwd="/", stdin=subprocess.DEVNULL, stdout=said,
                stderr=said, timeout=120, check=False,
            )  # fmt: skip
        if done.returncode:
            told = [path.read_text() for path in (self.home / "said", self.log) if path.exists()]
            raise RuntimeError(f"{program} failed: {''.join(told)}")

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.home / "log"

    def start(self, port: int) -> None:
        """Start it in the background, as no child of ours; it answers when this returns."""
        options = " ".join(f"-c {key}='{value}'" for key, value in SETTINGS.items())
        self.run("pg_ctl", "start", "-w", "-l", str(self.log), "-o", f"-p {port} {options}")


def _make_template(cluster: Cluster) -> None:
    cluster.execute(f"CREATE DATABASE {TEMPLATE}")
    try:
        cluster.execute("CREATE EXTENSION postgis", TEMPLATE)
    except psycopg.Error as error:
        raise UnavailableError(
            "PostGIS is missing: install Debian's postgresql-*-postgis-3"
        ) from error


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A running cluster; on leaving, it is stopped and its files are deleted.

    Raises
    ------
    UnavailableError
        If PostgreSQL or PostGIS is not installed.
    """
    server = _Server(programs(), Path(tempfile.mkdtemp(prefix="cim-postgis-")), unprivileged())
    try:
        if server.user:
            shutil.chown(server.home, server.user)
        server.run(
            "initdb", "-U", USER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"
        )
        running = Cluster(free_port())
        server.start(running.port)
        try:
            _make_template(running)
            yield running
        finally:
            server.run("pg_ctl", "stop", "-w", "-m", "immediate")
    finally:
        shutil.rmtree(server.home, ignore_errors=True)
