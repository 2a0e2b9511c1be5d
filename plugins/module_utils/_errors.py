# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one family of exceptions: everything that an operator should read, and nothing else."""

from __future__ import annotations

from typing import Any


class StackmoveError(Exception):
    """Something that the operator has to know: the object, the cause and the remedy in one message.

    :param what: what was attempted and on which object, e.g. ``bind port 4c1… to host compute21``
    :param cause: why it did not work, in the words of whoever refused
    :param remedy: what to do about it; left out of the message when empty
    """

    def __init__(self, what: str, cause: str, remedy: str = "") -> None:
        self.what = what
        self.cause = cause
        self.remedy = remedy
        # What a module returns beside the message: the state that was reached.
        self.result: dict[str, Any] = {}
        super().__init__(f"Failed to {what}: {cause}" + (f" Remedy: {remedy}" if remedy else ""))


class ConflictError(StackmoveError):
    """Somebody else holds the object: another run, a user's API call, or Nova itself."""


class NotFoundError(StackmoveError):
    """The object that was named does not exist."""


class UnsupportedError(StackmoveError):
    """Moving this object would lose something, so it is refused."""
