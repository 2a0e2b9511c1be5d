# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fill the lab's cloud with what servers need, and wait until each host can take one.

Reads ``{"root": …, "image": "/…/guest.qcow2", "gateway": "10.88.0.1/24",
"hosts": {name: {"address": …, "role": …}}}`` from standard input; prints what it made, one line each.
"""

from __future__ import annotations

import ipaddress
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import openstack

READY_SECONDS = 180
# Name, RAM in MiB, root and ephemeral disk in GiB, swap disk in MiB.
FLAVORS = (
    ("m1.nano", 128, 1, 0, 0),
    ("m1.micro", 160, 1, 0, 0),
    ("m1.tiny", 192, 2, 0, 0),
    ("m1.scratch", 128, 1, 1, 64),
)


def wait_for_services(cloud: Any, hosts: dict[str, Any]) -> None:
    """Wait until Nova, Neutron and Cinder themselves say that all their services are up."""
    computes = [name for name, host in hosts.items() if host["role"] == "compute"]
    wanted = {f"nova-compute@{name}" for name in computes}
    wanted |= {f"neutron-linuxbridge-agent@{name}" for name in hosts}
    wanted |= {"nova-scheduler@controller", "nova-conductor@controller", "neutron-dhcp-agent@controller"}
    wanted |= {"nova-conductor@controller-cell1", "nova-conductor@controller-cell2"}
    wanted |= {"cinder-volume@controller@rbd", "cinder-scheduler@controller"}
    deadline = time.monotonic() + READY_SECONDS
    problem = ""
    while time.monotonic() < deadline:
        try:
            state = {f"{s.binary}@{s.host}": s.state for s in cloud.compute.services()}
            state |= {f"{a.binary}@{a.host}": "up" if a.is_alive else "down" for a in cloud.network.agents()}
            state |= {f"{s.binary}@{s.host}": s.state for s in cloud.block_storage.services()}
            missing = sorted(name for name in wanted if state.get(name) != "up")
            if not missing:
                return
            problem = ", ".join(missing)
        except openstack.exceptions.SDKException as error:
            problem = str(error)
        time.sleep(1)
    sys.exit(f"After {READY_SECONDS} s OpenStack still says that these services are not up: {problem}")


def map_hosts(cloud: Any, root: str, hosts: dict[str, Any]) -> list[str]:
    """Have Nova map each compute host to its cell, as an operator does once for new hosts."""
    computes = {name for name, host in hosts.items() if host["role"] == "compute"}
    known = {hypervisor.name for hypervisor in cloud.compute.hypervisors()}
    if computes <= known:
        return []
    ssh = [
        "ssh", "-i", f"{root}/keys/id_ed25519", "-o", f"UserKnownHostsFile={root}/known_hosts", "-o", "LogLevel=ERROR",
        f"root@{hosts['controller']['address']}",
    ]  # fmt: skip
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        subprocess.run([*ssh, "runuser -u nova -- nova-manage cell_v2 discover_hosts"], check=True, capture_output=True)
        known = {hypervisor.name for hypervisor in cloud.compute.hypervisors()}
        if computes <= known:
            return ["hosts mapped into their cells"]
        time.sleep(2)
    sys.exit(f"Nova does not find these hosts: {', '.join(sorted(computes - known))}")


def image(cloud: Any, path: Path) -> list[str]:
    """Upload the guest image; one made by an older script makes way, but stays for the servers booted from it."""
    for old in list(cloud.image.images(name="guest")):
        if old.properties.get("lab_file") == path.name:
            return []
        cloud.image.update_image(old, name="guest (replaced)", is_hidden=True)
    cloud.create_image(
        "guest",
        filename=str(path),
        disk_format="qcow2",
        container_format="bare",
        visibility="public",
        wait=True,
        hw_rng_model="virtio",
        hw_disk_bus="virtio",
        hw_vif_model="virtio",
        hw_qemu_guest_agent="yes",
        lab_file=path.name,
    )
    return ["image guest"]


def networks(cloud: Any, gateway: str) -> list[str]:
    """Make the provider network, reached from this machine, and a tenant network over VXLAN."""
    done: list[str] = []
    interface = ipaddress.ip_interface(gateway)
    net = interface.network
    if not cloud.network.find_network("prov"):
        prov = cloud.network.create_network(
            name="prov", provider_network_type="flat", provider_physical_network="physnet1", is_shared=True
        )
        cloud.network.create_subnet(
            network_id=prov.id,
            name="prov4",
            ip_version=4,
            cidr=str(net),
            gateway_ip=str(interface.ip),
            allocation_pools=[{"start": str(net[50]), "end": str(net[199])}],
        )
        done.append("network prov")
    if not cloud.network.find_network("tenant"):
        tenant = cloud.network.create_network(name="tenant", provider_network_type="vxlan", is_shared=True)
        cloud.network.create_subnet(
            network_id=tenant.id, name="tenant4", ip_version=4, cidr="10.99.0.0/24", gateway_ip=None
        )
        done.append("network tenant")
    return done


def open_security_groups(cloud: Any) -> list[str]:
    """Let ICMP and TCP into the default security group of both projects."""
    done: list[str] = []
    for project in ("admin", "demo"):
        owner = cloud.identity.find_project(project)
        group = next(iter(cloud.network.security_groups(project_id=owner.id, name="default")))
        known = {rule["protocol"] for rule in group.security_group_rules if rule["direction"] == "ingress"}
        for protocol in {"icmp", "tcp"} - known:
            cloud.network.create_security_group_rule(
                security_group_id=group.id, direction="ingress", ethertype="IPv4", protocol=protocol
            )
            done.append(f"{protocol} allowed in project {project}")
    return done


def keypair(cloud: Any, public_key: str) -> list[str]:
    """Make the keypair lab of the cloud's user."""
    if cloud.compute.find_keypair("lab"):
        return []
    cloud.compute.create_keypair(name="lab", public_key=public_key)
    return [f"keypair lab of {cloud.config.name}"]


def main() -> None:
    """Make what is missing."""
    spec = json.load(sys.stdin)
    root = Path(spec["root"])
    cloud = openstack.connect(cloud="stackmove-lab")
    done = image(cloud, Path(spec["image"]))
    if not cloud.block_storage.find_type("rbd"):
        cloud.block_storage.create_type(name="rbd", extra_specs={"volume_backend_name": "rbd"})
        done.append("volume type rbd")
    for name, ram, disk, ephemeral, swap in FLAVORS:
        if not cloud.compute.find_flavor(name):
            cloud.compute.create_flavor(name=name, ram=ram, vcpus=1, disk=disk, ephemeral=ephemeral, swap=swap)
            done.append(f"flavor {name}")
    done += networks(cloud, spec["gateway"])
    done += open_security_groups(cloud)
    public_key = (root / "keys/id_ed25519.pub").read_text()
    for name in ("stackmove-lab", "stackmove-lab-demo"):
        done += keypair(openstack.connect(cloud=name), public_key)
    wait_for_services(cloud, spec["hosts"])
    done += map_hosts(cloud, str(root), spec["hosts"])
    print("\n".join(done))


if __name__ == "__main__":
    main()
