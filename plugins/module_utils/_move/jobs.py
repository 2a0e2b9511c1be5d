# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an operator asks of a move, and which roles that takes from where the move is.

A move goes forward to its destination or back to its source. The roles of a move done are its roles taken back in
reverse; each of their steps can be made again, so that only the phase decides where to begin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]

#: The jobs that migrate a server live, within its cell and to another one.
LIVE = "live_migrate"
CROSS_CELL_LIVE = "cross_cell_live_migrate"
LIVE_JOBS = (LIVE, CROSS_CELL_LIVE)
JOBS = ("move", "confirm", "revert", "recover", *LIVE_JOBS)
DIRECTIONS = ("auto", "forward", "back")

_MOVE = ("prep_dest", "prep_source", "finish")
_LEFT = {
    "none": _MOVE,
    "started": _MOVE,
    "copied": _MOVE,
    "prepared": _MOVE[1:],
    "stopping": _MOVE[1:],
    "departed": _MOVE[2:],
}
_LIVE_MIGRATION = ("live_prepare", "live_transfer", "live_finish")
# The guest is, or may be, off at its source in these.
GUEST_LEFT = ("stopping", "departed")
_NOVA_IDLE_S = 1800  # long_rpc_timeout: for so long Nova's conductor waits for a compute host to answer


@dataclass(frozen=True)
class Observed:
    """What preflight has read, and what the operator wants.

    :param move: what :func:`observation.observe_move` returns
    :param source_host: what the module hypervisor_info returned there, or how it failed
    :param destination_host: likewise; empty when there is no destination
    :param job: one of :data:`JOBS`
    :param direction: one of :data:`DIRECTIONS`; where `recover` and the live jobs go
    :param resume: the operator says that the run which holds the server is dead
    :param fenced: the operator says that a host is off: the destination, or for a live migration the one that is silent
    :param nova_idle_s: seconds for which Nova must not have touched a move of its own, before it is taken for dead
    """

    move: Document
    source_host: Document
    destination_host: Document
    job: str = "move"
    direction: str = "auto"
    resume: bool = False
    fenced: bool = False
    nova_idle_s: int = _NOVA_IDLE_S

    @property
    def phase(self) -> str:
        """How far it is: a rollback that was killed has left a guest at the source, which has to go once more."""
        phase = str(self.move["phase"])
        return "stopping" if phase == "departed" and self.source_host.get("guest") else phase


def unreached(host: Document) -> str:
    """Why a host could not be read; empty if it was."""
    if host.get("unreachable") or host.get("failed"):
        return str(host.get("msg") or "no answer")
    return ""


def is_deleted(observed: Observed) -> bool:
    """Whether its owner has deleted the server in the middle of its move."""
    return bool(observed.move["server"]["status"] == "DELETED")


def is_done(observed: Observed) -> bool:
    """Whether the job has been done already: the server's last move was confirmed, or reverted, and no other is on."""
    ends = {"confirm": "confirmed", "revert": "reverted"}.get(observed.job)
    waits = observed.move["server"]["status"] == "VERIFY_RESIZE"  # after a resize within its cell
    return observed.phase == "none" and not waits and ends is not None and observed.move["last_status"] == ends


@dataclass(frozen=True)
class Course:
    """Where a move goes from here.

    :param direction: `forward`, `back`, or `none` when there is nothing to do
    :param roles: those to run, in their order; of a move that is taken back, those whose rollback is run
    """

    direction: str
    roles: tuple[str, ...]


def course(observed: Observed) -> Course:
    """Decide it; whether anything stands against it, the blockers tell."""
    phase = observed.phase
    if phase == "finished" and observed.job in ("move", "recover"):
        # What carried the disks is deleted last.
        return _course("forward", _MOVE[2:] if observed.move["transfer_images"] else ())
    if observed.job == "move":
        return _course("forward", _LEFT.get(phase, ()))
    if observed.job in LIVE_JOBS:
        return _live(observed)
    if observed.job == "confirm":
        return _course("forward", ("confirm",) if phase in ("finished", "confirming") else ())
    if observed.job == "revert":
        return _course("back", ("revert",) if phase in ("finished", "reverting", "returned") else ())
    return _recovery(observed)


def _course(direction: str, roles: tuple[str, ...]) -> Course:
    return Course(direction if roles else "none", roles)


def _live(observed: Observed) -> Course:
    """Where a live migration goes: back when it is told to, unless the guest has arrived already."""
    if observed.phase == "arrived":
        return Course("forward", _LIVE_MIGRATION[2:])
    if observed.direction == "back":
        return _course("back", _LIVE_MIGRATION[::-1] if observed.phase != "none" else ())
    return Course("forward", _LIVE_MIGRATION)


def _recovery(observed: Observed) -> Course:
    phase = observed.phase
    if phase == "confirming":
        return Course("forward", ("confirm",))
    if phase in ("reverting", "returned"):
        return Course("back", ("revert",))
    if phase == "none":
        return _course("back", _MOVE[::-1] if observed.move.get("last_failed") else ())
    if phase not in _LEFT:
        return Course("none", ())
    direction = observed.direction
    if direction == "auto":
        # A guest that is at its destination already needs the least to be whole; else it has the most at its source.
        direction = "forward" if phase == "departed" and observed.destination_host.get("guest") else "back"
    return Course(direction, _LEFT[phase] if direction == "forward" else _MOVE[::-1])
