"""The reverse proxy of ``deploy/nginx`` on free ports of this machine, in front of a site."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.broker import HOST, free_port
from tests.support.gateway import wait_until
from tests.support.secure import NAME, make_certificate

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "nginx" / "food-traceability.conf"
_MAIN = """{user}daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


@dataclass(frozen=True)
class Front:
    """Where the proxy listens; its certificate and authority."""

    url: str
    http_port: int
    https_port: int
    certificate: Path
    authority: Path


def find_nginx() -> str | None:
    """Debian keeps it where only an administrator's search path looks."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


_CACHE = """location / {
        proxy_cache kept;
        proxy_cache_valid any 10m;
        add_header X-Cache $upstream_cache_status always;"""


@contextmanager
def fronting(
    folder: Path, program: str, site_port: int, http_port: int, https_port: int, *, caching: bool = False
) -> Iterator[Front]:
    """The proxy in front of a site on this machine, with the file that is deployed, on other ports.

    Args:
        caching: it keeps for ten minutes whatever the site does not forbid it to keep.
    """
    folder.mkdir()
    certificate, key, authority = make_certificate(folder / "tls")
    site = CONFIGURATION.read_text("utf-8")
    for deployed, here in (
        ("listen 443 ", f"listen {HOST}:{https_port} "),
        ("listen 80", f"listen {HOST}:{http_port}"),
        ("server 127.0.0.1:8000;", f"server {HOST}:{site_port};"),
        ("https://trace.farm.example", f"https://{NAME}:{https_port}"),
        ("trace.farm.example", NAME),
        ("/etc/food-traceability/tls/fullchain.pem", str(certificate)),
        ("/etc/food-traceability/tls/privkey.pem", str(key)),
    ):
        assert deployed in site
        site = site.replace(deployed, here)
    if caching:
        site = site.replace("location / {", _CACHE)
        site = f"proxy_cache_path {folder / 'cache'} keys_zone=kept:1m;\n{site}"
    (folder / "site.conf").write_text(site, "utf-8")
    (folder / "nginx.conf").write_text(_MAIN.format(folder=folder, user=_user()), "utf-8")
    process = subprocess.Popen(
        [program, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    )
    try:
        wait_until(lambda: _answers(https_port) or process.poll() is not None, "nginx")
        assert process.poll() is None, (folder / "error.log").read_text("utf-8")
        yield Front(f"https://{NAME}:{https_port}", http_port, https_port, certificate, authority)
    finally:
        process.terminate()
        process.wait(10)


def _user() -> str:
    """Whom it works as: us, whose folder it writes to; only root is asked."""
    return f"user {pwd.getpwuid(0).pw_name} {grp.getgrgid(0).gr_name};\n" if os.geteuid() == 0 else ""


def two_ports() -> tuple[int, int]:
    """For http and https."""
    return free_port(), free_port()


def _answers(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), 0.2).close()
    except OSError:
        return False
    return True
