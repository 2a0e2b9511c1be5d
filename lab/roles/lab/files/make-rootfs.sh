#!/usr/bin/env bash
# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# make-rootfs.sh ROOTFS PACKAGES RELEASE: builds the root file system that all lab hosts share.
#
# ROOTFS is made whole or not at all: work goes on in ROOTFS.partial, which is renamed at the end.
# Packages come from where this machine's own apt gets Debian's, with its proxy and CA settings.
set -euo pipefail
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive DEBIAN_PRIORITY=critical

rootfs=$1 packages=$2 release=$3
work=$rootfs.partial

# Lines "URI SUITE COMPONENT" of the Debian archives which this machine's apt knows for the release.
archives() {
    apt-get indextargets --format "\$(ORIGIN) \$(CODENAME) \$(REPO_URI) \$(RELEASE) \$(COMPONENT)" "Created-By: Packages" |
        awk -v r="$release" '$1 == "Debian" && $2 ~ "^" r "(-security|-updates)?$" { print $3, $4, $5 }' | sort -u
}
if [ -z "$(archives)" ]; then
    apt-get -qq update
fi
mirror=$(archives | awk -v r="$release" '$2 == r && $3 == "main" { print $1; exit }')
if [ -z "$mirror" ]; then
    echo "This machine's apt has no Debian $release archive configured: add one to /etc/apt/sources.list.d" >&2
    exit 1
fi

mounted=()
cleanup() {
    local m
    for m in "${mounted[@]}"; do umount "$m" || umount -l "$m"; done
}
trap cleanup EXIT

rm -rf --one-file-system "$work"
mkdir -p "$work"
debootstrap --variant=minbase --include=ca-certificates "$release" "$work" "$mirror" >"$rootfs.log" 2>&1 ||
    { tail -n 20 "$rootfs.log" >&2; exit 1; }

# apt in there works as it does here
archives | sed 's/^/deb /' >"$work/etc/apt/sources.list"
apt-config dump | grep -E '^Acquire::(http|https|Check|ForceIPv)' >"$work/etc/apt/apt.conf.d/90operator" || true
cp -L /etc/ssl/certs/ca-certificates.crt "$work/etc/ssl/certs/ca-certificates.crt"
cp -L /etc/resolv.conf "$work/etc/resolv.conf"
cp -L /etc/hosts "$work/etc/hosts"
# No service may start while packages are being installed
printf '#!/bin/sh\nexit 101\n' >"$work/usr/sbin/policy-rc.d"
chmod 755 "$work/usr/sbin/policy-rc.d"
# Documentation and translations are of no use in the lab
cat >"$work/etc/dpkg/dpkg.cfg.d/lab" <<'DPKG'
force-unsafe-io
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/man/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/info/*
DPKG
mount -t proc proc "$work/proc"
mounted+=("$work/proc")

in_root() { chroot "$work" "$@"; }
mapfile -t names < <(sed 's/#.*//' "$packages" | xargs -n1)
{
    in_root apt-get -q update
    in_root apt-get -q -y -o Dpkg::Options::=--force-confold --no-install-recommends install "${names[@]}"
    # Kept as archives: the guest's kernel and agent, which the hosts must not install
    mkdir -p "$work/var/cache/lab"
    kernel=$(in_root apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image-/ { print $2; exit }')
    in_root sh -c "cd /var/cache/lab && apt-get -q -o APT::Sandbox::User=root download $kernel qemu-guest-agent"
    in_root apt-get clean
} >>"$rootfs.log" 2>&1 || { tail -n 30 "$rootfs.log" >&2; exit 1; }

rm -f "$work/usr/sbin/policy-rc.d" "$work"/etc/ssh/ssh_host_* "$work/etc/resolv.conf" "$work/var/lib/dbus/machine-id"
rm -rf "$work"/var/lib/apt/lists/* "$work"/var/lib/libvirt/qemu/networks
: >"$work/etc/machine-id"
: >"$work/etc/resolv.conf"
cleanup
mounted=()
rm -rf --one-file-system "$rootfs"
mv "$work" "$rootfs"
