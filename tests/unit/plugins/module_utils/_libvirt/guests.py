# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Guests for the tests of what their XML becomes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import xml
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain.edit import IncompleteError

if TYPE_CHECKING:
    from lxml.etree import _Element

UUID = "6f70656e-7374-4163-8b6d-6f7665210001"
HERE = f"/var/lib/nova/instances/{UUID}"
THERE = f"/srv/nova/{UUID}"
RBD_VOLUME = "76786c75-6d65-4163-8b6d-6f7665210001"
BLOCK_VOLUME = "76786c75-6d65-4163-8b6d-6f7665210002"
FILE_VOLUME = "76786c75-6d65-4163-8b6d-6f7665210003"
SECRET = "73656372-6574-4163-8b6d-6f7665210001"

#: A running guest that has one of everything, as libvirt shows it with VIR_DOMAIN_XML_MIGRATABLE | _SECURE.
LIVE = f"""<domain type='kvm'>
  <name>instance-0000000a</name>
  <uuid>{UUID}</uuid>
  <metadata>
    <nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1">
      <nova:package version="26.2.2"/>
      <nova:flavor name="m1.pinned">
        <nova:memory>128</nova:memory>
      </nova:flavor>
    </nova:instance>
  </metadata>
  <maxMemory slots='1' unit='KiB'>1048576</maxMemory>
  <memory unit='KiB'>655360</memory>
  <currentMemory unit='KiB'>655360</currentMemory>
  <memoryBacking>
    <nosharepages/>
    <locked/>
  </memoryBacking>
  <vcpu placement='static'>2</vcpu>
  <iothreads>2</iothreads>
  <cputune>
    <shares>2048</shares>
    <vcpupin vcpu='0' cpuset='2'/>
    <vcpupin vcpu='1' cpuset='3'/>
    <emulatorpin cpuset='2-3'/>
    <iothreadpin iothread='1' cpuset='2-3'/>
    <iothreadpin iothread='2' cpuset='2-3'/>
    <vcpusched vcpus='1' scheduler='fifo' priority='1'/>
  </cputune>
  <numatune>
    <memory mode='strict' nodeset='0'/>
    <memnode cellid='0' mode='strict' nodeset='0'/>
  </numatune>
  <os>
    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
    <loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE.fd</loader>
    <nvram>/var/lib/libvirt/qemu/nvram/instance-0000000a_VARS.fd</nvram>
  </os>
  <cpu mode='custom' match='exact' check='full'>
    <model fallback='forbid'>Skylake-Server</model>
    <topology sockets='1' dies='1' cores='2' threads='1'/>
    <numa>
      <cell id='0' cpus='0-1' memory='131072' unit='KiB'/>
    </numa>
  </cpu>
  <perf>
    <event name='cmt' enabled='yes'/>
    <event name='mbmt' enabled='yes'/>
  </perf>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='network' device='disk'>
      <driver name='qemu' type='raw' cache='writeback' discard='unmap'/>
      <auth username='nova'>
        <secret type='ceph' uuid='{SECRET}'/>
      </auth>
      <source protocol='rbd' name='vms/{UUID}_disk'>
        <host name='192.0.2.1' port='6789'/>
      </source>
      <target dev='vda' bus='virtio'/>
      <address type='pci' domain='0x0000' bus='0x03' slot='0x00' function='0x0'/>
    </disk>
    <disk type='network' device='disk'>
      <driver name='qemu' type='raw' cache='none' discard='unmap'/>
      <auth username='cinder'>
        <secret type='ceph' uuid='{SECRET}'/>
      </auth>
      <source protocol='rbd' name='volumes/volume-{RBD_VOLUME}'>
        <host name='192.0.2.1' port='6789'/>
      </source>
      <target dev='vdb' bus='virtio'/>
      <iotune>
        <total_iops_sec>100</total_iops_sec>
      </iotune>
      <serial>{RBD_VOLUME}</serial>
      <alias name='ua-{RBD_VOLUME}'/>
      <address type='pci' domain='0x0000' bus='0x04' slot='0x00' function='0x0'/>
    </disk>
    <disk type='block' device='disk'>
      <driver name='qemu' type='raw' cache='none' io='native'/>
      <source dev='/dev/disk/by-path/ip-192.0.2.1:3260-lun-1'>
        <encryption format='luks'>
          <secret type='passphrase' uuid='{SECRET}'/>
        </encryption>
      </source>
      <target dev='vdc' bus='virtio'/>
      <serial>{BLOCK_VOLUME}</serial>
      <address type='pci' domain='0x0000' bus='0x05' slot='0x00' function='0x0'/>
    </disk>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='none' io='native'/>
      <source file='/var/lib/nova/mnt/a/volume-{FILE_VOLUME}'/>
      <target dev='vdd' bus='virtio'/>
      <serial>{FILE_VOLUME}</serial>
      <address type='pci' domain='0x0000' bus='0x06' slot='0x00' function='0x0'/>
    </disk>
    <disk type='file' device='cdrom'>
      <driver name='qemu' type='raw' cache='none'/>
      <source file='{HERE}/disk.config'/>
      <target dev='sda' bus='sata'/>
      <readonly/>
      <address type='drive' controller='0' bus='0' target='0' unit='0'/>
    </disk>
    <controller type='sata' index='0'/>
    <interface type='bridge'>
      <mac address='FA:16:3E:00:00:01'/>
      <source bridge='br-int'/>
      <virtualport type='openvswitch'>
        <parameters interfaceid='0b8d1e7f-1111-4000-8000-000000000001'/>
      </virtualport>
      <target dev='tap0b8d1e7f-11'/>
      <model type='virtio'/>
      <driver name='vhost' queues='2'/>
      <filterref filter='clean-traffic'/>
      <boot order='1'/>
      <link state='down'/>
      <mtu size='1450'/>
      <alias name='ua-net0'/>
      <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
    </interface>
    <serial type='tcp'>
      <source mode='bind' host='192.0.2.11' service='10003'/>
      <protocol type='raw'/>
      <log file='{HERE}/console.log' append='off'/>
      <target type='isa-serial' port='0'>
        <model name='isa-serial'/>
      </target>
    </serial>
    <serial type='tcp'>
      <source mode='bind' host='192.0.2.11' service='10007'/>
      <protocol type='raw'/>
      <target type='isa-serial' port='1'>
        <model name='isa-serial'/>
      </target>
    </serial>
    <console type='tcp'>
      <source mode='bind' host='192.0.2.11' service='10003'/>
      <protocol type='raw'/>
      <target type='serial' port='0'/>
    </console>
    <channel type='unix'>
      <source mode='bind' path='/var/lib/libvirt/qemu/org.qemu.guest_agent.0.instance-0000000a.sock'/>
      <target type='virtio' name='org.qemu.guest_agent.0'/>
    </channel>
    <graphics type='vnc' port='-1' autoport='yes' listen='192.0.2.11' passwd='hunter2'>
      <listen type='address' address='192.0.2.11'/>
    </graphics>
    <graphics type='spice' port='-1' autoport='yes' listen='192.0.2.11'>
      <listen type='address' address='192.0.2.11'/>
    </graphics>
    <hostdev mode='subsystem' type='mdev' managed='no' model='vfio-pci'>
      <source>
        <address uuid='6d646576-0000-4163-8b6d-6f7665210001'/>
      </source>
      <address type='pci' domain='0x0000' bus='0x07' slot='0x00' function='0x0'/>
    </hostdev>
    <hostdev mode='subsystem' type='pci' managed='yes'>
      <source>
        <address domain='0x0000' bus='0x3b' slot='0x02' function='0x1'/>
      </source>
      <address type='pci' domain='0x0000' bus='0x08' slot='0x00' function='0x0'/>
    </hostdev>
    <memory model='nvdimm' access='shared'>
      <source>
        <path>/dev/dax0.0</path>
        <alignsize unit='KiB'>2048</alignsize>
        <pmem/>
      </source>
      <target>
        <size unit='KiB'>524288</size>
        <node>0</node>
        <label>
          <size unit='KiB'>2048</size>
        </label>
      </target>
      <address type='dimm' slot='0'/>
    </memory>
  </devices>
</domain>
"""


def guest(inner: str = "", devices: str = "") -> str:
    """Return a guest of no cloud that has what a test needs."""
    return (
        f"<domain type='kvm'>\n  <name>vm</name>\n  <uuid>{UUID}</uuid>\n  <vcpu>2</vcpu>\n{inner}"
        f"  <devices>\n{devices}  </devices>\n</domain>\n"
    )


def applied(text: str, part: Callable[[_Element], list[str]]) -> tuple[_Element, list[str]]:
    """Apply a part; then again, when it must find nothing left to do."""
    root = xml.parse(text)
    changes = part(root)
    first = xml.text_of(root)
    assert part(root) == []
    assert xml.text_of(root) == first
    assert bool(changes) == (first != canonical(text))
    return root, changes


def missing(text: str, part: Callable[[_Element], list[str]]) -> str:
    """Return what a part says that it has to know."""
    with pytest.raises(IncompleteError) as caught:
        part(xml.parse(text))
    return str(caught.value)


def canonical(text: str) -> str:
    """Return XML as it is written when nothing is changed."""
    return xml.text_of(xml.parse(text))


def one(text: str | _Element, path: str) -> Any:
    """Return the one thing at a path."""
    root = xml.parse(text) if isinstance(text, str) else text
    found = root.xpath(path)
    assert len(found) == 1, (path, found)
    return found[0]
