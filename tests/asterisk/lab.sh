#!/bin/sh
# A real Asterisk 22 for the tests, in a directory of its own.
#
#   lab.sh install              build it: Debian's packages, unpacked by mmdebstrap (minutes, once)
#   lab.sh start | stop | kill  bring it up with etc/*.conf, end it politely, end it as a crash does
#   lab.sh cli 'COMMAND'        what its console answers
#
# It listens on loopback alone: manager port 25038 (ringback / lab-secret), SIP 25060. One at a
# time. Needs root (for chroot); `install` also needs the network and Debian's mmdebstrap.
# RINGBACK_LAB is the directory to build in; RINGBACK_LAB_MIRROR a Debian mirror, by default the
# one that this machine's apt already uses.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=${RINGBACK_LAB:-${XDG_CACHE_HOME:-$HOME/.cache}/ringback/asterisk-22}

mirror() {
  { sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources
    sed -n 's/^deb  *\(\[[^]]*\] *\)\{0,1\}\([^ ]*\) .*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/*.list
  } 2>/dev/null | grep -v security | head -1
}

answers() { chroot "$root" asterisk -rx 'core waitfullybooted' 2>/dev/null | grep -q 'fully booted'; }
running() { [ -s "$root/run/asterisk/asterisk.pid" ] && kill -0 "$(cat "$root/run/asterisk/asterisk.pid")" 2>/dev/null; }
gone() {
  for _ in $(seq 100); do running || return 0; sleep 0.1; done
  echo "lab: asterisk did not end" >&2
  exit 1
}

case "${1:-}" in
install)
  [ -x "$root/usr/sbin/asterisk" ] && exit 0
  command -v mmdebstrap >/dev/null || { apt-get update -q && apt-get install -y -q mmdebstrap; }
  rm -rf "$root.part"
  mkdir -p "$(dirname "$root")"
  # A frozen mirror's release is past its date, and no less signed.
  mmdebstrap --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' \
    --include=asterisk,asterisk-modules,asterisk-config forky \
    "$root.part" "${RINGBACK_LAB_MIRROR:-$(mirror)}"
  mv "$root.part" "$root"
  ;;
start)
  running && { echo "lab: asterisk is already running" >&2; exit 1; }
  mkdir -p "$root/run/asterisk"
  rm -f "$root/run/asterisk/asterisk.pid" "$root/run/asterisk/asterisk.ctl"
  rm -f "$root"/etc/asterisk/extensions.lua "$root"/etc/asterisk/extensions.ael
  cp "$here"/etc/*.conf "$root/etc/asterisk/"
  modules=$(cd "$root" && ls -d usr/lib/*/asterisk/modules usr/lib/asterisk/modules 2>/dev/null | head -1)
  sed -i "s#^astmoddir.*#astmoddir => /$modules#" "$root/etc/asterisk/asterisk.conf"
  chroot "$root" chown -R root:root /var/lib/asterisk /var/spool/asterisk /var/log/asterisk /run/asterisk
  chroot "$root" asterisk -F </dev/null >/dev/null 2>&1
  for _ in $(seq 100); do answers && exit 0; sleep 0.1; done
  echo "lab: asterisk did not come up; its log is $root/var/log/asterisk/messages" >&2
  exit 1
  ;;
stop)
  running || exit 0
  chroot "$root" asterisk -rx 'core stop now' >/dev/null 2>&1 || true
  gone
  ;;
kill)
  running || exit 0
  kill -9 "$(cat "$root/run/asterisk/asterisk.pid")"
  gone
  ;;
cli) chroot "$root" asterisk -rx "$2" ;;
*)
  sed -n '2,12s/^# \{0,1\}//p' "$0"
  exit 2
  ;;
esac
