# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
import requests

from ansible_collections.stackmove.nova.plugins.module_utils._cloud.session import ApiError, call, connect, reason
from ansible_collections.stackmove.nova.tests.unit.plugins.module_utils._cloud.conftest import Cloud


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            '{"NeutronError": {"type": "PortBindingError", "message": "Binding for port x failed.", "detail": ""}}',
            "HTTP 409: Binding for port x failed.",
            id="Neutron",
        ),
        pytest.param(
            '{"conflictingRequest": {"code": 409, "message": "Duplicate connectors"}}',
            "HTTP 409: Duplicate connectors.",
            id="Cinder and Nova",
        ),
        pytest.param(
            '{"errors": [{"status": 409, "title": "Conflict", "detail": "There was a\\n\\nconflict."}]}',
            "HTTP 409: There was a conflict.",
            id="Placement",
        ),
        pytest.param("<html><body>no</body></html>", "HTTP 409: Conflict.", id="Glance and web servers"),
        pytest.param("", "HTTP 409: Conflict.", id="silence"),
    ],
)
def test_the_reason_in_the_apis_own_words(body: str, expected: str) -> None:
    response = requests.Response()
    response.status_code = 409
    response.reason = "Conflict"
    response._content = body.encode()
    assert reason(response) == expected


@pytest.mark.parametrize(
    ("method", "repeatable", "answers", "times"),
    [
        pytest.param("GET", None, [(0, None), (0, None), (200, {})], 3, id="no answer"),
        pytest.param("GET", None, [(503, {}), (200, {})], 2, id="a proxy without a server"),
        pytest.param("PUT", None, [(500, {}), (200, {})], 2, id="overloaded"),
        pytest.param("DELETE", None, [(504, {}), (404, {})], 2, id="deleted the first time"),
        pytest.param("POST", True, [(0, None), (200, {})], 2, id="a POST that may be repeated"),
    ],
)
def test_what_passes_is_waited_for(
    cloud: Cloud, conn: Any, method: str, repeatable: bool | None, answers: list[tuple[int, Any]], times: int
) -> None:
    request = f"{method} /volume/v3/things"
    cloud.answers[request] = answers
    call(conn, "block_storage", method, "/things", what="try", accept=(404,), repeatable=repeatable)
    assert cloud.asked == [request] * times


@pytest.mark.parametrize("status", [0, 503])
def test_a_post_is_sent_once(cloud: Cloud, conn: Any, status: int) -> None:
    cloud.answers["POST /volume/v3/things"] = [(status, {})]
    with pytest.raises(ApiError):
        call(conn, "block_storage", "POST", "/things", what="make a thing")
    assert len(cloud.asked) == 1


@pytest.mark.parametrize("service", ["block_storage", "compute", "image", "network", "placement"])
def test_a_service_that_comes_up_late_is_found(cloud: Cloud, conn: Any, service: str) -> None:
    """Its versions are asked for first, and what was guessed while it was down is not kept."""
    cloud.drops = 3
    roots = {
        "block_storage": "/volume/v3",
        "compute": "/compute/v2.1",
        "image": "/image/v2",
        "network": "/network/v2.0",
    }
    request = f"GET {roots.get(service, '/placement')}/things"
    cloud.answers[request] = [(200, {})]
    call(conn, service, "GET", "/things", what="read the things")
    assert cloud.asked[-1] == request


def test_a_service_that_stays_down_is_named(cloud: Cloud, conn: Any) -> None:
    cloud.answers["GET /volume/v3/things"] = [(0, None)]
    with pytest.raises(ApiError) as caught:
        call(conn, "block_storage", "GET", "/things", what="read the things")
    message = str(caught.value)
    assert message.startswith(f"Failed to read the things: Cinder does not answer: {cloud.url}: ")
    assert "It was tried 5 times in 8 s." in message
    assert "Remedy: Start it, or check that its endpoint can be reached" in message


def test_a_refusal_is_final(cloud: Cloud, conn: Any) -> None:
    cloud.answers["GET /volume/v3/things"] = [(403, {"forbidden": {"message": "Not you."}})]
    with pytest.raises(
        ApiError, match=r"Failed to read the things: HTTP 403: Not you\. Remedy: Check that the user has"
    ):
        call(conn, "block_storage", "GET", "/things", what="read the things")
    assert len(cloud.asked) == 1


def test_keystone_is_waited_for(cloud: Cloud) -> None:
    cloud.drops = 2
    assert connect("there").session.timeout == 300


def test_keystone_is_down(cloud: Cloud) -> None:
    cloud.drops = 1000
    with pytest.raises(ApiError, match=r"Failed to connect to cloud there: Keystone does not answer: http.* Start it"):
        connect("there")
