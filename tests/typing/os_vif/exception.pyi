# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

class ExceptionBase(Exception):
    kwargs: dict[str, object]

class PlugException(ExceptionBase): ...
class UnplugException(ExceptionBase): ...
