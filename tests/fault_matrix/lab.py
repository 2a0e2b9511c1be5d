# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab as the fault matrix reaches it: its hosts by ssh, its services, and what is done to them in a fault."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .matrix import Shot
from .steps import ROOT

LAB = Path("/var/lib/stackmove-lab")
CLOUDS = LAB / "clouds.yaml"
CONTROLLER = "controller"
COMPUTES = ("compute11", "compute12", "compute21", "compute22")
INSTANCES = "/var/lib/nova/instances"

# The runs that are disturbed come from an address of their own, so that a host can refuse them and nobody else.
LINK = "stackmove0"
OPERATOR = "10.77.0.2"
REFUSAL = f"INPUT -s {OPERATOR} -p tcp --dport 22 -j REJECT --reject-with tcp-reset"

# The units of a service; libvirtd's are on the hosts.
UNITS = {
    "mariadb": ("mariadb",),
    "neutron": ("neutron-api",),
    "cinder": ("cinder-api",),
    "glance": ("glance-api",),
    "placement": ("placement-api",),
    "nova": ("nova-api",),
    "libvirtd": ("libvirtd.socket", "libvirtd-ro.socket", "libvirtd-admin.socket", "libvirtd.service"),
}
PORTS = {"mariadb": 3306, "neutron": 9696, "cinder": 8776, "glance": 9292, "placement": 8778, "nova": 8774}
READY_S = 90

# The disk that is filled, in memory: small, but with enough whole GiB that Nova offers what a server claims.
DISK = "3g"
FILL = f"{INSTANCES}/filled"

SSH = ("ssh", "-F", str(LAB / "ssh_config"), "-o", "BatchMode=yes", "-o", "ConnectTimeout=10")
WATCH = Path(__file__).parent / "watch.py"


class LabError(Exception):
    """The lab does not do what it is told."""


def ssh(host: str, command: str, source: str = "") -> str:
    """Run a shell command on a host, with a text as its input; raises LabError when it fails."""
    done = subprocess.run([*SSH, host, command], input=source, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"{host}: {command}: {done.stderr.strip()}")
    return done.stdout


def on_computes(command: str) -> dict[str, str]:
    """Run a shell command on every compute host at once."""
    with ThreadPoolExecutor() as pool:
        return dict(zip(COMPUTES, pool.map(lambda host: ssh(host, command), COMPUTES)))


def wait_until(what: str, probe: Callable[[], bool], seconds: float = READY_S) -> None:
    """Ask until it is so; raises LabError when it does not become so."""
    deadline = time.monotonic() + seconds
    while not probe():
        if time.monotonic() > deadline:
            raise LabError(f"{what}: not within {seconds:g} s")
        time.sleep(0.5)


def get_address() -> None:
    """Give this machine the address from which the disturbed runs come."""
    subprocess.run(["ip", "address", "replace", f"{OPERATOR}/24", "dev", LINK], check=True)


def drop_address() -> None:
    """Take it away."""
    subprocess.run(["ip", "address", "delete", f"{OPERATOR}/24", "dev", LINK], check=False)


def environment(work: Path) -> dict[str, str]:
    """What a run is given: the collection, the cloud, and connections of its own from that address."""
    return {
        **os.environ,
        "OS_CLIENT_CONFIG_FILE": str(CLOUDS),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT.parent.parent.parent),
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_SSH_ARGS": f"-o ControlMaster=auto -o ControlPersist=300s -o BindAddress={OPERATOR}",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(work / "cp"),
        "ANSIBLE_TIMEOUT": "10",
    }


# What goes wrong


def fault(shot: Shot, server: str, hosts: dict[str, str], delay_s: float) -> dict[str, Any]:
    """What the callback is told of a shot.

    :param server: uuid
    :param hosts: the host of each place
    :param delay_s: how long a module has worked when it is killed
    """
    host = hosts[shot.step.place]
    if shot.fault == "task_fails_before":
        return {"fails": True}
    if shot.fault == "task_fails_after":
        return {"fails_after": True}
    if shot.fault == "controller_killed":
        return {"signal": signal.SIGKILL, "delay_s": 0}
    if shot.fault == "controller_terminated":
        return {"signal": signal.SIGTERM, "delay_s": 1.0 if shot.step.place != "controller" else 0.5}
    if shot.fault == "module_killed":
        watch = [str(WATCH), shot.step.module, server, "PID", str(delay_s)]
        if shot.step.place == "controller":
            return {"command": [sys.executable, *watch], "until": "watching"}
        # Process ids of this machine mean nothing there.
        remote = f"python3 - {shot.step.module} {server} none {delay_s}"
        return {"command": [*SSH, host, remote], "input": str(WATCH), "until": "watching"}
    command = {
        "host_unreachable": f"iptables -I {REFUSAL}",
        "service_stopped": f"systemctl stop {' '.join(UNITS.get(shot.service, ()))}",
        "disk_full": f"dd if=/dev/zero of={FILL} bs=1M status=none; test -s {FILL}",
    }[shot.fault]
    return {"command": [*SSH, host_of(shot, host), command]}


def host_of(shot: Shot, host: str) -> str:
    """The host on which a shot's command is run, where that of its module is given."""
    return CONTROLLER if shot.fault == "service_stopped" and shot.service != "libvirtd" else host


def prepare(shot: Shot, hosts: dict[str, str]) -> None:
    """What has to be in place before the run that a shot disturbs."""
    if shot.fault == "disk_full":
        host = hosts[shot.step.place]
        options = "mode=0755,uid=$(id -u nova),gid=$(id -g nova)"
        ssh(host, f"mountpoint -q {INSTANCES} || mount -t tmpfs -o size={DISK},{options} tmpfs {INSTANCES}")


def heal(shot: Shot, hosts: dict[str, str]) -> None:
    """Take away what a shot has done, and wait until the lab is whole."""
    host = hosts[shot.step.place]
    if shot.fault == "host_unreachable":
        ssh(host, f"while iptables -D {REFUSAL} 2>/dev/null; do :; done")
    elif shot.fault == "disk_full":
        ssh(host, f"rm -f {FILL}")
    elif shot.service == "libvirtd":
        ssh(host, f"systemctl start {' '.join(UNITS['libvirtd'])} nova-compute")
        wait_until(f"libvirtd of {host}", lambda: answers(host, "virsh list"))
    elif shot.fault == "service_stopped":
        ssh(CONTROLLER, f"systemctl start {' '.join(UNITS[shot.service])}")
        wait_until(shot.service, lambda: listens(PORTS[shot.service]))


def empty(host: str) -> None:
    """Take away the small disk that :func:`prepare` has put in place."""
    ssh(host, f"if mountpoint -q {INSTANCES}; then umount --lazy {INSTANCES}; fi")


def answers(host: str, command: str) -> bool:
    """Whether a command succeeds on a host."""
    return subprocess.run([*SSH, host, command], capture_output=True, check=False).returncode == 0


def listens(port: int) -> bool:
    """Whether the controller takes connections there."""
    try:
        socket.create_connection(("10.77.0.10", port), timeout=2).close()
    except OSError:
        return False
    return True
