# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell how the lab's services are: a table, and for each that fails the last lines of its log.

Reads ``{"root": …, "apis": {"keystone": 5000, …}, "hosts": {name: {"address": …, "services": […]}}}`` from
standard input. A service named in ``apis`` must also answer on that port with less than status 500: its web
server runs on when the application in it doesn't load.
``--wait SECONDS`` asks again until all run; ends early when a service's first start failed for good.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

# Runs on the host. Memory is summed only when wanted: it costs a second on a busy machine.
PROBE = r"""
import json, pathlib, subprocess, sys, urllib.error, urllib.request
question = json.loads(sys.argv[1])
def answer(port):
    try:
        urllib.request.urlopen(f"http://{question['address']}:{port}/", timeout=20).close()
    except urllib.error.HTTPError as error:
        return f"HTTP {error.code}" if error.code >= 500 else ""
    except OSError as error:
        return "no answer"
    return ""
def show(units):
    out = subprocess.run(["systemctl", "show", "-p", "Id,LoadState,ActiveState,SubState,Result,NRestarts,ControlGroup",
                          *units], capture_output=True, text=True).stdout
    return [dict(line.split("=", 1) for line in block.splitlines()) for block in out.split("\n\n") if block.strip()]
def pss(group):
    total = 0
    for base in ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd"):
        top = pathlib.Path(base + group)
        for procs in top.glob("**/cgroup.procs") if group else []:
            for pid in set(procs.read_text().split()):
                try:
                    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
                except OSError:
                    continue
                total += next(int(l.split()[1]) for l in rollup.splitlines() if l.startswith("Pss:"))
        if total:
            break
    return total // 1024
result = show([f"{service}.service" for service in question["services"]])
failed = subprocess.run(["systemctl", "list-units", "--failed", "--plain", "--no-legend", "lab-*"],
                        capture_output=True, text=True).stdout.split("\n")
for name in [line.split()[0] for line in failed if line.strip()]:
    result += show([name])
for unit in result:
    unit["memory"] = pss(unit["ControlGroup"]) if question["memory"] else 0
    name = unit["Id"].rsplit(".", 1)[0]
    port = question["apis"].get(name)
    if port and unit["ActiveState"] == "active":
        unit["SubState"] = answer(port) or unit["SubState"]
    if unit["ActiveState"] != "active" or unit["SubState"] not in ("running", "exited"):
        lines = subprocess.run(["journalctl", "-q", "--no-pager", "-n", "15", "-o", "cat", "-u", unit["Id"]],
                               capture_output=True, text=True).stdout
        for log in pathlib.Path("/var/log").glob("*/" + name.replace("@", "-") + ".log"):
            lines += f"{log}:\n" + "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        unit["log"] = lines
print(json.dumps(result))
"""


@dataclass
class Service:
    """One unit on one host."""

    host: str
    name: str
    state: str
    restarts: int
    memory: int
    log: str

    @property
    def runs(self) -> bool:
        """Whether the unit is up and stays so."""
        return self.state == "active/running" or self.state == "active/exited"

    @property
    def gave_up(self) -> bool:
        """Whether waiting is of no use: a first start failed, and systemd doesn't repeat those."""
        return self.state.startswith("failed") and self.name.startswith("lab-")


def ask(spec: dict[str, Any], name: str, memory: bool) -> list[Service]:
    """Ask one host over ssh for its services."""
    root, host = spec["root"], spec["hosts"][name]
    question = {"address": host["address"], "services": host["services"], "apis": spec["apis"], "memory": memory}
    command = [
        "ssh", "-i", f"{root}/keys/id_ed25519", "-o", f"UserKnownHostsFile={root}/known_hosts",
        "-o", "ConnectTimeout=5", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", f"root@{host['address']}",
        "python3", "-", shlex.quote(json.dumps(question)),
    ]  # fmt: skip
    result = subprocess.run(command, input=PROBE, check=False, capture_output=True, text=True)
    if result.returncode:
        return [Service(name, "ssh", "unreachable", 0, 0, result.stderr.strip())]
    return [
        Service(
            name,
            unit["Id"].removesuffix(".service"),
            f"{unit['ActiveState']}/{unit['SubState']}" if unit["LoadState"] == "loaded" else unit["LoadState"],
            int(unit.get("NRestarts") or 0),
            unit["memory"],
            unit.get("log", ""),
        )
        for unit in json.loads(result.stdout)
    ]


def survey(spec: dict[str, Any], memory: bool) -> list[Service]:
    """Ask all hosts at once."""
    with ThreadPoolExecutor() as pool:
        answers = pool.map(lambda name: ask(spec, name, memory), spec["hosts"])
        return [service for answer in answers for service in answer]


def table(services: list[Service]) -> str:
    """Draw the table, with a sum of memory for each host and for all."""
    lines = [f"{'HOST':<12}{'SERVICE':<28}{'STATE':<24}{'RESTARTS':>8}{'MEMORY':>10}"]
    for host in dict.fromkeys(service.host for service in services):
        own = [service for service in services if service.host == host]
        lines += [f"{s.host:<12}{s.name:<28}{s.state:<24}{s.restarts:>8}{s.memory:>6} MiB" for s in own]
        lines.append(f"{host:<12}{'':<28}{'':<24}{'sum':>8}{sum(s.memory for s in own):>6} MiB")
    lines.append(f"{'the lab':<12}{'':<28}{'':<24}{'sum':>8}{sum(s.memory for s in services):>6} MiB")
    return "\n".join(lines)


def complaints(services: list[Service]) -> str:
    """Name each service that doesn't run, with the last lines of its log."""
    return "\n\n".join(
        f"{s.host}: {s.name} is {s.state} (restarted {s.restarts} times). Its log ends:\n{s.log.strip() or '(empty)'}"
        for s in services
        if not s.runs
    )


def main() -> int:
    """Print the table; 1 when something doesn't run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wait", type=float, default=0, help="seconds to wait until all services run")
    arguments = parser.parse_args()
    spec = json.load(sys.stdin)
    deadline = time.monotonic() + arguments.wait
    while True:
        services = survey(spec, memory=not arguments.wait)
        failing = [service for service in services if not service.runs]
        if not failing or time.monotonic() > deadline or any(service.gave_up for service in failing):
            break
        time.sleep(2)
    print(table(services))
    if failing:
        print(complaints(failing), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
