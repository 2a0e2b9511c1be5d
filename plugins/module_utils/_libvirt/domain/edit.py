# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changing a guest's XML: small edits that say in words what they changed, and leave alone what is right already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError

if TYPE_CHECKING:
    from lxml.etree import _Element

#: Addresses that mean the same on each host, so that nobody has to say what takes their place.
EVERY_HOST = frozenset({"", "0.0.0.0", "::", "127.0.0.1", "::1", "localhost"})


class Need(NamedTuple):
    """Something that a guest's device needs at the destination and that nobody has told.

    :param device: the device and what is not known for it, e.g. ``its mediated device X has none there``
    :param remedy: what to pass
    """

    device: str
    remedy: str


class IncompleteError(StackmoveError):
    """A guest needs more at its destination than is known of it.

    :param root: the guest
    :param needs: all that is missing
    """

    def __init__(self, root: _Element, needs: Iterable[Need]) -> None:
        self.needs = list(needs)
        super().__init__(
            f"make guest {uuid_of(root)} ready for another host",
            f"{'; '.join(dict.fromkeys(need.device for need in self.needs))}.",
            " ".join(dict.fromkeys(need.remedy for need in self.needs)),
        )


def uuid_of(root: _Element) -> str:
    """Return the guest's uuid, for messages."""
    return root.findtext("uuid") or root.findtext("name") or "without a uuid"


def require(root: _Element, needs: list[Need]) -> None:
    """Go on only when nothing is missing.

    :raises IncompleteError: with all that is
    """
    if needs:
        raise IncompleteError(root, needs)


def set_text(element: _Element | None, text: str, what: str) -> list[str]:
    """Set an element's text, if there is such an element."""
    if element is None or element.text == text:
        return []
    before, element.text = element.text, text
    return [_words(what, before, text)]


def set_attribute(element: _Element | None, name: str, value: str | None, what: str) -> list[str]:
    """Set an element's attribute, if there is such an element; None removes it."""
    if element is None or element.get(name) == value:
        return []
    before = element.get(name)
    if value is None:
        del element.attrib[name]
    else:
        element.set(name, value)
    return [_words(what, before, value)]


def _words(what: str, before: str | None, after: str | None) -> str:
    return f"{what}: {before or 'none'} → {after or 'none'}"


def child(element: _Element, tag: str, **attributes: str) -> _Element:
    """Return the child of that name, made with the attributes when it is not there."""
    from lxml import etree

    found = element.find(tag)
    if found is None:
        found = etree.Element(tag, attributes)
        append(element, found)
    return found


def append(parent: _Element, element: _Element) -> None:
    """Add a last child, indented as its siblings are."""
    if len(parent):
        element.tail = parent[-1].tail
        parent[-1].tail = parent.text
    parent.append(element)


def drop(element: _Element) -> None:
    """Remove an element but not the white space behind it, so that the rest stays as it was."""
    parent = element.getparent()
    if parent is not None:
        previous = element.getprevious()
        if previous is not None and parent[-1] is element:
            previous.tail = element.tail
        parent.remove(element)


def drop_empty(element: _Element | None) -> None:
    """Remove an element that has lost all it had."""
    if element is not None and not len(element) and not element.attrib:
        drop(element)


def meaning(element: _Element) -> tuple[Any, ...]:
    """Return what an element says, whatever its white space and the order of its children."""
    children = sorted(repr(meaning(child)) for child in element)
    return (element.tag, sorted(element.attrib.items()), (element.text or "").strip(), children)


def replace_all(parent: _Element, tag: str, wanted: Sequence[_Element]) -> None:
    """Put elements in the place of all of that name, unless those say the same."""
    present = parent.findall(tag)
    if [meaning(element) for element in present] == [meaning(element) for element in wanted]:
        return
    for old, new in zip(present, wanted):
        new.tail = old.tail
        parent.replace(old, new)
    for old in present[len(wanted) :]:
        drop(old)
    for new in wanted[len(present) :]:
        append(parent, new)
