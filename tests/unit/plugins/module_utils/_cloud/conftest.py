# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cloud behind one port: a Keystone that lets anybody in, and services that answer what a test tells them to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from openstack.connection import Connection

from ansible_collections.stackmove.nova.plugins.module_utils._cloud import compute, ports, session

TOKENS = "/identity/v3/auth/tokens"
SERVICES = {
    "block-storage": "/volume/v3",
    "compute": "/compute/v2.1",
    "identity": "/identity/v3",
    "image": "/image/v2",
    "network": "/network/v2.0",
    "placement": "/placement",
}


@dataclass
class Cloud:
    """What the services answer, and what they were asked.

    :param answers: by method and path, such as ``GET /volume/v3/attachments``, status and body of each answer in their
        order; the last one is repeated. A status of 0 ends the connection without a word.
    :param drops: how many of the next requests, whatever they are, get no answer
    """

    answers: dict[str, list[tuple[int, Any]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    drops: int = 0
    url: str = ""

    def answer(self, request: str) -> tuple[int, Any]:
        """Take the next answer to a request."""
        self.asked.append(request)
        left = self.answers.get(request, [(404, {"message": f"no test answers {request}"})])
        return left.pop(0) if len(left) > 1 else left[0]


@dataclass
class Clock:
    """Time that passes when somebody sleeps."""

    now_s: float = 0

    def monotonic(self) -> float:
        """Tell the time."""
        return self.now_s

    def sleep(self, seconds: float) -> None:
        """Let it pass."""
        self.now_s += seconds


class Handler(BaseHTTPRequestHandler):
    """Tokens, documents of versions, and a test's answers."""

    cloud: Cloud
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def respond(self) -> None:
        """Answer whatever was asked."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        if self.cloud.drops:
            self.cloud.drops -= 1
            self.send(0, None)
        elif path == TOKENS:
            self.send(201, {"token": token(self.cloud.url)})
        elif path.rstrip("/") in SERVICES.values() or path.strip("/").count("/") == 0:
            self.send(200, versions(self.cloud.url, path.rstrip("/")))
        else:
            self.send(*self.cloud.answer(f"{self.command} {path}"))

    def send(self, status: int, body: Any) -> None:
        """Send an answer, or none."""
        if not status:
            self.close_connection = True
            return
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Subject-Token", "token")
        self.end_headers()
        self.wfile.write(data)


class Server(ThreadingHTTPServer):
    """Serves them to clients that leave when they like."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of those."""


# What http.server calls.
for method in ("GET", "POST", "PUT", "DELETE"):
    setattr(Handler, f"do_{method}", Handler.respond)


def token(url: str) -> dict[str, Any]:
    """What Keystone tells of a token: a user, and where the services are."""
    domain = {"id": "default", "name": "Default"}
    place = {"interface": "public", "region": "r", "region_id": "r"}
    return {
        "methods": ["password"],
        "expires_at": "2099-01-01T00:00:00.000000Z",
        "issued_at": "2026-01-01T00:00:00.000000Z",
        "user": {"id": "u", "name": "u", "domain": domain},
        "project": {"id": "p", "name": "p", "domain": domain},
        "roles": [{"id": "admin", "name": "admin"}],
        "catalog": [
            {"type": name, "id": name, "name": name, "endpoints": [{**place, "id": name, "url": url + path}]}
            for name, path in SERVICES.items()
        ],
    }


def versions(url: str, path: str) -> dict[str, Any]:
    """A document of versions: of the one below a path, or of all of a service."""
    root = next(root for root in SERVICES.values() if root.startswith(path))
    number = root.rpartition("/")[2] if root.count("/") > 1 else "v1.0"
    links = [{"rel": "self", "href": url + root}]
    entry = {"id": number, "status": "CURRENT", "version": "9.99", "min_version": "1.0", "links": links}
    return {"version": entry} if path.count("/") > 1 else {"versions": [entry]}


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """A cloud that clouds.yaml calls ``there``, in which time passes only while somebody sleeps."""
    found = Cloud()
    server = Server(("127.0.0.1", 0), type("CloudHandler", (Handler,), {"cloud": found}))
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    auth = {"auth_url": f"{found.url}/identity/v3", "username": "u", "password": "s3cret", "project_name": "p"}
    auth.update(user_domain_name="Default", project_domain_name="Default")
    path = tmp_path / "clouds.yaml"
    path.write_text(yaml.safe_dump({"clouds": {"there": {"auth": auth, "region_name": "r"}}}))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(path))
    clock = Clock()
    for module in (compute, ports, session):
        monkeypatch.setattr(module, "time", clock)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def conn(cloud: Cloud) -> Connection:
    """A connection to it."""
    return session.connect("there")
