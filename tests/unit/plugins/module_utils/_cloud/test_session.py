# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
import requests

from ansible_collections.stackmove.nova.plugins.module_utils._cloud.session import reason


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
