# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a deleted server the module live_migration_remains removes, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest
from openstack.connection import Connection

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError
from ansible_collections.stackmove.nova.plugins.modules.live_migration_remains import absent, plan_port, seen
from ansible_collections.stackmove.nova.tests.unit.plugins.module_utils._cloud.conftest import Cloud

ATTACHMENTS = "GET /volume/v3/attachments/detail"
PARAMS: dict[str, Any] = {"server": "s", "migration": "m", "hosts": ["dst"], "ports": []}


def attachment(name: str, server: str = "s", status: str = "attached", **more: Any) -> dict[str, Any]:
    return {"id": name, "volume_id": "v", "instance": server, "status": status, **more}


def with_volume(cloud: Cloud, listed: list[dict[str, Any]], hosts: dict[str, str]) -> None:
    """A cloud that has one volume with these attachments, of which those are complete that have a host."""
    of_volume = [{"attachment_id": name, "host_name": host} for name, host in hosts.items()]
    cloud.answers[ATTACHMENTS] = [(200, {"attachments": listed})]
    cloud.answers["GET /volume/v3/volumes/v"] = [(200, {"volume": {"id": "v", "attachments": of_volume}})]


def with_claims(cloud: Cloud, *consumers: str) -> None:
    for consumer in ("s", "m"):
        claim = {"p": {"resources": {"VCPU": 1}}} if consumer in consumers else {}
        held = {"allocations": claim, "consumer_generation": 1, "project_id": "p", "user_id": "u"}
        cloud.answers[f"GET /placement/allocations/{consumer}"] = [(200, held)]
    cloud.answers["POST /placement/allocations"] = [(204, {})]


def deletions(cloud: Cloud) -> list[str]:
    return [request for request in cloud.asked if not request.startswith("GET ")]


def test_nothing_is_left_of_a_server_that_nova_has_cleaned(conn: Connection, cloud: Cloud) -> None:
    with_volume(cloud, [], {})
    with_claims(cloud)
    assert absent(conn, {**PARAMS, "ports": ["gone"]}, False) == []
    assert deletions(cloud) == []


def test_its_attachments_go_where_the_guest_is_not(conn: Connection, cloud: Cloud) -> None:
    listed = [attachment("a"), attachment("b"), attachment("c", status="reserved"), attachment("d", "other")]
    with_volume(cloud, listed, {"a": "dst", "b": "src", "d": "dst"})
    with_claims(cloud)
    for name in "abcd":
        cloud.answers[f"DELETE /volume/v3/attachments/{name}"] = [(200, {})]
    planned = absent(conn, PARAMS, True)
    assert deletions(cloud) == []
    assert absent(conn, PARAMS, False) == planned
    # One is connected to a host of which nothing is known, one is another server's.
    assert deletions(cloud) == ["DELETE /volume/v3/attachments/a", "DELETE /volume/v3/attachments/c"]
    assert planned[0] == "delete the deleted server's attachment a of volume v"


def test_nothing_is_changed_without_the_token_that_it_takes(conn: Connection, cloud: Cloud) -> None:
    with_volume(cloud, [attachment("a", connection_info={"driver_volume_type": "rbd"})], {"a": "dst"})
    with pytest.raises(StackmoveError, match="only for a service"):
        absent(conn, PARAMS, False)
    assert deletions(cloud) == []


def test_both_claims_are_given_up(conn: Connection, cloud: Cloud) -> None:
    with_volume(cloud, [], {})
    with_claims(cloud, "s", "m")
    assert absent(conn, PARAMS, False) == [
        "delete the allocations of migration m",
        "delete the allocations of server s",
    ]
    assert deletions(cloud) == ["POST /placement/allocations"] * 2


def test_how_its_volumes_are_reached_is_told_of_the_hosts_that_are_meant(conn: Connection, cloud: Cloud) -> None:
    info = {"driver_volume_type": "rbd", "name": "pool/v"}
    with_volume(cloud, [attachment(name, connection_info=info) for name in "ab"], {"a": "src", "b": "dst"})
    cloud.answers["GET /volume/v3/attachments/b"] = [
        (200, {"attachment": {"id": "b", "instance": "s", "connection_info": info}})
    ]
    (found,) = seen(conn, "s", ["dst"])
    assert (found["volume_id"], found["host"]) == ("v", "dst")
    assert found["connection_info"]["data"] == {"name": "pool/v"}


@pytest.mark.parametrize(
    ("owner", "bindings", "deleted", "unbound"),
    [
        pytest.param("", {"": "ACTIVE", "dst": "INACTIVE"}, ["dst"], False, id="kept by its user"),
        pytest.param("", {"dst": "ACTIVE", "src": "INACTIVE"}, [], True, id="activated when nobody had it any more"),
        pytest.param("s", {"dst": "ACTIVE"}, [], True, id="not yet taken from it"),
        pytest.param("t", {"src": "ACTIVE", "dst": "INACTIVE"}, [], False, id="another server's by now"),
        pytest.param("", {"": "ACTIVE"}, [], False, id="nothing is left"),
    ],
)
def test_a_port_that_its_user_has_kept_is_bound_nowhere(
    owner: str, bindings: dict[str, str], deleted: list[str], unbound: bool
) -> None:
    found = [{"host": host, "status": status} for host, status in bindings.items()]
    changes, unbind = plan_port("p", owner, found, "s", ["dst"])
    assert ([change.host for change in changes], unbind) == (deleted, unbound)


def test_a_port_is_freed(conn: Connection, cloud: Cloud) -> None:
    with_volume(cloud, [], {})
    with_claims(cloud)
    bindings = [{"host": "", "status": "ACTIVE"}, {"host": "dst", "status": "INACTIVE"}]
    cloud.answers["GET /network/v2.0/ports/p"] = [(200, {"port": {"id": "p", "device_id": ""}})]
    cloud.answers["GET /network/v2.0/ports/p/bindings"] = [(200, {"bindings": bindings})]
    cloud.answers["DELETE /network/v2.0/ports/p/bindings/dst"] = [(204, {})]
    assert absent(conn, {**PARAMS, "ports": ["p"]}, False) == ["delete the binding of port p to host dst"]
    bindings[1]["status"] = "ACTIVE"
    cloud.answers["PUT /network/v2.0/ports/p"] = [(200, {"port": {"id": "p"}})]
    assert absent(conn, {**PARAMS, "ports": ["p"]}, False) == ["unbind port p"]
    assert deletions(cloud) == ["DELETE /network/v2.0/ports/p/bindings/dst", "PUT /network/v2.0/ports/p"]
