"""What small teams use for the same: mqttwarn and thingsboard-gateway, each in an environment of its own.

Both keep in SQLite what comes over MQTT. They take JSON: ``text_of`` gives them the readings of a
frame in about as many bytes, and a number to know it by. Their configuration is in their favour:
one value a message, no line of log for it, a session that waits for them while they are down.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import venv
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.platform import HOST, Platform
from tests.support.gateway import wait_until
from traceability.sensing.senml import Reading

ENVIRONMENTS: Final = Path(__file__).parents[1] / ".venv" / "peers"
"""Where they are installed, each once."""
INSTALL_S: Final = 600.0
START_S: Final = 60.0
NUMBER: Final = re.compile(r"#(\d+)#")


@dataclass(frozen=True, slots=True)
class Package:
    """A program as it is set up.

    Attributes:
        requirement: what is installed from the package index.
        configure: the files it needs, by their names, for a broker's port, a topic and a server's port.
        command: how its Python starts it.
        ready: what it logs when it takes messages.
        database: the SQLite file that it writes.
        count: query for how many messages it ever stored.
        texts: query for what it stored.
    """

    name: str
    requirement: str
    configure: Callable[[int, str, int], dict[str, str]]
    command: tuple[str, ...]
    ready: str
    database: str
    count: str
    texts: str


def text_of(number: int, readings: Sequence[Reading], size: int) -> bytes:
    """Readings as JSON, filled up to a size in bytes if they are shorter."""
    first_ms = readings[0].at_ms
    values = " ".join(f"{r.name},{r.at_ms - first_ms},{r.value}" for r in readings)
    empty = json.dumps({"data": f"#{number}# {first_ms} {values}"})
    return (empty[:-2] + " " * (size - len(empty)) + empty[-2:]).encode()


def numbers_in(text: str) -> list[int]:
    """The number that a message was given, found in whatever was made of it."""
    return [int(number) for number in NUMBER.findall(text)]


def mqttwarn_files(port: int, topic: str, _: int) -> dict[str, str]:
    """Its service ``sqlite`` writes one row a commit."""
    lines = (
        "[defaults]",
        f"hostname = '{HOST}'",
        f"port = {port}",
        f"clientid = 'mqttwarn-{topic}'",
        "cleansession = False",
        "protocol = 4",
        "loglevel = 'INFO'",
        "launch = sqlite",
        "[config:sqlite]",
        "targets = {'rows': ['peer.db', 'message']}",
        f"[{topic}]",
        "targets = sqlite:rows",
        "qos = 1",
    )
    return {"mqttwarn.ini": "\n".join((*lines, ""))}


def thingsboard_files(port: int, topic: str, server_port: int) -> dict[str, str]:
    """Its storage ``sqlite`` writes what its MQTT connector converted, until its server has it."""
    server = {"host": HOST, "port": server_port, "remoteConfiguration": False, "remoteShell": False}
    quiet = {"statistics": {"enable": False}, "checkConnectorsConfigurationInSeconds": 3600}
    access = {"security": {"type": "accessToken", "accessToken": "bench"}, "qos": 1}
    storage = {"type": "sqlite", "data_file_path": "./data/"}
    connector = {"type": "mqtt", "name": "peer", "configuration": "mqtt.json"}
    main = {"thingsboard": server | quiet | access, "storage": storage, "connectors": [connector]}
    return {
        "tb_gateway.json": json.dumps(main),
        "mqtt.json": json.dumps(_thingsboard_connector(port, topic)),
        "logs.json": json.dumps(_thingsboard_logs()),
    }


def _thingsboard_connector(port: int, topic: str) -> dict[str, Any]:
    broker = {"host": HOST, "port": port, "clientId": f"thingsboard-{topic}", "version": 4}
    session = {"cleanSession": False, "security": {"type": "anonymous"}}
    device = {
        "deviceNameExpressionSource": "constant",
        "deviceNameExpression": "peer",
        "deviceProfileExpressionSource": "constant",
        "deviceProfileExpression": "default",
    }
    values = [{"type": "string", "key": "data", "value": "${data}"}]
    converter = {"type": "json", "deviceInfo": device, "attributes": [], "timeseries": values}
    mapping = {"topicFilter": topic, "subscriptionQos": 1, "converter": converter}
    return {"name": "peer", "broker": broker | session, "mapping": [mapping]}


def _thingsboard_logs() -> dict[str, Any]:
    handler = {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"class": "logging.Formatter", "format": "%(levelname)s %(message)s"}},
        "handlers": {"console": handler},
        "root": {"level": "INFO", "handlers": ["console"]},
    }


MQTTWARN: Final = Package(
    "mqttwarn",
    "mqttwarn==0.36.1",
    mqttwarn_files,
    ("-m", "mqttwarn", "--config-file=mqttwarn.ini"),
    "Starting 1 worker threads",
    "peer.db",
    "SELECT max(rowid) FROM message",
    "SELECT payload FROM message",
)
THINGSBOARD: Final = Package(
    "thingsboard-gateway",
    "thingsboard-gateway==3.8.5",
    thingsboard_files,
    ("-c", "from thingsboard_gateway.tb_gateway import main; main()"),
    "Gateway started.",
    "data/data.db",
    "SELECT max(seq) FROM sqlite_sequence",
    "SELECT message FROM messages",
)


def environment(package: Package) -> Path:
    """The Python of an environment that holds one package; made if it is not there.

    Raises:
        RuntimeError: the package index does not give it.
    """
    folder = ENVIRONMENTS / package.requirement
    python, done = folder / "bin" / "python", folder / "installed"
    if not done.exists():
        venv.create(folder, clear=True, with_pip=True)
        command = [str(python), "-m", "pip", "--disable-pip-version-check", "install", package.requirement]
        done_by = subprocess.run(command, timeout=INSTALL_S, capture_output=True, text=True, check=False)
        if done_by.returncode:
            raise RuntimeError(f"{package.requirement} cannot be installed: {done_by.stderr[-1000:]}")
        done.touch()
    return python


class Peer:
    """One of them as a process, with a folder of its own.

    Attributes:
        topic: where it listens.
    """

    def __init__(self, package: Package, port: int, folder: Path) -> None:
        self.package, self.folder, self.topic = package, folder, f"peer/{folder.name}"
        self._python, self._port = environment(package), port
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "logs").mkdir(parents=True)

    def start(self) -> None:
        """Start it; it is at work when this returns, and its server is gone."""
        server, log_path = Platform(), self.folder / "stderr.log"
        for name, text in self.package.configure(self._port, self.topic, server.port).items():
            (self.folder / name).write_text(text, "utf-8")
        variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        with log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [str(self._python), *self.package.command],
                cwd=self.folder,
                env=variables | {"TB_GW_CONFIG_DIR": str(self.folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            wait_until(lambda: self.package.ready in log_path.read_text("utf-8"), str(log_path), START_S)
        except BaseException:
            self.kill()
            raise
        finally:
            server.close()

    @property
    def pid(self) -> int:
        """Its process; 0 before the first start."""
        return self._process.pid if self._process else 0

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stored(self) -> int:
        """How many messages it ever stored."""
        return int(next(iter(self._rows(self.package.count)), (0,))[0] or 0)

    def numbers(self) -> list[int]:
        """The numbers of the messages that it holds now, one for each row."""
        return [n for (text,) in self._rows(self.package.texts) for n in numbers_in(text)]

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        path = self.folder / self.package.database
        with closing(sqlite3.connect(path, timeout=START_S)) as connection:
            try:
                return connection.execute(query).fetchall()
            except sqlite3.OperationalError:
                return []  # its table comes with its first message
