# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Migrate one guest with its disk between two hosts of the lab, by turns with the playbook and with virsh.

Called by ``run``. The guest is pinged every 10 ms meanwhile; the longest time without an answer is its pause as others
see it. libvirt's own figure stands beside it.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from measure import GOAL, LAB, ROOT, Run, measured, medians, pinging, playbook, run, ssh, ssh_command

AGENT = ROOT / "molecule/domain_live_migrate/agent.py"
HOSTS = {"compute12": "10.77.0.12", "compute22": "10.77.0.22"}
NAME = "bench-migration"
DISK = f"/var/lib/libvirt/images/{NAME}.qcow2"
GUEST_IP, OUR_IP = "10.99.7.2", "10.99.7.1"
# The first of three steps of 900 ms is QEMU's default of 300 ms, with which virsh goes through all of it.
SAME = {"domain_live_migrate_downtime_ms": 900, "domain_live_migrate_downtime_steps": 3}
FLAGS = "--live --p2p --persistent --undefinesource --copy-storage-all --migrate-disks vda"
SLOW_MIB = 8

DOMAIN = f"""<domain type='qemu'><name>{NAME}</name><memory unit='MiB'>128</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os><features><acpi/><apic/></features>
<cpu mode='custom' match='exact'><model>qemu64</model></cpu>
<devices><disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none'/><source file='{DISK}'/>
<target dev='vda' bus='virtio'/></disk>
<interface type='bridge'><source bridge='bench0'/><model type='virtio'/></interface>
<serial type='pty'/><channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng><video><model type='none'/></video>
</devices></domain>"""


@contextmanager
def guest() -> Iterator[None]:
    """Have the guest on the first host, and a network between both that nobody else uses."""
    (image,) = (LAB / "images").glob("guest-*.qcow2")
    first, second = HOSTS
    clean()
    try:
        for host, other in ((first, second), (second, first)):
            ssh(
                host,
                "ip link add bench0 type bridge && ip link set bench0 up mtu 1400"
                f" && ip link add bench1 type vxlan id 4711 dstport 4789 remote {HOSTS[other]} local {HOSTS[host]}"
                " && ip link set bench1 master bench0 mtu 1400 up",
            )
        ssh(first, f"ip address add {OUR_IP}/24 dev bench0")
        subprocess.run(["scp", "-q", "-F", str(LAB / "ssh_config"), str(image), f"{first}:{DISK}"], check=True)
        ssh(first, f"virsh define /dev/stdin && virsh start {NAME}", DOMAIN)
        address = f"ip link set eth0 up; ip address add {GUEST_IP}/24 dev eth0"
        ssh(first, f"python3 - {NAME} '{address}'", AGENT.read_text())
        ssh(first, f"ping -c 3 -W 5 {GUEST_IP}")
        yield
    finally:
        clean()


def clean() -> None:
    """Remove all of it."""
    for host in HOSTS:
        for command in (
            f"virsh destroy {NAME}",
            f"virsh undefine {NAME}",
            f"rm -f {DISK}",
            "ip link delete bench1",
            "ip link delete bench0",
        ):
            ssh(host, command, check=False)


def migrated(source: str, destination: str, command: Sequence[str]) -> Run:
    """Run a command that migrates the guest, and measure it; the source's disk makes way for the next."""
    ping = ssh_command(next(iter(HOSTS)), pinging(GUEST_IP))
    found = measured(partial(run, command), destination, NAME, ping)
    ssh(source, f"rm -f {DISK}")
    return found


def ours_command(source: str, destination: str, bandwidth_mib: int = 0) -> list[str]:
    """Return the command of an operator of this collection."""
    hosts = {"source_host": source, "destination_host": destination}
    limit = {"domain_live_migrate_bandwidth_mib": bandwidth_mib}
    return playbook("domain_live_migrate", {"domain": NAME, **hosts, **SAME, **limit})


def virsh_command(source: str, destination: str, bandwidth_mib: int = 0) -> list[str]:
    """Return the command of an operator of virsh; he has made the file before, which is not measured."""
    size = ssh(source, f"virsh domblkinfo {NAME} vda | awk '/Capacity/ {{ print $2 }}'").strip()
    ssh(destination, f"qemu-img create -q -f qcow2 {DISK} {size}")
    uri = f"qemu+ssh://root@{HOSTS[destination]}/system"
    limit = f"--bandwidth {bandwidth_mib}" if bandwidth_mib else ""
    return ssh_command(source, f"virsh migrate {FLAGS} {limit} {NAME} {uri}")


def main() -> None:
    """Print a table; the status is 1 when the goals are missed."""
    first, second = HOSTS
    ours: list[Run] = []
    theirs: list[Run] = []
    with guest():
        for number in range(int(sys.argv[1])):
            ours.append(migrated(first, second, ours_command(first, second)))
            theirs.append(migrated(second, first, virsh_command(second, first)))
            theirs.append(migrated(first, second, virsh_command(first, second)))
            ours.append(migrated(second, first, ours_command(second, first)))
            print(f"round {number + 1}: {ours[-2:]} {theirs[-2:]}", file=sys.stderr)
        slow = migrated(first, second, ours_command(first, second, SLOW_MIB))
        slow_virsh = migrated(second, first, virsh_command(second, first, SLOW_MIB))
    ratios = medians(ours, theirs, ("silence", "pause", "job"), "virsh")
    our, their = (statistics.median(run.total - run.job for run in runs) for runs in (ours, theirs))
    print(f"{'the command beside that':34} {our:10.0f} {their:9.0f}")
    print(f"\none migration at {SLOW_MIB} MiB/s, ms")
    print(f"{'migration (libvirt)':34} {slow.job:10.0f} {slow_virsh.job:9.0f} {slow.job / slow_virsh.job:7.2f}")
    print(f"{'the command beside that':34} {slow.total - slow.job:10.0f} {slow_virsh.total - slow_virsh.job:9.0f}")
    sys.exit(0 if max(ratios["pause"], ratios["job"]) <= GOAL else 1)


if __name__ == "__main__":
    main()
