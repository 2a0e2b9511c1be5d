# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest's departure from its source host: host, libvirt and the domain's XML together, for one run of a module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ansible_collections.stackmove.nova.plugins.module_utils._host import (
    guest_state,
    instance_dir,
    lock,
    nova_conf,
    params,
    source,
    vifs,
)
from ansible_collections.stackmove.nova.plugins.module_utils._host.volumes import Volumes
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import domain_info, domain_xml
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.guest import Guest

if TYPE_CHECKING:
    import libvirt


class Departure:
    """One run of the module source_guest.

    :param connection: an open connection to libvirt
    :param given: the module's parameters
    """

    def __init__(self, connection: libvirt.virConnect, given: Mapping[str, Any]) -> None:
        self._given = given
        self._guest = guest = Guest(connection, given["server"])
        conf = nova_conf.read(given["nova_conf"])
        self._folder = instance_dir.InstanceDir(instance_dir.path_of(conf.instances_path, given["server"]))
        self._host = source.SourceHost(
            guest,
            self._folder,
            given["migration"],
            Volumes(conf, in_use=lambda path: bool(guest.others_using(path))),
            vifs.Ports(conf),
            formats=lambda xml: domain_info.local_disk_formats(xml, str(self._folder.path)),
            patch=domain_xml.with_volumes,
        )
        self._connections = params.connections(given["volumes"])
        self._ports = params.ports(given["vifs"], given["bindings"])
        self._transfers = params.transfers(given["transfers"])

    def run(self, check_mode: bool) -> dict[str, Any]:
        """Plan, act unless in check mode, and return the module's result.

        :raises StackmoveError: when the host, libvirt, Glance or the storage refuses
        """
        if check_mode:
            return self._run(check_mode)
        with lock.held(self._guest.uuid, self._given["lock_timeout_s"]):
            return self._run(check_mode)

    def _run(self, check_mode: bool) -> dict[str, Any]:
        before, steps = guest_state.describe(self._guest, self._folder), self._plan()
        kept: dict[str, Any] = {}
        if check_mode:
            after = guest_state.predict(before, steps)
        else:
            kept = self._act(steps)
            after = guest_state.describe(self._guest, self._folder)
        return {
            "changed": bool(steps),
            "steps": steps,
            "guest_state": after["guest"],
            "diff": {"before": before, "after": after},
            **kept,
        }

    def _plan(self) -> list[str]:
        server, migration, state = (self._given[key] for key in ("server", "migration", "state"))
        seen = guest_state.look(self._guest, self._folder)
        if state == "released":
            return source.plan_release(seen, server, migration, self._transfers)
        if state == "restored":
            return source.plan_restore(seen, server, migration)
        return source.plan_absent(seen, server, connected=bool(self._connections or self._ports))

    def _act(self, steps: list[str]) -> dict[str, Any]:
        """Do the steps, and return what a later step needs to know of them."""
        given = self._given
        if given["state"] == "released":
            self._host.release(
                steps,
                self._transfers,
                params.image_service(given),
                self._connections,
                self._ports,
                given["shutdown_timeout_s"],
                given["shutdown_retry_interval_s"],
            )
            return self._host.result()
        if given["state"] == "restored":
            self._host.restore(steps, self._connections, self._ports)
        else:
            self._host.remove(steps, self._connections, self._ports)
        return {}
