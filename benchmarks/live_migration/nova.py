# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Migrate one server with its disk between two hosts of a cell of the lab, by turns with the playbook and with Nova.

Called by ``run``. The guest is pinged every 10 ms meanwhile; the longest time without an answer is its pause as others
see it. libvirt's own figure stands beside it. Either way Nova's settings hold: the playbook takes them from nova.conf.
"""

from __future__ import annotations

import os
import sys
import time
from functools import partial
from typing import Any

import openstack
from measure import GOAL, LAB, Run, measured, medians, pinging, playbook, run, ssh, ssh_command

HOSTS = ("compute11", "compute12")
NETWORK = "prov"
NAME = "bench-live"
PATIENCE_S = 180
POLL_S = 0.2

os.environ["OS_CLIENT_CONFIG_FILE"] = str(LAB / "clouds.yaml")


def make(cloud: Any) -> Any:
    """Have a new server on the first host, and wait until its guest answers."""
    remove(cloud)
    compute = cloud.compute
    server = compute.create_server(
        name=NAME,
        image_id=cloud.image.find_image("guest").id,
        flavor_id=compute.find_flavor("m1.nano").id,
        networks=[{"uuid": cloud.network.find_network(NETWORK).id}],
        host=HOSTS[0],
    )
    server = compute.wait_for_server(server, wait=PATIENCE_S)
    ssh("controller", beside(cloud, f"ping -c 1 -w {PATIENCE_S} {address(server)}"))
    return server


def remove(cloud: Any) -> None:
    """Delete the server, if it is there."""
    for server in cloud.compute.servers(name=f"^{NAME}$"):
        cloud.compute.delete_server(server)
        cloud.compute.wait_for_delete(server, wait=PATIENCE_S)


def address(server: Any) -> str:
    """The guest's address."""
    return str(server.addresses[NETWORK][0]["addr"])


def beside(cloud: Any, command: str) -> str:
    """A command of the controller, run where the DHCP server of the guest's network is."""
    return f"exec ip netns exec qdhcp-{cloud.network.find_network(NETWORK).id} sh -c '{command}'"


def migrate_by_nova(cloud: Any, server: Any, destination: str) -> None:
    """Have Nova migrate it, and wait for the end; raises RuntimeError when that is not what was asked for."""
    cloud.compute.live_migrate_server(server, host=destination, block_migration="auto")
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        time.sleep(POLL_S)
        now = cloud.compute.get_server(server)
        if now.status == "ACTIVE" and now.compute_host == destination and not now.task_state:
            return
        if now.status == "ERROR":
            break
    raise RuntimeError(f"Nova has not migrated {server.id} to {destination}: it is {now.status} on {now.compute_host}")


def main() -> None:
    """Print a table; the status is 1 when the goals are missed."""
    cloud = openstack.connect(cloud="stackmove-lab")
    cloud.compute.default_microversion = "2.74"
    ours: list[Run] = []
    theirs: list[Run] = []
    failures = 0
    server = make(cloud)
    try:
        for number in range(2 * int(sys.argv[1])):
            # Each goes there and back, and then the other: both meet the same noise.
            ours_next = number % 2 == 0
            for destination in reversed(HOSTS):
                ping = ssh_command("controller", beside(cloud, pinging(address(server))))
                if ours_next:
                    command = playbook("live_migrate", {"server": server.id, "destination_host": destination})
                    ours.append(measured(partial(run, command), destination, server.instance_name, ping))
                    continue
                try:
                    migrate = partial(migrate_by_nova, cloud, server, destination)
                    theirs.append(measured(migrate, destination, server.instance_name, ping))
                except RuntimeError as failure:
                    print(failure, file=sys.stderr)
                    failures += 1
                    server = make(cloud)
                    break
            print(f"{'playbook' if ours_next else 'Nova'}: {(ours if ours_next else theirs)[-2:]}", file=sys.stderr)
    finally:
        remove(cloud)
    ratios = medians(ours, theirs, ("silence", "pause", "job", "total"), "Nova")
    print(f"\n{failures} of {len(theirs) + failures} migrations by Nova failed.")
    sys.exit(0 if max(ratios["pause"], ratios["job"]) <= GOAL else 1)


if __name__ == "__main__":
    main()
