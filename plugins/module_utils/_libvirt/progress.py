# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far a live migration is: a file on the source host, and a line for a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path("/run/stackmove")
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def path_of(uuid: str) -> Path:
    """Return the file that tells of a guest's migration while it is under way."""
    return FOLDER / f"{uuid}.progress.json"


def write(path: Path, record: Mapping[str, Any]) -> None:
    """Put a record in the place of the last one, so that a reader sees either of them whole."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(record) + "\n", "utf-8")
    partial.replace(path)


def read(text: str) -> dict[str, Any]:
    """Return a record from a file's text, and an empty one where there is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def size(count: float) -> str:
    """Write a number of bytes for people."""
    value = float(count)
    for unit in _UNITS:
        if value < 1024 or unit == _UNITS[-1]:
            break
        value /= 1024
    return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"


def duration(seconds: float) -> str:
    """Write a number of seconds for people."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def line(record: Mapping[str, Any]) -> str:
    """Write a record as one line: what remains, how fast it goes, and when it will end as far as that can be known."""
    if record.get("phase") == "starting":
        return "starting"
    parts = [*_disks(record), *_memory(record)]
    estimate = record.get("estimate_s")
    if estimate is not None:
        about = f"about {duration(estimate)}"
        parts.append(f"disks {about}, then memory" if record.get("phase") == "disk" else about)
    elif record.get("does_not_converge"):
        parts.append("no end in sight at this rate")
    if record.get("stalled_s"):
        parts.append(f"nothing has moved for {duration(record['stalled_s'])}")
    return " · ".join([*parts, f"since {duration(record.get('elapsed_s', 0.0))}"])


def turn(before: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """Say that nothing moves any more and what can be done about it, or that it moves again; else nothing.

    :param before: the record that was shown last
    """
    was_s, is_s = (each.get("stalled_s") for each in (before, record))
    if was_s and not is_s:
        return f"it moves again; nothing had moved for about {duration(was_s)}"
    return _stall(record) if is_s and not was_s else ""


def _stall(record: Mapping[str, Any]) -> str:
    hosts = f"{record['source']} and {record['destination']}"
    said = f"nothing has moved for {duration(record['stalled_s'])}: see to the link between {hosts}"
    if record.get("phase") == "post_copy":
        return f"{said}; the guest's memory is on both hosts, so it cannot be aborted"
    end = "forced to its end" if record.get("timeout_action") == "force_complete" else "aborted"
    timeout = f"it is {end} {duration(record['timeout_s'])} after its begin" if record.get("timeout_s") else "it waits"
    return f"{said}, or abort it (domain_migration_control, state aborted); by itself {timeout}"


def _disks(record: Mapping[str, Any]) -> list[str]:
    if not record.get("disk_total_bytes"):
        return []
    text = f"disk {size(record['disk_remaining_bytes'])} left"
    if record.get("disk_rate_bytes") and record["disk_remaining_bytes"]:
        text += f" at {size(record['disk_rate_bytes'])}/s"
    return [text]


def _memory(record: Mapping[str, Any]) -> list[str]:
    if not record.get("memory_total_bytes"):
        return []
    text = f"memory {size(record['memory_remaining_bytes'])} left"
    if record.get("memory_rate_bytes"):
        text += f" at {size(record['memory_rate_bytes'])}/s"
    if record.get("dirty_rate_bytes"):
        text += f", the guest writes {size(record['dirty_rate_bytes'])}/s"
    if record.get("phase") == "post_copy":
        return [text, "runs at the destination, its memory follows"]
    parts = [text]
    if record.get("iteration"):
        parts.append(f"pass {record['iteration']}")
    if record.get("expected_downtime_ms"):
        allowed = f" of {record['allowed_downtime_ms']}" if record.get("allowed_downtime_ms") else ""
        parts.append(f"pause {record['expected_downtime_ms']}{allowed} ms")
    if record.get("throttle_percent"):
        parts.append(f"guest slowed by {record['throttle_percent']} %")
    return parts
