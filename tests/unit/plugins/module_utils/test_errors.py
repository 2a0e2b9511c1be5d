# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an operator reads when something fails."""

from __future__ import annotations

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils import _errors


def test_message_names_object_cause_and_remedy() -> None:
    error = _errors.StackmoveError("bind port 4c1 to host a", "host a is down.", "Start its agent.")
    assert str(error) == "Failed to bind port 4c1 to host a: host a is down. Remedy: Start its agent."


def test_message_without_remedy_ends_with_the_cause() -> None:
    error = _errors.StackmoveError("read server x", "there is no such row.")
    assert str(error) == "Failed to read server x: there is no such row."


@pytest.mark.parametrize("kind", [_errors.ConflictError, _errors.NotFoundError, _errors.UnsupportedError])
def test_each_kind_is_caught_as_the_family(kind: type[_errors.StackmoveError]) -> None:
    with pytest.raises(_errors.StackmoveError, match="Failed to move x: no"):
        raise kind("move x", "no")
