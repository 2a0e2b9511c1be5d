# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a live migration has failed, where the guest is then, and what to do about it."""

from __future__ import annotations

import subprocess

from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import migration_errors
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_job import (
    Done,
    Outcome,
    Progress,
    Side,
)


def cause(error: Exception | None, done: Done, last: Progress, begun: float) -> tuple[int | None, str, str]:
    """Return libvirt's error, why a migration has failed, and what to do about it.

    :param begun: when it began, in seconds since the epoch
    :param error: what the call has raised; None where another run has made the call
    """
    import libvirt

    code = error.get_error_code() if isinstance(error, libvirt.libvirtError) else None
    if done.aborted:
        memory = f"{last.memory_remaining} bytes of memory" if last.copies_memory else "all of its memory"
        cause = (
            f"it was aborted after {last.elapsed_s:.0f} s, since completion_timeout_s allows no more for what there is"
            f" to carry; {last.disk_remaining} bytes of disks and {memory} were left."
        )
        return code, cause, "Allow more time, bandwidth or downtime, or set timeout_action to force_complete."
    if isinstance(error, libvirt.libvirtError):
        said = error.get_error_message()
        logged = migration_errors.hidden(_log(begun)) if migration_errors.HIDES in said else ""
        meaning, remedy = migration_errors.explain(error.get_error_code(), logged or said)
        also = f" It has logged: {logged}." if logged else ""
        return code, f"{meaning} libvirt says: {said} (error {code}).{also}", remedy
    if error is not None:
        return None, str(error), "Run again."
    return (
        None,
        "the migration that another run has begun failed or was aborted.",
        "See what that run says, or journalctl -u libvirtd on both hosts; then run again.",
    )


def where(end: Outcome, source: Side, destination: Side) -> tuple[str, str]:
    """Return where the guest is, and what to do about it if that is not simply to run again."""
    sides = f"at the source: {source.words()}; at the destination: {destination.words()}"
    if end is Outcome.STAYED:
        return f"The guest is at its source as before ({source.words()}).", ""
    if end is Outcome.ENDED:
        return (
            f"The guest runs on neither host ({sides}).",
            "See why it ended (/var/log/libvirt/qemu on both hosts), and start it where it is defined.",
        )
    if end is Outcome.TORN and source.known and not source.is_active:
        return (
            f"The guest had switched to post-copy, and its source is gone with the rest of its memory ({sides}).",
            "It cannot be resumed: virsh destroy it at the destination, and start it there from its disks.",
        )
    if end is Outcome.TORN:
        return (
            f"The guest had switched to post-copy, and its memory is on both hosts: nothing leads back ({sides}).",
            "End neither QEMU. Mend the way between the hosts and run again: it is resumed.",
        )
    if end is Outcome.SWITCHED:
        return (
            f"The guest has switched to post-copy, and its memory is on both hosts still ({sides}).",
            "End neither QEMU, and run again: it goes on watching.",
        )
    if end is Outcome.HALTED:
        return (
            f"The guest has arrived, but ran before and is paused now ({sides}).",
            "See why (virsh domstate --reason at the destination), and virsh resume it there.",
        )
    if end is Outcome.UNSEEN:
        return (
            f"The guest is at the destination; what is left at the source is unknown ({sides}).",
            "It must not be started at the source. Have libvirtd answer there, then run again.",
        )
    if end is Outcome.BOTH and source.runs:
        return (
            f"A guest with this uuid runs on both hosts ({sides}).",
            "End neither before you know which one serves: virsh suspend the other one, and save its disks first.",
        )
    if end is Outcome.BOTH:
        return (
            f"The guest is at the destination, and what remains at the source must never run again ({sides}).",
            "See that it runs at the destination, then virsh destroy and virsh undefine it at the source.",
        )
    return (
        f"Nobody knows where the guest runs ({sides}).",
        "Start it nowhere before both hosts answer, then run again.",
    )


def _log(begun: float) -> str:
    """Return what libvirtd of this host has logged since a time; nothing where there is no journal."""
    units = ("--unit=libvirtd", "--unit=virtqemud")
    command = ["journalctl", *units, f"--since=@{begun:.0f}", "--output=cat", "--no-pager"]
    try:
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=10).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
