# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What both comparisons of live migrations measure, and how they show it."""

from __future__ import annotations

import re
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

LAB = Path("/var/lib/stackmove-lab")
ROOT = Path(__file__).parents[2]
GOAL = 1.1
TITLES = {
    "silence": "guest silent (pings of 10 ms)",
    "pause": "guest paused (libvirt)",
    "job": "migration (libvirt)",
    "total": "the whole command",
}


@dataclass
class Run:
    """One migration, in milliseconds."""

    total: float
    job: float
    silence: float
    pause: float


def ssh_command(host: str, command: str) -> list[str]:
    """Return how a command is run on a host of the lab."""
    return ["ssh", "-F", str(LAB / "ssh_config"), host, command]


def ssh(host: str, command: str, text: str = "", check: bool = True) -> str:
    """Run a command on a host of the lab."""
    done = subprocess.run(ssh_command(host, command), check=check, input=text, capture_output=True, text=True)
    return done.stdout


def playbook(name: str, variables: dict[str, object]) -> list[str]:
    """Return the command of an operator of this collection."""
    options = [word for key, value in variables.items() for word in ("-e", f"{key}={value}")]
    return [str(ROOT / ".venv/bin/ansible-playbook"), "-i", "lab/inventory", f"stackmove.nova.{name}", *options]


def run(command: Sequence[str]) -> None:
    """Run a command from the repository; raises RuntimeError with all that it printed when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)


def measured(migrate: Callable[[], None], destination: str, domain: str, ping: Sequence[str]) -> Run:
    """Migrate a guest and measure it.

    :param destination: the host to which it goes
    :param domain: what libvirt calls it there
    :param ping: a command that prints its pid, and then pings the guest every 10 ms
    """
    pings = subprocess.Popen(ping, stdout=subprocess.PIPE, text=True)
    assert pings.stdout is not None
    pid = pings.stdout.readline().strip()
    try:
        time.sleep(1)
        begun = time.monotonic()
        migrate()
        total = time.monotonic() - begun
        time.sleep(1)
    finally:
        # Where it runs, which may be a host of the lab: ping then prints what it has left.
        subprocess.run([*ping[:-1], f"kill -INT {pid}"], check=False)
        output, _nothing = pings.communicate()
    answers = [float(found) for found in re.findall(r"^\[([\d.]+)\] \d+ bytes", output, re.MULTILINE)]
    stats = ssh(destination, f"virsh domjobinfo {domain} --completed --keep-completed --rawstats")
    figures = {name: float(value) for name, value in re.findall(r"^(\w+): *([\d.]+)$", stats, re.MULTILINE)}
    return Run(
        total=total * 1000,
        job=figures["time_elapsed"],
        silence=max(after - before for before, after in zip(answers, answers[1:])) * 1000,
        pause=figures["downtime"],
    )


def pinging(address: str) -> str:
    """Return the shell command that pings an address every 10 ms, for five minutes at most."""
    return f"echo $$; exec ping -D -n -i 0.01 -w 300 {address}"


def medians(ours: Sequence[Run], theirs: Sequence[Run], fields: Sequence[str], rival: str) -> dict[str, float]:
    """Print the medians of both, a line for each field; return the ratios."""
    print(f"\nmedian of {len(ours)} and {len(theirs)} migrations, ms  playbook {rival:>9}   ratio")
    ratios = {}
    for field in fields:
        our, their = (statistics.median(getattr(run, field) for run in runs) for runs in (ours, theirs))
        ratios[field] = our / their
        print(f"{TITLES[field]:34} {our:10.0f} {their:9.0f} {our / their:7.2f}")
    return ratios
