# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._cloud.ports import (
    BindingChange,
    WantedPort,
    apply_bindings,
    on_host,
    plan_binding,
    statuses,
    wait_for_ports,
)
from ansible_collections.stackmove.nova.plugins.module_utils._errors import ConflictError, StackmoveError
from ansible_collections.stackmove.nova.tests.unit.plugins.module_utils._cloud.conftest import Cloud

PORT = WantedPort("port-1")


def binding(host: str, status: str, vif_type: str = "bridge", vnic_type: str = "normal") -> dict[str, Any]:
    return {"host": host, "status": status, "vif_type": vif_type, "vnic_type": vnic_type}


AT_SOURCE = [binding("src", "ACTIVE")]
PREPARED = [binding("src", "ACTIVE"), binding("dst", "INACTIVE")]
# An inactive binding that was active before is unbound: Neutron takes its mechanism driver away.
DEPARTED = [binding("src", "INACTIVE", "unbound"), binding("dst", "ACTIVE")]


@pytest.mark.parametrize(
    ("bindings", "host", "state", "actions"),
    [
        pytest.param(AT_SOURCE, "dst", "inactive", ["create"], id="prepare"),
        pytest.param(PREPARED, "dst", "inactive", [], id="prepare again"),
        pytest.param(DEPARTED, "dst", "inactive", [], id="prepare what is active already"),
        pytest.param(PREPARED, "dst", "active", ["activate"], id="depart"),
        pytest.param(DEPARTED, "dst", "active", [], id="depart again"),
        pytest.param(DEPARTED, "src", "active", ["activate", "bind"], id="roll back"),
        pytest.param(
            [binding("src", "ACTIVE", "unbound"), binding("dst", "INACTIVE")],
            "src",
            "active",
            ["bind"],
            id="roll back again",
        ),
        pytest.param(
            [binding("dst", "ACTIVE")], "src", "active", ["create", "activate"], id="roll back, and it is gone"
        ),
        pytest.param([binding("src", "INACTIVE")], "src", "active", ["delete", "create"], id="none is active"),
        pytest.param([], "src", "active", ["create"], id="there is none at all"),
        pytest.param(DEPARTED, "src", "absent", ["delete"], id="confirm"),
        pytest.param(PREPARED, "dst", "absent", ["delete"], id="take back what was prepared"),
        pytest.param(AT_SOURCE, "dst", "absent", [], id="take back again"),
        pytest.param([], "dst", "absent", [], id="a deleted port"),
        pytest.param(
            [*AT_SOURCE, binding("dst", "INACTIVE", "binding_failed")],
            "dst",
            "inactive",
            ["delete", "create"],
            id="a binding that failed",
        ),
        pytest.param(
            [*AT_SOURCE, binding("dst", "INACTIVE", vnic_type="direct")],
            "dst",
            "inactive",
            ["delete", "create"],
            id="another kind of interface",
        ),
    ],
)
def test_plan(bindings: list[dict[str, Any]], host: str, state: str, actions: list[str]) -> None:
    changes = plan_binding(PORT, bindings, host, state)
    assert [change.action for change in changes] == actions
    assert all(change.host == host for change in changes)


def test_an_active_binding_is_not_deleted_while_another_waits() -> None:
    with pytest.raises(ConflictError, match=r"port port-1 to host src: .* Remedy: Activate the other first, on dst\."):
        plan_binding(PORT, PREPARED, "src", "absent")


def test_the_only_binding_is_not_deleted() -> None:
    with pytest.raises(ConflictError, match="The port has no other"):
        plan_binding(PORT, AT_SOURCE, "src", "absent")


def test_statuses_after_an_activation() -> None:
    changes = plan_binding(PORT, PREPARED, "dst", "active")
    assert statuses(PREPARED, changes) == {"src": "INACTIVE", "dst": "ACTIVE"}


def test_statuses_after_creation_and_deletion() -> None:
    assert statuses(AT_SOURCE, plan_binding(PORT, AT_SOURCE, "dst", "inactive")) == {"src": "ACTIVE", "dst": "INACTIVE"}
    assert statuses(DEPARTED, plan_binding(PORT, DEPARTED, "src", "absent")) == {"dst": "ACTIVE"}


def test_on_host() -> None:
    assert on_host(PREPARED, "dst") is PREPARED[1]
    assert on_host(PREPARED, "elsewhere") is None


BINDINGS = "/network/v2.0/ports/port-1/bindings"


def test_the_first_binding_is_active() -> None:
    assert statuses([], plan_binding(PORT, [], "src", "active")) == {"src": "ACTIVE"}


@pytest.mark.parametrize("action", ["create", "activate", "delete"])
def test_an_answer_is_lost(cloud: Cloud, conn: Any, action: str) -> None:
    """What was carried out is refused the second time, and is as it was wanted."""
    cloud.answers = {
        f"POST {BINDINGS}": [(0, None), (409, {"NeutronError": {"message": "it exists"}})],
        f"PUT {BINDINGS}/dst/activate": [(0, None), (409, {"NeutronError": {"message": "it is active"}})],
        f"DELETE {BINDINGS}/dst": [(0, None), (404, {})],
        f"GET {BINDINGS}": [(200, {"bindings": [binding("dst", "ACTIVE")]})],
    }
    apply_bindings(conn, [BindingChange(action, PORT, "dst")])


def test_a_binding_that_failed_is_deleted_again(cloud: Cloud, conn: Any) -> None:
    cloud.answers = {
        f"POST {BINDINGS}": [(200, {"binding": binding("dst", "INACTIVE", "binding_failed")})],
        f"DELETE {BINDINGS}/dst": [(204, {})],
    }
    with pytest.raises(StackmoveError, match="Neutron could not bind it there"):
        apply_bindings(conn, [BindingChange("create", PORT, "dst")])
    assert cloud.asked == [f"POST {BINDINGS}", f"DELETE {BINDINGS}/dst"]


def test_ports_are_waited_for_unless_they_are_switched_off(cloud: Cloud, conn: Any) -> None:
    down = {"status": "DOWN", "binding:host_id": "dst", "admin_state_up": True}
    cloud.answers = {
        "GET /network/v2.0/ports/port-1": [(200, {"port": down}), (200, {"port": {**down, "status": "ACTIVE"}})],
        "GET /network/v2.0/ports/port-2": [(200, {"port": {**down, "admin_state_up": False}})],
        "GET /network/v2.0/ports/port-3": [(200, {"port": down})],
    }
    wait_for_ports(conn, ["port-1", "port-2"], 20)
    with pytest.raises(StackmoveError, match="after 20 s, port-3 is DOWN on dst"):
        wait_for_ports(conn, ["port-2", "port-3"], 20)
