# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest's arrival at its destination host: host, libvirt and the domain's XML together, for one run of a module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ansible_collections.stackmove.nova.plugins.module_utils._host import (
    console_ports,
    destination,
    guest_state,
    lock,
    nova_conf,
    params,
)
from ansible_collections.stackmove.nova.plugins.module_utils._host.volumes import Volumes
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import capabilities, domain_info, domain_xml
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.guest import Guest

if TYPE_CHECKING:
    import libvirt


class Arrival:
    """One run of the module destination_guest.

    :param connection: an open connection to libvirt
    :param given: the module's parameters
    """

    def __init__(self, connection: libvirt.virConnect, given: Mapping[str, Any]) -> None:
        self._connection = connection
        self._given = given
        self._guest = guest = Guest(connection, given["server"])
        self._conf = nova_conf.read(given["nova_conf"])
        volumes = Volumes(self._conf, in_use=lambda path: bool(guest.others_using(path)))
        self._host = destination.DestinationHost(guest, self._conf, given["migration"], volumes)
        self._connections = params.connections(given["volumes"])
        self._ports = params.ports(given["vifs"], given["bindings"])
        self._transfers = params.transfers(given["transfers"])
        self._images = params.image_service(given)
        self._disks = [destination.EmptyDisk(**disk) for disk in given["disks"]]
        self._base = destination.BaseImage(**given["base_image"]) if given["base_image"] else None

    def run(self, check_mode: bool) -> dict[str, Any]:
        """Plan, act unless in check mode, and return the module's result.

        :raises StackmoveError: when the host, libvirt, Glance or the storage refuses
        """
        if check_mode:
            return self._run(check_mode)
        with lock.held(self._guest.uuid, self._given["lock_timeout_s"]):
            return self._run(check_mode)

    def _run(self, check_mode: bool) -> dict[str, Any]:
        before, steps = guest_state.describe(self._guest, self._host.folder), self._plan()
        if check_mode:
            after = guest_state.predict(before, steps)
        else:
            self._act(steps)
            after = guest_state.describe(self._guest, self._host.folder)
        name = self._guest.name() if self._guest.exists() else None
        connected = self._host.connected(self._connections)
        nova = self._conf.summary()
        return {
            "changed": bool(steps),
            "steps": steps,
            "domain": {"uuid": self._guest.uuid, "name": name, "state": after["guest"]},
            "diff": {"before": before, "after": after},
            "volumes": [{**volume, "connection_info": info} for volume, info in zip(self._given["volumes"], connected)],
            "serial_ports": console_ports.free_ports(
                nova["serial_console_address"], nova["serial_console_port_range"], self._given["tcp_consoles"]
            ),
            **self._host.result(),
        }

    def _plan(self) -> list[str]:
        server, migration, state = (self._given[key] for key in ("server", "migration", "state"))
        seen = self._host.observe(self._base)
        if state == "staged":
            return destination.plan_stage(seen, server, migration)
        if state == "awaited":
            return destination.plan_await(seen, server, migration, self._disks, self._host.untouched())
        if state == "absent":
            return destination.plan_give_up(seen, server, migration, self._given["adopt"])
        if state == "settled":
            return destination.plan_settle(seen, server, migration)
        run = state == "running"
        if not self._given["adopt"]:
            return destination.plan_take(seen, server, migration, self._transfers, run)
        wanted = domain_info.local_disk_formats(self._given["domain_xml"], self._given["source_path"])
        return destination.plan_return(seen, server, migration, wanted, self._host.folder.disk_names(), run)

    def _act(self, steps: list[str]) -> None:
        state = self._given["state"]
        if state in {"running", "stopped"}:
            self._take(steps)
        elif state == "staged":
            self._host.stage(steps, self._base, self._images)
        elif state == "awaited" and steps:
            self._expect(steps)
        elif state == "absent":
            self._host.give_up(steps, self._connections, self._ports)
        elif steps:
            self._host.settle()

    def _expect(self, steps: list[str]) -> None:
        self._host.stage(steps, self._base, self._images)
        self._host.prepare(steps, self._disks, self._base)
        if "connect" in steps:
            self._host.connect(self._connections, self._ports, self._given["domain_name"])
        self._host.expect()

    def _take(self, steps: list[str]) -> None:
        given = self._given
        self._host.stage(steps, self._base, self._images)
        if "note" in steps:
            self._host.note_return()
        root_gb = int(given["flavor"].get("root_gb") or 0)
        self._host.take(steps, self._transfers, self._images, self._base, root_gb)
        if "define" in steps:
            formats = self._formats()
            volumes = self._host.connect(self._connections, self._ports, given["domain_name"])
            self._host.define(*domain_xml.for_destination(given["domain_xml"], self._target(volumes, formats)))
        if "start" in steps:
            self._host.start()

    def _formats(self) -> dict[str, str]:
        """Return disk name → format of the local disks, each of which can be read."""
        if not self._given["adopt"]:
            return {item.disk: item.disk_format for item in self._transfers}
        folder = self._host.folder
        kept = folder.kept_xml.read_text("utf-8") if folder.kept_xml.is_file() else None
        # Nova's own record first. It has none of the config drive, which is raw always.
        known = {
            "disk.config": "raw",
            **(domain_info.local_disk_formats(kept, str(folder.path)) if kept else {}),
            **folder.formats(),
        }
        return {name: folder.inspect(name, known).format for name in sorted(folder.disk_names())}

    def _target(self, volumes: list[dict[str, Any]], formats: Mapping[str, str]) -> domain_xml.Target:
        """Return what this host decides of the domain."""
        nova, given = self._conf.summary(), self._given
        hypervisor = capabilities.describe(self._connection)
        consoles = domain_xml.tcp_consoles(given["domain_xml"]) if nova["serial_console_enabled"] else 0
        address = nova["serial_console_address"]
        return domain_xml.Target(
            name=given["domain_name"],
            source_path=given["source_path"],
            path=str(self._host.folder.path),
            flavor=domain_xml.flavor(given["flavor"]),
            interfaces=[port.interface() for port in self._ports],
            volumes=volumes,
            disk_formats=formats,
            listen={"vnc": nova["vnc_server_listen"], "spice": nova["spice_server_listen"]},
            machine_types=hypervisor["machine_types"],
            emulators=hypervisor["emulators"],
            cpu_shared_set=nova["cpu_shared_set"],
            virt_type=nova["virt_type"],
            rbd_user=nova["rbd_user"],
            rbd_secret_uuid=nova["rbd_secret_uuid"],
            serial_address=address,
            serial_ports=console_ports.free_ports(address, nova["serial_console_port_range"], consoles),
        )
