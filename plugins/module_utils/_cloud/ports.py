# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Neutron: a server's ports, and where each is bound or could be."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ansible_collections.stackmove.nova.plugins.module_utils._cloud.session import (
    ApiError,
    Json,
    call,
    reason,
)
from ansible_collections.stackmove.nova.plugins.module_utils._errors import (
    ConflictError,
    NotFoundError,
    StackmoveError,
)

if TYPE_CHECKING:
    from openstack.connection import Connection

#: What a binding looks like when Neutron found no mechanism driver for it on that host.
BINDING_FAILED = "binding_failed"
_USELESS = ("unbound", BINDING_FAILED)
_BINDING_KEYS = ("host", "status", "vif_type", "vif_details", "vnic_type", "profile")
_AGENT_REMEDY = (
    "Check that the host's name is Nova's own for it, and that its Neutron agent is up and serves the port's "
    "network: openstack network agent list --host HOST."
)


@dataclass(frozen=True)
class WantedPort:
    """A port whose binding on one host is to be made, with what the new binding asks for."""

    id: str
    vnic_type: str = "normal"
    profile: Json = field(default_factory=dict)


@dataclass(frozen=True)
class BindingChange:
    """One call to Neutron: `action` is V(create), V(activate), V(bind) or V(delete).

    Neutron forgets the vif_type of a binding that it deactivates, and binds the port anew only when it is updated.
    """

    action: str
    port: WantedPort
    host: str

    def __str__(self) -> str:
        return f"{self.action} the binding of port {self.port.id} to host {self.host}"


# Observe


def has_binding_extended(conn: Connection) -> bool:
    """Tell whether Neutron lets a port be bound to several hosts; without it no server can be moved.

    :raises ApiError: Neutron can't be asked
    """
    path = "/extensions/binding-extended"
    return call(conn, "network", "GET", path, what="list the extensions of Neutron", accept=(404,)).status_code != 404


def port_bindings(conn: Connection, port_id: str) -> list[Json]:
    """Return the bindings of a port: host, status, vif_type, vif_details, vnic_type and profile of each.

    :raises NotFoundError: there is no such port
    :raises ApiError: Neutron refused
    """
    what = f"list the bindings of port {port_id}"
    answer = call(conn, "network", "GET", f"/ports/{port_id}/bindings", what=what, accept=(404,))
    if answer.status_code == 404:
        raise NotFoundError(what, "there is no such port.", "It was deleted; refresh what names it.")
    return [{key: binding.get(key) for key in _BINDING_KEYS} for binding in answer.json()["bindings"]]


def server_ports(conn: Connection, server_id: str) -> list[Json]:
    """Return the ports of a server with their bindings, ordered by id.

    `resource_request` is empty unless the port has a QoS rule with a guaranteed minimum (extension
    ``port-resource-request``).

    :raises ApiError: Neutron refused
    """
    answer = call(
        conn,
        "network",
        "GET",
        "/ports",
        params={"device_id": server_id},
        what=f"list the ports of server {server_id}",
    )
    return [
        {
            "id": port["id"],
            "name": port.get("name"),
            "mac": port.get("mac_address"),
            "network_id": port.get("network_id"),
            "status": port.get("status"),
            "admin_state_up": port.get("admin_state_up"),
            "host_id": port.get("binding:host_id"),
            "vnic_type": port.get("binding:vnic_type"),
            "device_owner": port.get("device_owner"),
            "fixed_ips": port.get("fixed_ips") or [],
            "security_groups": port.get("security_groups") or [],
            "resource_request": port.get("resource_request") or {},
            "bindings": port_bindings(conn, port["id"]),
        }
        for port in sorted(answer.json()["ports"], key=lambda port: str(port["id"]))
    ]


def observe(conn: Connection, ports: Iterable[WantedPort], state: str) -> dict[str, list[Json]]:
    """Return the bindings of each port, by its id; a deleted port has none left to be V(absent).

    :raises NotFoundError: there is no such port, and it has to be bound
    :raises ApiError: Neutron refused
    """
    found: dict[str, list[Json]] = {}
    for port in ports:
        try:
            found[port.id] = port_bindings(conn, port.id)
        except NotFoundError:
            if state != "absent":
                raise
            found[port.id] = []
    return found


# Plan


def on_host(bindings: Iterable[Json], host: str) -> Json | None:
    """Return the binding of one host; a port has at most one on each."""
    return next((binding for binding in bindings if binding["host"] == host), None)


def plan_binding(port: WantedPort, bindings: Sequence[Json], host: str, state: str) -> list[BindingChange]:
    """Decide what takes a port from its `bindings` to `state` on `host`.

    :param state: V(inactive): there is a binding, and one that is active already stays so;
        V(active): it is the port's active one; V(absent): there is none
    :raises ConflictError: it is to be deleted and is the active one: Neutron activates no other by itself, and
        the port would be left unbound
    """
    binding = on_host(bindings, host)
    if state == "inactive":
        return _plan_inactive(port, binding, host)
    if state == "active":
        return _plan_active(port, bindings, host)
    if binding is None:
        return []
    if binding["status"] == "ACTIVE":
        others = [other for other in bindings if other["host"] != host]
        raise ConflictError(
            f"delete the binding of port {port.id} to host {host}",
            "it is the active one, and the port would be left unbound.",
            f"Activate the other first, on {_hosts(others)}." if others else "The port has no other: keep it.",
        )
    return [BindingChange("delete", port, host)]


def _plan_inactive(port: WantedPort, binding: Json | None, host: str) -> list[BindingChange]:
    create = BindingChange("create", port, host)
    if binding is None:
        return [create]
    useless = binding["vif_type"] == BINDING_FAILED or binding["vnic_type"] != port.vnic_type
    if binding["status"] == "ACTIVE" or not useless:
        return []
    return [BindingChange("delete", port, host), create]


def _plan_active(port: WantedPort, bindings: Sequence[Json], host: str) -> list[BindingChange]:
    """Neutron can't activate a binding of a port that has no active one, as a failed move of Nova's leaves it.

    It makes the one active that is created then (``Ml2Plugin.create_port_binding`` and ``activate``).
    """
    binding = on_host(bindings, host)
    create, activate, bind, delete = (
        BindingChange(name, port, host) for name in ("create", "activate", "bind", "delete")
    )
    again = [bind] if binding is not None and binding["vif_type"] in _USELESS else []
    if binding is not None and binding["status"] == "ACTIVE":
        return again
    if not any(other["status"] == "ACTIVE" for other in bindings):
        return [create] if binding is None else [delete, create]
    return [create, activate] if binding is None else [activate, *again]


def statuses(bindings: Iterable[Json], changes: Iterable[BindingChange] = ()) -> dict[str, str]:
    """Return by host the status of each binding of one port, as the changes leave it."""
    result = {str(binding["host"]): str(binding["status"]) for binding in bindings}
    for change in changes:
        if change.action == "create":
            result[change.host] = "INACTIVE" if "ACTIVE" in result.values() else "ACTIVE"
        elif change.action == "delete":
            result.pop(change.host, None)
        elif change.action == "activate":
            result = {host: "ACTIVE" if host == change.host else "INACTIVE" for host in result}
    return result


def _hosts(bindings: Iterable[Json]) -> str:
    return ", ".join(sorted(str(binding["host"]) for binding in bindings)) or "no host"


# Apply


def apply_bindings(conn: Connection, changes: Sequence[BindingChange]) -> None:
    """Carry out the changes; when one fails, the bindings created until then are deleted again.

    Neutron answers 409 to an activation or a creation that was made already, and 404 to a second deletion: that is
    what was wanted.

    :raises ApiError: Neutron refused
    :raises StackmoveError: Neutron made a binding without being able to bind
    """
    created: list[BindingChange] = []
    try:
        for change in changes:
            if change.action == "create":
                created.append(change)
                _create(conn, change)
            elif change.action == "activate":
                _activate(conn, change)
            elif change.action == "bind":
                _bind(conn, change)
            else:
                _delete(conn, change)
    except StackmoveError:
        for change in created:
            _delete(conn, change)
        raise


def _create(conn: Connection, change: BindingChange) -> None:
    port = change.port
    answer = call(
        conn,
        "network",
        "POST",
        f"/ports/{port.id}/bindings",
        json={"binding": {"host": change.host, "vnic_type": port.vnic_type, "profile": port.profile}},
        what=str(change),
        remedy=_AGENT_REMEDY,
        accept=(409,),
        repeatable=True,
    )
    exists = answer.status_code == 409
    binding = on_host(port_bindings(conn, port.id), change.host) if exists else answer.json()["binding"]
    if binding is None:
        raise ApiError(str(change), reason(answer), _AGENT_REMEDY, status=409)
    _require_bound(change, str(binding.get("vif_type")))


def _activate(conn: Connection, change: BindingChange) -> None:
    path = f"/ports/{change.port.id}/bindings/{change.host}/activate"
    answer = call(conn, "network", "PUT", path, what=str(change), remedy=_AGENT_REMEDY, accept=(409,))
    if answer.status_code == 409:
        binding = on_host(port_bindings(conn, change.port.id), change.host)
        if binding is None or binding["status"] != "ACTIVE":
            raise ApiError(str(change), "Neutron says 409, and it isn't active.", "Run again.", status=409)


def _bind(conn: Connection, change: BindingChange) -> None:
    """Have Neutron bind the port again where it is active, as Nova does after a move
    (``nova.network.neutron.API._update_port_binding_for_instance``)."""
    answer = call(
        conn,
        "network",
        "PUT",
        f"/ports/{change.port.id}",
        json={"port": {"binding:host_id": change.host}},
        what=str(change),
        remedy=_AGENT_REMEDY,
    )
    _require_bound(change, str(answer.json()["port"].get("binding:vif_type")))


def _require_bound(change: BindingChange, vif_type: str) -> None:
    if vif_type in _USELESS:
        raise StackmoveError(
            str(change),
            f"Neutron could not bind it there: vif_type {vif_type}, vnic_type {change.port.vnic_type}.",
            _AGENT_REMEDY,
        )


def _delete(conn: Connection, change: BindingChange) -> None:
    call(
        conn,
        "network",
        "DELETE",
        f"/ports/{change.port.id}/bindings/{change.host}",
        what=f"delete the binding of port {change.port.id} to host {change.host}",
        accept=(404,),
    )


def wait_for_ports(conn: Connection, port_ids: Iterable[str], timeout_s: float) -> None:
    """Wait until the agent of the active host has wired each port, which Neutron tells by its status.

    A port that its owner has switched off is never wired.

    :param timeout_s: seconds for all of them together
    :raises StackmoveError: a port isn't ACTIVE by then
    """
    deadline = time.monotonic() + timeout_s
    waiting = list(port_ids)
    while waiting:
        found = {port_id: _port(conn, port_id) for port_id in waiting}
        waiting = [
            port_id
            for port_id, port in found.items()
            if port.get("admin_state_up", True) and port["status"] != "ACTIVE"
        ]
        if not waiting:
            return
        if time.monotonic() >= deadline:
            described = ", ".join(
                f"{port_id} is {found[port_id]['status']} on {found[port_id].get('binding:host_id')}"
                for port_id in waiting
            )
            raise StackmoveError(
                f"wait for {len(waiting)} port(s) to become ACTIVE",
                f"after {timeout_s:g} s, {described}.",
                "Check that the guest runs there, and the Neutron agent of that host.",
            )
        time.sleep(0.5)


def _port(conn: Connection, port_id: str) -> Json:
    port: Json = call(conn, "network", "GET", f"/ports/{port_id}", what=f"read port {port_id}").json()["port"]
    return port
