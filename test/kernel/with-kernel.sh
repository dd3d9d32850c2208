#!/usr/bin/env bash
# with-kernel.sh - runs a command as root under a User-Mode-Linux kernel, with this machine's files visible
# (copy-on-write), and returns its output and exit status. For tests of what the running kernel does not have.
#
#   with-kernel.sh [options] [--] command [args...]
#
#   --kernel FILE   UML binary (default: $UML_KERNEL, else /usr/bin/linux.uml of Debian's user-mode-linux)
#   --modules DIR   its modules, a folder per version (default: lib/uml/modules beside the kernel's folder)
#   --share DIR     folder shared read-write (may be repeated)
#   --mem SIZE      guest memory (default 1G; only pages touched are used)
#   --timeout SEC   kill the guest after SEC seconds (status 124; default 600)
#   --cpu N         CPU to pin the guest to (default: by pid). Not pinned it is 2-3 times slower: the guest has one CPU
#                   and hands over between its processes at every system call.
#
# Everything written goes to a tmpfs overlay and vanishes, except under --share. The guest sees the caller's exported
# environment and working directory; stdin is /dev/null. It has a network stack of its own, with only lo. Status: the
# command's; 124 time-out; 125 the kernel did not boot or died. Needs root, util-linux, iproute2 and kmod.
set -u
die() { echo "with-kernel: $*" >&2; exit 125; }
kernel=${UML_KERNEL:-/usr/bin/linux.uml} modules='' mem=1G limit=600 cpu=$(( $$ % $(nproc) ))
shares=()
while [ $# -gt 0 ]; do
  case $1 in
    --kernel) kernel=$2; shift 2;;   --modules) modules=$2; shift 2;;
    --share) mkdir -p "$2" || exit 125; shares+=("$(readlink -f "$2")"); shift 2;;
    --mem) mem=$2; shift 2;;         --timeout) limit=$2; shift 2;;
    --cpu) cpu=$2; shift 2;;         --) shift; break;;
    -*) die "unknown option $1";;    *) break;;
  esac
done
[ $# -gt 0 ] || die "no command"
[ -x "$kernel" ] || die "no UML kernel at $kernel (apt-get install user-mode-linux kmod)"
kernel=$(readlink -f "$kernel")
if [ -z "$modules" ]; then   # Debian's: <prefix>/bin/linux.uml + <prefix>/lib/uml/modules/VERSION
  m=$(dirname "$(dirname "$kernel")")/lib/uml/modules; [ -d "$m" ] && modules=$m
fi

W=$(mktemp -d "${TMPDIR:-/tmp}/with-kernel.XXXXXX") || exit 125
uml= ; cats=()
cleanup() {
  if [ -n "$uml" ] && kill -0 "$uml" 2>/dev/null; then kill -KILL -- "-$uml" 2>/dev/null; wait "$uml" 2>/dev/null; fi
  rm -rf "$W"
}
trap cleanup EXIT
trap 'exit 130' INT; trap 'exit 143' TERM HUP
mkdir "$W/s" "$W/m"

# --- what the guest reads -------------------------------------------------------
printf '%s\0' "$@" > "$W/s/argv"
export -p | grep -vE '^declare -x (SHLVL|OLDPWD|UML_[A-Z]+)(=|$)' > "$W/s/env"
pwd -P > "$W/s/cwd"
merged=0; [ "$(readlink /proc/$$/fd/1)" = "$(readlink /proc/$$/fd/2)" ] && merged=1
{
  printf 'W=%q MODULES=%q MERGED=%q\n' "$W" "$modules" "$merged"
  printf 'SHARES=('; [ ${#shares[@]} -gt 0 ] && printf '%q ' "${shares[@]}"; printf ')\n'
} > "$W/s/conf"

cat > "$W/s/run" <<'RUN'
#!/bin/bash
d=$(dirname "$0"); . "$d/env"; cd "$(cat "$d/cwd")" || exit 126
mapfile -d '' -t argv < "$d/argv"
"${argv[@]}"; exit $?
RUN

cat > "$W/init" <<'INIT'
#!/bin/bash
# pid 1 of the guest; / is the host's file system, read-only (hostfs)
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
. "${0%/init}/s/conf"
hostfs() { mount -t hostfs -o "$1" none "$2" 2>/dev/null || mount -t hostfs -o "hostfs=$1" none "$2"; }
off() { sync; echo 1 > /proc/sys/kernel/sysrq; echo o > /proc/sysrq-trigger; sleep 60; }
fail() { echo "with-kernel init: $*"; off; }
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mountpoint -q /dev || mount -t devtmpfs dev /dev
hostfs "$W/s" "$W/s" || fail "cannot mount the control folder"
mount -t tmpfs -o mode=755,size=90% tmpfs "$W/m" || fail tmpfs
mkdir "$W/m/u" "$W/m/w" "$W/m/r"
rel=$(uname -r)
if ! grep -qw overlay /proc/filesystems; then
  ko=$MODULES/$rel/kernel/fs/overlayfs/overlay.ko
  for k in /usr/bin/kmod /bin/kmod none; do
    [ -x "$k" ] && (exec -a insmod "$k" "$ko") && break
  done
  [ "$k" != none ] || fail "no overlay file system (a modular kernel needs kmod)"
fi
R=$W/m/r
mount -t overlay overlay -o "lowerdir=/,upperdir=$W/m/u,workdir=$W/m/w" "$R" || fail overlay
mount -t proc proc "$R/proc"; mount -t sysfs sysfs "$R/sys"
mount -t devtmpfs dev "$R/dev"; mkdir -p "$R/dev/pts" "$R/dev/shm"
mount -t devpts -o ptmxmode=666 devpts "$R/dev/pts"; mount -t tmpfs -o mode=1777 shm "$R/dev/shm"
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
for i in 0 1 2; do n=(stdin stdout stderr); [ -e /dev/${n[i]} ] || ln -s /proc/self/fd/$i /dev/${n[i]}; done
mount -t tmpfs -o mode=755 run "$R/run"; mkdir -p "$R/run/lock" "$R/run/netns"
mount -t cgroup2 cgroup "$R/sys/fs/cgroup" 2>/dev/null
mount -t debugfs debug "$R/sys/kernel/debug" 2>/dev/null
for d in "${SHARES[@]}"; do mkdir -p "$R$d"; hostfs "$d" "$R$d" || fail "share $d"; done
if [ -n "$MODULES" ] && [ -d "$MODULES/$rel" ]; then
  mkdir -p "$R/lib/modules"; ln -sfn "$MODULES/$rel" "$R/lib/modules/$rel"
  # the kernel's module autoload runs here, outside the overlay: send it inside
  printf '#!/bin/bash\nPATH=/usr/sbin:/usr/bin exec chroot %q modprobe "$@"\n' "$R" > "$W/m/modprobe"
  chmod +x "$W/m/modprobe"; echo "$W/m/modprobe" > /proc/sys/kernel/modprobe
  chroot "$R" modprobe -a ipv6 bridge vxlan vrf veth dummy || echo "with-kernel init: modprobe failed (kmod installed?)"
fi
ip link set lo up
hostname uml 2>/dev/null || echo uml > /proc/sys/kernel/hostname
stty -F /dev/ttyS0 raw -echo; stty -F /dev/ttyS1 raw -echo
mkfifo "$W/m/o" "$W/m/e"
cat "$W/m/o" > /dev/ttyS0 & c1=$!
cat "$W/m/e" > /dev/ttyS1 & c2=$!
cut -d' ' -f1 /proc/uptime > "$W/s/booted"
if [ "$MERGED" = 1 ]; then exec 8> "$W/m/o" 9>&8; : > "$W/m/e"; else exec 8> "$W/m/o" 9> "$W/m/e"; fi
# a pid namespace of its own: when the command ends, so does all it left running
unshare -m -p --fork --propagation private bash -c '
  cd "$1" && umount proc && mount -t proc proc proc && mkdir -p run/.old && pivot_root . run/.old &&
    cd / && umount -l /run/.old && rmdir /run/.old && exec chroot . bash "$2"' \
  _ "$R" "$W/s/run" < /dev/null >&8 2>&9 8>&- 9>&-
rc=$?
exec 8>&- 9>&-; wait $c1 $c2   # all output is out
echo $rc > "$W/s/rc"
off
INIT
chmod +x "$W/init" "$W/s/run"

# --- boot -----------------------------------------------------------------------
shm=/dev/shm; [ "$(stat -f -c %T $shm 2>/dev/null)" = tmpfs ] || shm=${TMPDIR:-/tmp}   # guest memory
pin=()
command -v taskset >/dev/null && pin=(taskset -c "$cpu")
mkfifo "$W/out" "$W/err"
cat "$W/out" & cats+=($!)
cat "$W/err" >&2 & cats+=($!)
# setsid: Ctrl-C reaches only this script; pdeathsig + a pid namespace: nothing is left
# behind even when this script is killed with SIGKILL
TMPDIR=$shm setsid setpriv --pdeathsig KILL unshare --pid --fork --kill-child --mount-proc \
  "${pin[@]}" "$kernel" "mem=$mem" root=/dev/root rootfstype=hostfs rootflags=/ ro \
  "init=$W/init" quiet con=null con0=null,fd:1 ssl=null ssl0=null,fd:3 ssl1=null,fd:4 \
  "uml_dir=$W/" umid=uml fb_tunnels=none \
  dummy.numdummies=0 ifb.numifbs=0 bonding.max_bonds=0 \
  < /dev/null > "$W/console" 2>&1 3> "$W/out" 4> "$W/err" &
uml=$!
( t=$limit; while [ "$t" -gt 0 ]; do sleep 1; kill -0 $uml 2>/dev/null || exit 0; t=$((t-1)); done
  : > "$W/timedout"; kill -KILL -- "-$uml" 2>/dev/null ) < /dev/null > /dev/null 2>&1 &
dog=$!
wait "$uml" 2>/dev/null; uml_rc=$?
kill "$dog" 2>/dev/null; wait "$dog" 2>/dev/null; uml=
wait "${cats[@]}"
if [ -s "$W/s/rc" ]; then exit "$(cat "$W/s/rc")"; fi
if [ -e "$W/timedout" ]; then echo "with-kernel: killed after $limit s" >&2; exit 124; fi
{ echo "with-kernel: the guest kernel ended ($uml_rc) before the command did; its console:"; tail -40 "$W/console"; } >&2
exit 125
