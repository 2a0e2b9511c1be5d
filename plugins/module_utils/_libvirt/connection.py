# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A connection to libvirt, and its errors in an operator's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError

if TYPE_CHECKING:
    import libvirt


_REMEDY = "See what libvirt logs on this host (journalctl -u libvirtd), then run again."
_DOWN = (
    "Nothing was changed, and nobody knows whether guests run on this host. Start libvirtd there (systemctl start"
    " libvirtd), then run again."
)


def refused(what: str, error: libvirt.libvirtError, remedy: str = _REMEDY) -> StackmoveError:
    """Return our error for one of libvirt's, with libvirt's own message as the cause.

    :param what: what is attempted, and on which object
    """
    cause = f"libvirt says: {error.get_error_message()} (error {error.get_error_code()})."
    return StackmoveError(what, cause, remedy)


@contextmanager
def translated(what: str, remedy: str = _REMEDY) -> Iterator[None]:
    """Turn libvirt's error into ours.

    :param what: what is attempted, and on which object
    :raises StackmoveError: with libvirt's own message as the cause
    """
    import libvirt

    try:
        yield
    except libvirt.libvirtError as error:
        raise refused(what, error, remedy) from error


@contextmanager
def connect(uri: str) -> Iterator[libvirt.virConnect]:
    """Open a connection for the length of a ``with`` block.

    :raises StackmoveError: when libvirt does not answer
    """
    import libvirt

    # Without a handler libvirt prints each error to stderr, into the middle of a module's answer.
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    with translated(f"connect to libvirt at {uri}", _DOWN):
        connection = libvirt.open(uri)
    try:
        yield connection
    finally:
        with suppress(libvirt.libvirtError):  # it is broken when libvirtd was stopped
            connection.close()
