# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the scenarios do with the lab's cloud, and what they see of it: as its customers and its operator would.

``cloud.py VERB``, where the verb is the name of one of the functions at the end: takes ``{"servers": [...]}`` on
standard input, one description a server, of which most need just the name; prints ``{name: what was found}``.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openstack
from openstack.connection import Connection

Document = dict[str, Any]

# The swap disk follows the root and the ephemeral disk. No guest looks for what it swapped out before it booted; we do.
SWAP_DIGEST = "[ -b /dev/vdc ] && head -c 8388608 /dev/vdc | md5sum"

# Patience on a busy machine, in seconds.
BOOT_S = 180
MOVE_S = 400
CHANGE_S = 120
POLL_S = 0.5


def connect() -> Connection:
    """The operator, in the project of a customer: servers don't belong to the project that moves them."""
    operator = openstack.connect(cloud="stackmove-lab")
    role, project = operator.identity.find_role("admin"), operator.identity.find_project("demo")
    operator.identity.assign_project_role_to_user(project, operator.current_user_id, role)
    cloud = operator.connect_as_project("demo")
    cloud.compute.default_microversion = "2.93"
    return cloud


def wait_until(what: str, seconds: float, probe: Callable[[], Any]) -> Any:
    """Ask until the answer is true; a cloud that gives up at once, or too late, ends the scenario."""
    deadline = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > deadline:
            sys.exit(f"{what}: not within {seconds} s")
        time.sleep(POLL_S)


def exactly(name: str) -> str:
    """A name as Nova wants it: it takes it for a regular expression of its database."""
    return f"^{re.escape(name)}$"


def find(cloud: Connection, name: str) -> Any:
    """The server of that name, whichever project it is in."""
    found = list(cloud.compute.servers(all_projects=True, name=exactly(name)))
    if len(found) != 1:
        sys.exit(f"{len(found)} servers are called {name}")
    return found[0]


def wait_for_status(cloud: Connection, server: Any, status: str) -> None:
    """Wait for a status; a server in error says why."""

    def reached() -> bool:
        now = cloud.compute.get_server(server)
        if now.status == "ERROR" and status != "ERROR":
            sys.exit(f"{now.name} is in error: {now.fault}")
        return bool(now.status == status and not now.task_state)

    wait_until(f"{server.name} {status}", BOOT_S, reached)


# What a guest says of itself


def address(server: Any) -> str:
    """The address by which this machine reaches the guest."""
    return str(server.addresses["prov"][0]["addr"])


def run(ip: str, command: str) -> str | None:
    """Run a command in the guest; None when it does not answer."""
    url = f"http://{ip}/cgi-bin/x?{urllib.parse.quote(command)}"
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return str(answer.read().decode())
    except OSError:
        return None


def sequence(text: str) -> Document:
    """What a guest has written, a line each with number, uptime and boot: is one missing, and in how many boots?"""
    lines = [line.split() for line in text.splitlines()]
    whole = [line for line in lines if len(line) == 3]
    numbers = [int(number) for number, _uptime, _boot in whole]
    return {
        "text": text,
        "last": numbers[-1] if numbers else 0,
        "complete": bool(numbers) and numbers == list(range(1, len(numbers) + 1)) and len(whole) == len(lines),
        "boots": len({boot for _number, _uptime, boot in whole}),
    }


def neighbours(cloud: Connection, server: Any) -> list[str]:
    """The DHCP servers of the server's networks: what a guest reaches even of a network that this machine does not."""
    networks = {port.network_id for port in cloud.network.ports(device_id=server.id)}
    servers = [port for port in cloud.network.ports(device_owner="network:dhcp") if port.network_id in networks]
    return sorted(port.fixed_ips[0]["ip_address"] for port in servers)


def ping(ip: str, to: str) -> Callable[[], bool]:
    """Have a guest try once to reach an address."""
    return lambda: run(ip, f"ping -c 1 -W 3 {to} >/dev/null && echo yes") == "yes\n"


def guest(cloud: Connection, wanted: Document) -> Document:
    """Wait for the guest, and read what it has written."""
    server = find(cloud, wanted["name"])
    ip = address(server)
    boots = wait_until(f"guest {server.name} at {ip} answers", BOOT_S, lambda: run(ip, "cat /data/boots"))
    first = sequence(run(ip, "cat /data/seq") or "")
    wait_until(
        f"guest {server.name} writes on",
        CHANGE_S,
        lambda: sequence(run(ip, "cat /data/seq") or "")["last"] > first["last"],
    )
    return {
        "address": ip,
        "boots": int(boots),
        "root": sequence(run(ip, "cat /data/seq") or ""),
        "volume": sequence(run(ip, "cat /vol/seq") or ""),
        "addresses": sorted((run(ip, "cat /run/ip.*") or "").split()),
        "reaches": [
            to for to in neighbours(cloud, server) if wait_until(f"{server.name} reaches {to}", CHANGE_S, ping(ip, to))
        ],
        "disk_bytes": int(run(ip, "cat /sys/block/vda/size") or 0) * 512,
        "swap": run(ip, SWAP_DIGEST),
    }


# The verbs


def create(cloud: Connection, wanted: Document) -> Document:
    """Boot a server, give it its volumes, and wait until its guest writes to all disks, unless ``guest`` is false."""
    image = cloud.image.find_image("guest")
    flavor = cloud.compute.find_flavor(wanted.get("flavor", "m1.nano"))
    boot: Document = {"image_id": image.id}
    if wanted.get("boot_from_volume"):
        disk = {"source_type": "image", "uuid": image.id, "destination_type": "volume", "volume_size": 1}
        boot = {"block_device_mapping": [{**disk, "boot_index": 0, "delete_on_termination": True}]}
    networks = [{"uuid": cloud.network.find_network(name).id} for name in wanted.get("networks", ["prov"])]
    server = cloud.compute.create_server(
        name=wanted["name"],
        flavor_id=flavor.id,
        networks=networks,
        host=wanted["host"],
        **boot,
        **wanted.get("with", {}),
    )
    wait_for_status(cloud, server, "ACTIVE")
    server = cloud.compute.get_server(server)
    ip = address(server)
    extra: Document = {}
    if wanted.get("guest", True):
        wait_until(f"guest {server.name} at {ip} answers", BOOT_S, lambda: run(ip, "cat /data/seq"))
    if wanted.get("volume"):
        attach_new_volume(cloud, server)
        wait_until(f"guest {server.name} writes to its volume", CHANGE_S, lambda: run(ip, "cat /vol/seq 2>/dev/null"))
    if wanted.get("scratch"):
        run(ip, "mke2fs /dev/vdb; dd if=/dev/urandom of=/dev/vdc bs=1M seek=1 count=7; sync")
        wait_until(f"guest {server.name} writes to its ephemeral disk", CHANGE_S, lambda: run(ip, "cat /vol/seq"))
        extra = {"swap": run(ip, SWAP_DIGEST)}
    if wanted.get("stopped"):
        cloud.compute.stop_server(server)
        wait_for_status(cloud, server, "SHUTOFF")
        # Neutron hears a little later that their interfaces are gone.
        wait_until(
            f"the ports of {server.name} are down",
            CHANGE_S,
            lambda: {port.status for port in cloud.network.ports(device_id=server.id)} == {"DOWN"},
        )
    if wanted.get("locked"):
        cloud.compute.lock_server(server)
    return {**look(cloud, wanted), **extra}


def attach_new_volume(cloud: Connection, server: Any) -> None:
    """Attach a volume with an empty file system, on which the guest begins to write."""
    volume = cloud.create_volume(size=1, name=server.name, image=formatted(cloud).id, wait=True)
    cloud.compute.create_volume_attachment(server, volume_id=volume.id)
    wait_until(f"{server.name} has {volume.id}", CHANGE_S, lambda: cloud.get_volume(volume.id).status == "in-use")


def formatted(cloud: Connection) -> Any:
    """An image of an empty file system, on which the guest begins to write as soon as it is plugged in."""
    name = "mol-formatted"
    with FORMATTING:
        found = cloud.image.find_image(name)
        if found:
            return found
        with tempfile.TemporaryDirectory() as folder:
            disk = Path(folder, "disk")
            with disk.open("wb") as file:
                file.truncate(32 * 1024**2)
            subprocess.run(["/sbin/mkfs.ext4", "-q", disk], check=True)
            return cloud.create_image(name, filename=str(disk), disk_format="raw", container_format="bare", wait=True)


FORMATTING = threading.Lock()


def look(cloud: Connection, wanted: Document) -> Document:
    """A server as the APIs show it to the operator."""
    server = cloud.compute.get_server(find(cloud, wanted["name"]))
    ports = list(cloud.network.ports(device_id=server.id))
    volumes = [entry.volume_id for entry in cloud.compute.volume_attachments(server)]
    attachments = {
        volume: sorted(entry.status for entry in cloud.block_storage.attachments(all_tenants=True, volume_id=volume))
        for volume in volumes
    }
    moves = list(
        cloud.compute.get(f"/os-migrations?instance_uuid={server.id}", microversion="2.80").json()["migrations"]
    )
    return {
        "id": server.id,
        "name": server.name,
        "status": server.status,
        "task_state": server.task_state,
        "power_state": server.power_state,
        "host": server.compute_host,
        "flavor": server.flavor["original_name"],
        "address": address(server),
        "addresses": sorted(entry["addr"] for network in server.addresses.values() for entry in network),
        "description": server.description,
        "metadata": server.metadata,
        "tags": sorted(server.tags or []),
        "key_name": server.key_name,
        "has_config_drive": bool(server.has_config_drive),
        "volumes": sorted(volumes),
        "ports": {
            port.id: {
                "status": port.status,
                "bindings": {
                    entry["host"]: entry["status"]
                    for entry in cloud.network.get(f"/ports/{port.id}/bindings").json()["bindings"]
                },
            }
            for port in ports
        },
        "attachments": attachments,
        "allocations": allocations(cloud, server.id),
        "migrations": [
            {
                "uuid": move["uuid"],
                "status": move["status"],
                "type": move["migration_type"],
                "allocations": allocations(cloud, move["uuid"]),
            }
            for move in moves
        ],
        "images": [
            image.name
            for image in cloud.image.images()
            if server.id in (image.properties.get("instance_uuid"), image.instance_uuid)
        ],
        "actions": [action.action for action in cloud.compute.server_actions(server)],
    }


def allocations(cloud: Connection, consumer: str) -> list[str]:
    """Names of the providers of which a consumer has claimed something."""
    held = cloud.placement.get(f"/allocations/{consumer}", microversion="1.28").json()["allocations"]
    return sorted(cloud.placement.get(f"/resource_providers/{uuid}").json()["name"] for uuid in held)


def exercise(cloud: Connection, wanted: Document) -> Document:
    """Have Nova stop, start and hard reboot the server, as it could before the move."""
    server = find(cloud, wanted["name"])
    ip = address(server)
    boots = int(wait_until(f"guest at {ip}", BOOT_S, lambda: run(ip, "cat /data/boots")))
    cloud.compute.stop_server(server)
    wait_for_status(cloud, server, "SHUTOFF")
    cloud.compute.start_server(server)
    wait_for_status(cloud, server, "ACTIVE")
    wait_until(f"{server.name} started", BOOT_S, lambda: run(ip, "cat /data/boots") == f"{boots + 1}\n")
    return reboot(cloud, wanted)


def reboot(cloud: Connection, wanted: Document) -> Document:
    """Have Nova reboot the server hard: it makes the domain anew, and connects volumes and ports again."""
    server = find(cloud, wanted["name"])
    ip = address(server)
    boots = int(wait_until(f"guest at {ip}", BOOT_S, lambda: run(ip, "cat /data/boots")))
    cloud.compute.reboot_server(server, "HARD")
    wait_until(f"{server.name} rebooted", BOOT_S, lambda: run(ip, "cat /data/boots") == f"{boots + 1}\n")
    wait_for_status(cloud, server, "ACTIVE")
    return guest(cloud, wanted)


def start(cloud: Connection, wanted: Document) -> Document:
    """Have Nova start the server."""
    server = find(cloud, wanted["name"])
    cloud.compute.start_server(server)
    wait_for_status(cloud, server, "ACTIVE")
    return guest(cloud, wanted)


def migrate(cloud: Connection, wanted: Document) -> Document:
    """Have Nova move the server to another host."""
    server = find(cloud, wanted["name"])
    cloud.compute.migrate_server(server, host=wanted["to"])
    wait_for_status(cloud, server, "VERIFY_RESIZE")
    return look(cloud, wanted)


def begin_to_migrate(cloud: Connection, wanted: Document) -> Document:
    """Have Nova move the server to another host, and don't wait for it."""
    cloud.compute.migrate_server(find(cloud, wanted["name"]), host=wanted["to"])
    return {}


def confirm(cloud: Connection, wanted: Document) -> Document:
    """Have Nova confirm the move."""
    server = find(cloud, wanted["name"])
    cloud.compute.confirm_server_resize(server)
    wait_for_status(cloud, server, "SHUTOFF" if wanted.get("stopped") else "ACTIVE")
    return {}


def revert(cloud: Connection, wanted: Document) -> Document:
    """Have Nova take the move back."""
    server = find(cloud, wanted["name"])
    cloud.compute.revert_server_resize(server)
    wait_for_status(cloud, server, "SHUTOFF" if wanted.get("stopped") else "ACTIVE")
    return {}


def exchange_volume(cloud: Connection, wanted: Document) -> Document:
    """Detach the server's volume and attach a new one, as its owner may while the move waits to be confirmed."""
    server = find(cloud, wanted["name"])
    ip = address(server)
    (old,) = (entry.volume_id for entry in cloud.compute.volume_attachments(server))
    wait_until(f"{server.name} unmounts {old}", CHANGE_S, lambda: run(ip, "umount /vol && echo yes") == "yes\n")
    cloud.compute.delete_volume_attachment(server, old)
    wait_until(f"{server.name} lets go of {old}", CHANGE_S, lambda: not list(cloud.compute.volume_attachments(server)))
    attach_new_volume(cloud, server)
    return look(cloud, wanted)


def disturb(cloud: Connection, wanted: Document) -> Document:
    """In each state of the server's migration, ask what its owner may of an idle server, then run ``restart``."""
    server = find(cloud, wanted["name"])
    larger = cloud.compute.find_flavor("m1.tiny").id
    wishes: dict[str, Document] = {"os-stop": {}, "reboot": {"type": "HARD"}, "resize": {"flavorRef": larger}}
    answers: dict[str, dict[str, int]] = {}
    restarts = []

    def moved() -> bool:
        moves = cloud.compute.get(f"/os-migrations?instance_uuid={server.id}", microversion="2.80").json()["migrations"]
        status = moves[0]["status"] if moves else ""
        if status.endswith("migrating") and status not in answers:
            answers[status] = {
                verb: cloud.compute.post(f"/servers/{server.id}/action", json={verb: details}).status_code
                for verb, details in wishes.items()
            }
            restarts.append(subprocess.Popen(wanted["restart"], stdout=subprocess.DEVNULL))
        return status not in ("", *answers)

    wait_until(f"{server.name} is moved", MOVE_S, moved)
    return {"answers": answers, "restarted": [restart.wait() for restart in restarts]}


def rename(cloud: Connection, wanted: Document) -> Document:
    """Give the server another name."""
    cloud.compute.update_server(find(cloud, wanted["name"]), name=wanted["to"])
    return {}


def force_down(cloud: Connection, wanted: Document) -> Document:
    """Have Nova believe, or no longer believe, that nova-compute of the host ``name`` is down."""
    (service,) = cloud.compute.services(binary="nova-compute", host=wanted["name"])
    cloud.compute.update_service_forced_down(service, forced=wanted["down"])
    return {}


def delete(cloud: Connection, wanted: Document) -> Document:
    """Delete the server and its volumes, if they are there, and wait until they are gone."""

    def servers() -> list[Any]:
        return list(cloud.compute.servers(all_projects=True, name=exactly(wanted["name"])))

    def volumes() -> list[Any]:
        return list(cloud.block_storage.volumes(all_projects=True, name=wanted["name"]))

    for server in servers():
        cloud.compute.delete_server(server)
    wait_until(f"{wanted['name']} is deleted", CHANGE_S, lambda: not servers())
    # A server that was deleted between its cells leaves reservations behind.
    for volume in volumes():
        for attachment in cloud.block_storage.attachments(all_tenants=True, volume_id=volume.id):
            if attachment.status == "reserved":
                cloud.block_storage.delete_attachment(attachment)
    wait_until("volumes are free", CHANGE_S, lambda: {volume.status for volume in volumes()} <= {"available", "error"})
    for volume in volumes():
        cloud.block_storage.delete_volume(volume)
    return {}


def main() -> None:
    """Do it for all servers at once."""
    verb: Callable[[Connection, Document], Document] = globals()[sys.argv[1]]
    servers = json.load(sys.stdin)["servers"]
    cloud = connect()
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda wanted: verb(cloud, wanted), servers)
        print(json.dumps({wanted["name"]: result for wanted, result in zip(servers, found)}))


if __name__ == "__main__":
    main()
