#!/usr/bin/env bash
# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# make-guest-image.sh OUT.qcow2 [DISK_MB]: a guest that boots in seconds under emulation.
#
# Runs inside the lab's root file system (systemd-nspawn), needs no loop device and no mount.
# Disk: MBR and syslinux, FAT p1 with Debian's cloud kernel and a busybox initramfs, ext4 p2 = /data.
# The guest: DHCP on each NIC, qemu-guest-agent, clean ACPI shutdown, an HTTP CGI that runs a command
# (tests only), and a writer that appends "n uptime boot" lines to /data/seq (and to /vol/seq when /dev/vdb
# has a file system), each line synced: a test sees from them which writes were lost, and how often it booted.
set -euo pipefail
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C

out=$1 mb=${2:-200}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir "$work/kernel" "$work/agent"
dpkg-deb -x /var/cache/lab/linux-image-*.deb "$work/kernel"
dpkg-deb -x /var/cache/lab/qemu-guest-agent_*.deb "$work/agent"
version=$(basename "$work"/kernel/lib/modules/*)
depmod -b "$work/kernel" "$version"

root=$work/root
mkdir -p "$root"/{bin,dev,proc,sys,data,vol,tmp,run,var/run,etc/acpi/PWRF,modules,www/cgi-bin}
cp /bin/busybox "$root/bin/"
for applet in $(busybox --list | grep -vx busybox); do ln -sf busybox "$root/bin/$applet"; done

cp "$work/agent/usr/sbin/qemu-ga" "$root/bin/"
ldd "$root/bin/qemu-ga" | awk '$3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }' | while read -r library; do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
done

# Modules in the order in which they can be loaded. Those that the kernel has built in are left out.
for module in virtio_pci virtio_blk virtio_net virtio_balloon virtio_console virtio-rng button evdev af_packet crc32c_generic ext4; do
    modprobe -d "$work/kernel" -S "$version" --show-depends "$module" 2>/dev/null || true
done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r file; do
    cp "$file" "$root/modules/"
    basename "$file" >>"$root/modules/order"
done

cat >"$root/bin/udhcpc.sh" <<'GUEST'
#!/bin/sh
case $1 in
bound | renew)
    ip addr flush dev $interface
    ip addr add $ip/${mask:-24} dev $interface
    [ -n "$router" ] && ip route replace default via $router
    echo $ip >/run/ip.$interface
    ;;
esac
GUEST
cat >"$root/bin/shutdown-now" <<'GUEST'
#!/bin/sh
kill -9 $(cat /run/writer.pid) 2>/dev/null
sync
umount /vol 2>/dev/null
umount /data 2>/dev/null || mount -o remount,ro /data
echo "GUEST CLEAN SHUTDOWN up=$(cut -d' ' -f1 /proc/uptime)" >/dev/console
poweroff -f
GUEST
ln -s shutdown-now "$root/bin/shutdown.tmp"
mv "$root/bin/shutdown.tmp" "$root/bin/shutdown" # what the guest agent runs
printf '#!/bin/sh\n/bin/shutdown-now\n' >"$root/etc/acpi/PWRF/00000080"
cat >"$root/www/cgi-bin/x" <<'GUEST'
#!/bin/sh
echo Content-type: text/plain
echo
eval "$(httpd -d "$QUERY_STRING")" 2>&1
GUEST
cat >"$root/bin/writer" <<'GUEST'
#!/bin/sh
# A volume may be plugged in later: /vol is mounted as soon as /dev/vdb has a file system
last() { [ -e "$1" ] && tail -n 1 "$1" | cut -d' ' -f1; }
boot=$(cat /data/boots)
n=$(last /data/seq)
n=${n:-0}
v=
while :; do
    n=$((n + 1))
    echo "$n $(cut -d' ' -f1 /proc/uptime) $boot" >>/data/seq
    sync -d /data/seq
    if [ -z "$v" ] && [ -b /dev/vdb ] && mount -t ext4 /dev/vdb /vol 2>/dev/null; then
        v=$(last /vol/seq)
        v=${v:-0}
        echo $(($(cat /vol/boots 2>/dev/null || echo 0) + 1)) >/vol/boots
    fi
    if [ -n "$v" ]; then
        v=$((v + 1))
        echo "$v $(cut -d' ' -f1 /proc/uptime) $boot" >>/vol/seq
        sync -d /vol/seq
    fi
    usleep 250000
done
GUEST
cat >"$root/init" <<'GUEST'
#!/bin/sh
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts
mount -t devpts pts /dev/pts
for module in $(cat /modules/order); do insmod /modules/$module 2>/dev/null; done
for i in 1 2 3 4 5 6 7 8 9 10; do [ -b /dev/vda2 ] && break; usleep 100000; done
mount -t ext4 /dev/vda2 /data || echo "GUEST WITHOUT DATA DISK" >/dev/console
hostname guest
boots=$(($(cat /data/boots 2>/dev/null || echo 0) + 1))
echo $boots >/data/boots
sync
acpid -c /etc/acpi -l /dev/null -p /run/acpid.pid 2>/dev/null
ip link set lo up
for nic in /sys/class/net/eth*; do
    nic=${nic##*/}
    [ -e /sys/class/net/$nic ] || continue
    ip link set $nic up
    udhcpc -i $nic -s /bin/udhcpc.sh -t 5 -T 1 -A 1 -b -S -p /run/udhcpc.$nic.pid >/dev/null 2>&1 &
    dhcp="$dhcp $!"
done
for port in /sys/class/virtio-ports/*; do
    [ -e $port/name ] || continue
    mkdir -p /dev/virtio-ports
    ln -s ../${port##*/} /dev/virtio-ports/$(cat $port/name)
done
agent=/dev/virtio-ports/org.qemu.guest_agent.0
[ -e $agent ] && mkdir -p /run/qga && qemu-ga -d -m virtio-serial -p $agent -t /run/qga -f /run/qga.pid 2>/dev/null
/bin/writer &
echo $! >/run/writer.pid
httpd -h /www
for pid in $dhcp; do wait $pid; done
usleep 300000
read up _ </proc/uptime
echo "GUEST READY up=$up boots=$boots seq=$(tail -n 1 /data/seq | cut -d' ' -f1) volboots=$(cat /vol/boots 2>/dev/null) mac=$(cat /sys/class/net/eth0/address 2>/dev/null) ip=$(cat /run/ip.* 2>/dev/null | tr '\n' ' ')" >/dev/console
while :; do
    setsid cttyhack sh -l </dev/ttyS0 >/dev/ttyS0 2>&1
    usleep 500000
done
GUEST
chmod 755 "$root/init" "$root"/bin/{udhcpc.sh,shutdown-now,writer} "$root/etc/acpi/PWRF/00000080" "$root/www/cgi-bin/x"
(cd "$root" && find . | cpio -o -H newc --quiet | gzip -9) >"$work/initrd.gz"

truncate -s 32M "$work/p1"
mkfs.vfat -F16 -n BOOT "$work/p1" >/dev/null
cat >"$work/syslinux.cfg" <<'SYSLINUX'
DEFAULT lab
SERIAL 0 115200
PROMPT 0
TIMEOUT 1
LABEL lab
 KERNEL /vmlinuz
 INITRD /initrd.gz
 APPEND console=ttyS0,115200 quiet loglevel=4 rdinit=/init panic=5 mitigations=off no_timer_check tsc=reliable
SYSLINUX
mcopy -i "$work/p1" "$work/kernel/boot/vmlinuz-$version" ::vmlinuz
mcopy -i "$work/p1" "$work/initrd.gz" ::initrd.gz
mcopy -i "$work/p1" "$work/syslinux.cfg" ::syslinux.cfg
syslinux --install "$work/p1"
mkdir "$work/data"
truncate -s $((mb - 34))M "$work/p2"
mkfs.ext4 -q -L DATA -E lazy_itable_init=0 -d "$work/data" "$work/p2"
truncate -s "${mb}M" "$work/disk"
printf 'label: dos\nstart=2048,size=65536,type=e,bootable\nstart=67584,type=83\n' | sfdisk -q "$work/disk"
dd if=/usr/lib/SYSLINUX/mbr.bin of="$work/disk" bs=440 count=1 conv=notrunc status=none
dd if="$work/p1" of="$work/disk" bs=1M seek=1 conv=notrunc,sparse status=none
dd if="$work/p2" of="$work/disk" bs=1M seek=33 conv=notrunc,sparse status=none
qemu-img convert -c -O qcow2 "$work/disk" "$out.partial"
mv "$out.partial" "$out"
