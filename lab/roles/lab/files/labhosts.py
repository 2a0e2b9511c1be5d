# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start and stop the lab's hosts: systemd-nspawn machines over overlays of one root file system.

``labhosts.py mount|start|restart|stop`` reads the lab's description as JSON from standard input::

    {"root": "/var/lib/stackmove-lab", "namespace": "stackmove-lab", "hosts": {"compute11": "10.77.0.11"},
     "operator": {"management": "10.77.0.1/24", "provider": "10.88.0.1/24"},
     "only": ["compute11"], "purge": false}

and prints what it changed, one line each. Standard library only: it runs on a bare Debian machine.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

STOP_SECONDS = 60
BRIDGES = {"management": "br-mgmt", "provider": "br-prov"}


def run(*command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command and give its output; failure shows the command's own words."""
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    if check and result.returncode:
        sys.exit(f"{' '.join(command)}: {result.stderr.strip() or result.stdout.strip()}")
    return result


def ip(namespace: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run ip(8) in a network namespace."""
    return run("ip", "-n", namespace, *arguments, check=check)


def netns_exists(name: str) -> bool:
    """Tell whether a named network namespace is usable (its bind mount dies with a reboot)."""
    path = Path("/run/netns") / name
    return path.exists() and run("ip", "netns", "exec", name, "true", check=False).returncode == 0


class Lab:
    """The machine's side of the lab."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.root = Path(spec["root"])
        self.namespace: str = spec["namespace"]
        self.addresses: dict[str, str] = spec["hosts"]
        self.operator: dict[str, str] = spec.get("operator", {})
        self.names: list[str] = spec.get("only") or list(self.addresses)
        self.purge: bool = spec.get("purge", False)

    def directory(self, host: str) -> Path:
        """Give the host's state directory."""
        return self.root / "hosts" / host

    def netns(self, host: str) -> str:
        """Give the name of the host's network namespace."""
        return f"{self.namespace}-{host}"

    def pid(self, host: str) -> int | None:
        """Give the pid of the host's systemd-nspawn, or None when it doesn't run.

        A pid alone may belong to something else after a reboot, so its command line is looked at.
        """
        try:
            pid = int((self.directory(host) / "pid").read_text())
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if f"--machine={host}".encode() in arguments else None

    # network

    def fabric_up(self) -> list[str]:
        """Make the lab's switch: one namespace with a management and a provider bridge."""
        done: list[str] = []
        if not netns_exists(self.namespace):
            run("ip", "netns", "delete", self.namespace, check=False)
            run("ip", "netns", "add", self.namespace)
            ip(self.namespace, "link", "set", "lo", "up")
            for bridge in BRIDGES.values():
                ip(self.namespace, "link", "add", bridge, "type", "bridge", "forward_delay", "0")
                ip(self.namespace, "link", "set", bridge, "up")
            # Frames between hosts are none of this namespace's iptables' business
            switch = "net.bridge.bridge-nf-call-iptables=0"
            run("ip", "netns", "exec", self.namespace, "sysctl", "-qw", switch, check=False)
            done.append("network fabric made")
        for number, (kind, address) in enumerate(self.operator.items()):
            link = f"stackmove{number}"
            if run("ip", "link", "show", link, check=False).returncode == 0:
                continue
            run("ip", "link", "add", link, "type", "veth", "peer", "name", link, "netns", self.namespace)
            ip(self.namespace, "link", "set", link, "master", BRIDGES[kind], "up")
            run("ip", "address", "add", address, "dev", link)
            run("ip", "link", "set", link, "up")
            done.append(f"this machine has {address} on {link}")
        return done

    def network_up(self, host: str) -> list[str]:
        """Give the host its namespace with eth0 (management) and eth1 (provider, no address)."""
        name = self.netns(host)
        connected = ip(self.namespace, "link", "show", f"m-{host}", check=False).returncode == 0
        if connected and netns_exists(name):
            return []
        run("ip", "netns", "delete", name, check=False)
        run("ip", "netns", "add", name)
        ip(name, "link", "set", "lo", "up")
        for port, (prefix, bridge) in enumerate((("m", "br-mgmt"), ("p", "br-prov"))):
            peer = f"{prefix}-{host}"
            ip(self.namespace, "link", "delete", peer, check=False)
            other_end = ("peer", "name", f"eth{port}", "netns", name)
            ip(self.namespace, "link", "add", peer, "type", "veth", *other_end)
            ip(self.namespace, "link", "set", peer, "master", bridge, "up")
            ip(name, "link", "set", f"eth{port}", "up")
        ip(name, "address", "add", f"{self.addresses[host]}/24", "dev", "eth0")
        gateway = self.operator.get("management", "").partition("/")[0]
        if gateway:
            ip(name, "route", "add", "default", "via", gateway)
        return [f"{host}: network made"]

    # file system

    def mount(self, host: str) -> list[str]:
        """Mount the host's overlay, with an identity that it keeps for life."""
        directory = self.directory(host)
        for part in ("upper", "work", "merged"):
            (directory / part).mkdir(parents=True, exist_ok=True)
        identity = directory / "uuid"
        if not identity.exists():
            identity.write_text(f"{uuid.uuid4()}\n")
        key = directory / "ssh_host_ed25519_key"
        if not key.exists():
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", host, "-f", str(key))
        if os.path.ismount(directory / "merged"):
            return []
        layers = f"lowerdir={self.root}/rootfs,upperdir={directory}/upper,workdir={directory}/work"
        options = f"{layers},index=off,metacopy=off"
        run("mount", "-t", "overlay", "-o", options, f"stackmove-lab-{host}", str(directory / "merged"))
        return [f"{host}: file system mounted"]

    # processes

    def start(self, host: str) -> list[str]:
        """Boot the host if it doesn't run; its systemd-nspawn outlives this process."""
        if self.pid(host):
            return []
        directory = self.directory(host)
        command = [
            "systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit",
            f"--machine={host}", f"--hostname={host}", f"--directory={directory}/merged",
            f"--network-namespace-path=/run/netns/{self.netns(host)}",
            "--resolv-conf=off", "--timezone=off", "--link-journal=no", "--capability=all",
            "--console=read-only", "--kill-signal=SIGRTMIN+3", "--bind=/dev/net/tun", "--bind=/dev/fuse",
            # /dev/kvm is kept out on purpose: it opens here, but guests crash under nested virtualisation.
            # Status messages on a console that nobody reads would block systemd once its buffer is full.
            "systemd.show_status=false",
        ]  # fmt: skip
        # The shell moves into the host's cgroups before it becomes systemd-nspawn
        enter = 'for group in $LAB_CGROUPS; do echo $$ >"$group/cgroup.procs"; done; exec "$@"'
        with (directory / "console.log").open("wb") as console:
            process = subprocess.Popen(
                ["/bin/sh", "-c", enter, "sh", *command],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={
                    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                    "LAB_CGROUPS": " ".join(own_cgroups(f"{self.namespace}/{host}")),
                    # Else nspawn keeps /proc/sys/net read-only; the L2 agent sets bridge and IPv6 switches
                    "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",
                },
                start_new_session=True,
            )
        (directory / "pid").write_text(f"{process.pid}\n")
        return [f"{host}: started"]

    def power_off(self, host: str) -> list[str]:
        """Power the host off cleanly, by force after STOP_SECONDS."""
        done: list[str] = []
        directory = self.directory(host)
        pid = self.pid(host)
        if pid:
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + STOP_SECONDS
            while self.pid(host) and time.monotonic() < deadline:
                time.sleep(0.1)
            if self.pid(host):
                init = run("pgrep", "-P", str(pid), check=False).stdout.split()
                for victim in (*init, str(pid)):
                    os.kill(int(victim), signal.SIGKILL)
                done.append(f"{host}: had to be killed after {STOP_SECONDS} s")
            done.append(f"{host}: stopped")
        (directory / "pid").unlink(missing_ok=True)
        return done

    def stop(self, host: str) -> list[str]:
        """Power the host off and take its mounts and network away."""
        directory = self.directory(host)
        done = self.power_off(host)
        merged = directory / "merged"
        if os.path.ismount(merged):
            if run("umount", str(merged), check=False).returncode:
                run("umount", "--lazy", str(merged))
            done.append(f"{host}: file system unmounted")
        if (Path("/run/netns") / self.netns(host)).exists():
            run("ip", "netns", "delete", self.netns(host))
            done.append(f"{host}: network removed")
        if self.purge and directory.exists():
            shutil.rmtree(directory)
            done.append(f"{host}: state deleted")
        return done

    def fabric_down(self) -> list[str]:
        """Remove the lab's switch and this machine's legs in it."""
        done: list[str] = []
        for number in range(len(BRIDGES)):
            if run("ip", "link", "delete", f"stackmove{number}", check=False).returncode == 0:
                done.append(f"stackmove{number} removed")
        if (Path("/run/netns") / self.namespace).exists():
            run("ip", "netns", "delete", self.namespace)
            done.append("network fabric removed")
        return done


def own_cgroups(name: str) -> list[str]:
    """Make a cgroup of this name in the unified and the systemd hierarchy.

    Each host's systemd believes that it owns the cgroup it starts in: two hosts must not share one.
    """
    groups: list[str] = []
    for line in Path("/proc/mounts").read_text().splitlines():
        _source, where, kind, options, *_rest = line.split()
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options.split(",")):
            group = Path(where) / name
            group.mkdir(parents=True, exist_ok=True)
            groups.append(str(group))
    return groups


def in_parallel(action: Callable[[str], list[str]], names: list[str]) -> list[str]:
    """Do one thing for each host at once: stopping waits for services."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor() as pool:
        return [line for lines in pool.map(action, names) for line in lines]


def main() -> None:
    """Do what the first argument says to the hosts described on standard input."""
    lab = Lab(json.load(sys.stdin))
    action = sys.argv[1]
    done: list[str] = []
    if action == "mount":
        for host in lab.names:
            done += lab.mount(host)
    elif action == "start":
        done += lab.fabric_up()
        for host in lab.names:
            done += lab.network_up(host)
            done += lab.start(host)
    elif action == "restart":
        running = [host for host in lab.names if lab.pid(host)]
        done += in_parallel(lab.power_off, running)
        for host in running:
            done += lab.start(host)
    elif action == "stop":
        done += in_parallel(lab.stop, lab.names)
        if set(lab.names) == set(lab.addresses):
            done += lab.fabric_down()
    else:
        sys.exit(f"labhosts.py: no such action: {action}")
    print("\n".join(done))


if __name__ == "__main__":
    main()
