#!/bin/sh
# A real Asterisk for the tests, in a directory of its own: 22, of Debian forky, or 16, of bullseye.
#
#   lab.sh VERSION install              build it: Debian's packages, unpacked by mmdebstrap (minutes, once)
#   lab.sh VERSION start | stop | kill  bring it up with etc/*.conf, end it politely, end it as a crash does
#   lab.sh VERSION cli 'COMMAND'        what its console answers
#
# It listens on loopback alone: manager port 2VV38 (ringback / lab-secret) and SIP 2VV60, VV being
# the version, so that both may run at once. Needs root (for chroot); `install` also needs the
# network and Debian's mmdebstrap. RINGBACK_LAB is the directory to build in; RINGBACK_LAB_MIRROR
# a Debian mirror, by default the one that this machine's apt uses, then Debian's own, then its
# archive.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
version=${1:-}
case "$version" in
22) suite=forky ;;
16) suite=bullseye ;;
*) version='' ;;
esac
root=${RINGBACK_LAB:-${XDG_CACHE_HOME:-$HOME/.cache}/ringback}/asterisk-$version

mirrors() {
  { echo "${RINGBACK_LAB_MIRROR:-}"
    sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources
    sed -n 's/^deb  *\(\[[^]]*\] *\)\{0,1\}\([^ ]*\) .*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/*.list
    echo http://deb.debian.org/debian
    echo http://archive.debian.org/debian
  } 2>/dev/null | grep '/debian/*$' | awk '!seen[$0]++'
}

build() { # build MIRROR
  rm -rf "$root.part"
  # A frozen mirror's release is past its date, and no less signed.
  mmdebstrap --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' \
    --include=asterisk,asterisk-modules,asterisk-config "$suite" "$root.part" "$1"
}

answers() { chroot "$root" asterisk -rx 'core waitfullybooted' 2>/dev/null | grep -q 'fully booted'; }
running() { [ -s "$root/run/asterisk/asterisk.pid" ] && kill -0 "$(cat "$root/run/asterisk/asterisk.pid")" 2>/dev/null; }
gone() {
  for _ in $(seq 100); do running || return 0; sleep 0.1; done
  echo "lab: asterisk did not end" >&2
  exit 1
}

case "${version:+${2:-}}" in
install)
  [ -x "$root/usr/sbin/asterisk" ] && exit 0
  command -v mmdebstrap >/dev/null || { apt-get update -q && apt-get install -y -q mmdebstrap; }
  mkdir -p "$(dirname "$root")"
  for mirror in $(mirrors); do build "$mirror" && break; done
  mv "$root.part" "$root"
  ;;
start)
  running && { echo "lab: asterisk is already running" >&2; exit 1; }
  mkdir -p "$root/run/asterisk"
  rm -f "$root/run/asterisk/asterisk.pid" "$root/run/asterisk/asterisk.ctl"
  rm -f "$root"/etc/asterisk/extensions.lua "$root"/etc/asterisk/extensions.ael
  modules=$(cd "$root" && ls -d usr/lib/*/asterisk/modules usr/lib/asterisk/modules 2>/dev/null | head -1)
  for conf in "$here"/etc/*.conf; do
    sed "s#{version}#$version#g; s#{modules}#/$modules#g" "$conf" >"$root/etc/asterisk/$(basename "$conf")"
  done
  # Silence is all that is ever played: a second of it, or three.
  head -c 8000 /dev/zero | tr '\0' '\377' >"$root/usr/share/asterisk/sounds/second.ulaw"
  head -c 24000 /dev/zero | tr '\0' '\377' >"$root/usr/share/asterisk/sounds/how-was-it.ulaw"
  cp "$root/usr/share/asterisk/sounds/second.ulaw" "$root/usr/share/asterisk/sounds/thank-you.ulaw"
  # What a test before wrote: members that came, agents' state.
  rm -f "$root"/var/lib/asterisk/astdb.sqlite3*
  chroot "$root" chown -R root:root /var/lib/asterisk /var/spool/asterisk /var/log/asterisk /run/asterisk
  chroot "$root" asterisk -F </dev/null >/dev/null 2>&1
  for _ in $(seq 200); do answers && exit 0; sleep 0.1; done
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
cli) chroot "$root" asterisk -rx "$3" ;;
*)
  sed -n '2,14s/^# \{0,1\}//p' "$0"
  exit 2
  ;;
esac
