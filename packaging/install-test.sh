#!/usr/bin/env bash
# Installs the package on a fresh Debian that runs systemd (a container), as somebody in a clinic would, and looks at what becomes of it:
# set up, restarted, killed, started in vain, upgraded, removed. Needs root, mmdebstrap, systemd-container, curl; else it says
# `skipped`. usage: install-test.sh PACKAGE.deb [MODELS.deb]   SUITE=trixie for another Debian
set -euo pipefail
package=$(readlink -f "${1:?which package?}")
models=${2:+$(readlink -f "$2")}
suite=${SUITE:-bookworm}
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target/install"
work=$(cd "$target/install" && pwd)
skip() { echo "skipped: $1"; exit 0; }
[ "$(id -u)" -eq 0 ] || skip 'installing is tried as root only'
for tool in mmdebstrap systemd-nspawn nsenter curl python3; do command -v $tool >/dev/null || skip "$tool is not installed"; done

base=$work/$suite root=$work/root
if [ ! -e "$base/usr/bin/systemctl" ]; then
  echo "install: making a $suite, once"
  mmdebstrap --mode=root --variant=minbase --include=systemd,systemd-sysv,libnss-systemd,dbus,iproute2,init-system-helpers \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' "$suite" "$base" >"$work/mmdebstrap.log" 2>&1 ||
    { tail -5 "$work/mmdebstrap.log"; rm -rf "$base"; exit 1; }
fi
rm -rf "$root"
cp -a --reflink=auto "$base" "$root"
rm -f "$root/etc/machine-id" && touch "$root/etc/machine-id"

passed=0 failed=0
ok() { passed=$((passed + 1)); echo "ok   $*"; }
bad() { failed=$((failed + 1)); echo "FAIL $*"; }
check() { # what, command...
  local what=$1; shift
  if "$@" >"$work/said" 2>&1; then ok "$what"; else bad "$what: $(tail -n 3 "$work/said" | tr '\n' ' ')"; fi
}
now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f", b - a }'; }

systemd-nspawn -q -D "$root" --boot --register=no --keep-unit --private-network --console=pipe </dev/null >"$work/console.log" 2>&1 &
nspawn=$!
leader=
finish() {
  [ -z "${KEEP:-}" ] || { echo "kept; leader $leader"; sleep "$KEEP"; }
  [ -z "$leader" ] || nsenter -t "$leader" -a -- systemctl poweroff --force --force >/dev/null 2>&1 || true
  kill "$nspawn" 2>/dev/null || true
  wait "$nspawn" 2>/dev/null || true
}
trap finish EXIT
for _ in $(seq 100); do
  leader=$(pgrep -P "$nspawn" -x systemd || true)
  [ -n "$leader" ] && nsenter -t "$leader" -a -- systemctl is-system-running --wait >/dev/null 2>&1 && break
  sleep 0.2
done
[ -n "$leader" ] || { echo 'install: the container did not start'; tail -5 "$work/console.log"; exit 1; }
inside() { nsenter -t "$leader" -a -- "$@"; }
# Asked from outside of the container, inside its network.
ask() { nsenter -t "$leader" -n -- curl -sk --max-time 10 "$@"; }
own=(-H 'X-ClinicVault: 1' -H 'Sec-Fetch-Site: same-origin' -H 'Content-Type: application/json')
field() { python3 -c 'import json,sys; d=json.load(sys.stdin)
for k in sys.argv[1].split("."): d=d[int(k) if k.isdigit() else k]
print(d)' "$1"; }
state() { ask https://127.0.0.1/api/status | field state 2>/dev/null; }
becomes() { # state, seconds
  local began; began=$(now)
  while [ "$(state)" != "$1" ]; do
    [ "${2:-30}" -gt "$(since "$began" | cut -d. -f1)" ] || { echo "it is $(state), not $1"; return 1; }
    sleep 0.2
  done
}
failing() { ask -o /dev/null -w '%{http_code}' https://127.0.0.1/health | grep -q "^$1$"; }

inside ip link add lan type veth peer name lan-far && inside ip link set lan-far up && inside ip addr add 192.168.77.5/24 dev lan && inside ip link set lan up
cp "$package" "$root/clinicvault.deb"
began=$(now)
inside dpkg -i /clinicvault.deb >"$work/dpkg.log" 2>&1 || { tail -20 "$work/dpkg.log"; echo 'FAIL the package does not install'; exit 1; }
check 'a page waits to set the box up' becomes setup 30
echo "     from dpkg -i to the page of the setup: $(since "$began") s (aim 30)"
check 'the installation says where the page is' grep -q 'https://192.168.77.5/' "$work/dpkg.log"
code=$(grep -A1 'enter the setup code' "$work/dpkg.log" | tail -1 | tr -d ' ')
check 'it says the setup code and draws a QR code' bash -c "[[ '$code' =~ ^[0-9A-Z]{4}-[0-9A-Z]{4}$ ]] && grep -q '█' '$work/dpkg.log'"
check 'a key is sealed to the machine' test -s "$root/etc/credstore.encrypted/clinicvault"
check 'it does not run as root' bash -c "! nsenter -t $leader -a -- sh -c 'grep -h ^Uid /proc/\$(systemctl show -P MainPID clinicvault)/status' | grep -qP '\\t0\\t'"
check 'its folder is its own' bash -c "[ \"\$(stat -c %a '$root/var/lib/clinicvault')\" = 700 ]"
check 'it holds no capability' bash -c "nsenter -t $leader -a -- sh -c 'grep -h ^CapEff /proc/\$(systemctl show -P MainPID clinicvault)/status' | grep -q '0000000000000000\$'"

ask "${own[@]}" -d '{"code":"'"$code"'","clinic":{"name":"Trial clinic"},"owner":{"name":"Asha Rao","username":"owner","password":"Peacock-register-77 margin"},"unlock":{"kind":"keyfile"}}' \
  -c "$work/cookies" https://127.0.0.1/api/setup >"$work/setup.json"
check 'the box is set up' becomes recovery 10
check 'its key is the sealed one, no file beside the records' bash -c "[ ! -e '$root/var/lib/clinicvault/data/keyfile' ]"
python3 - "$work/setup.json" >"$work/confirm.json" <<'PY'
import json, sys
sheet = json.load(open(sys.argv[1]))
print(json.dumps({"groups": {str(n): sheet["recovery"]["groups"][n - 1] for n in sheet["confirm"]}}))
PY
ask "${own[@]}" -b "$work/cookies" -d @"$work/confirm.json" https://127.0.0.1/api/setup/confirm >/dev/null
check 'the recovery key is confirmed' becomes ready 10
box() { inside runuser -u clinicvault -- clinicvault "$@" --config /etc/clinicvault/clinicvault.toml; }
token=$(box token --scope 'system/*.cruds' 2>/dev/null | tail -1)
patient=$(ask -H "Authorization: Bearer $token" -H 'Content-Type: application/fhir+json' \
  -d '{"resourceType":"Patient","name":[{"family":"Pawar","given":["Lata"]}],"gender":"female","birthDate":"1968-03-14"}' https://127.0.0.1/fhir/Patient | field id)
there() { ask -H "Authorization: Bearer $token" "https://127.0.0.1/fhir/Patient/$patient" | grep -q Pawar; }
check 'a patient is written and read' there

# The worker that hears: in a place of its own, with the limits of its slice.
python3 - "/proc/$leader/root/run/clinicvault-scribe.sock" >"$work/worker" 2>&1 <<'PY' &
import socket, sys, time
there = socket.socket(socket.AF_UNIX)
there.settimeout(10)
there.connect(sys.argv[1])
length = int.from_bytes(there.recv(4), "little")
greeting = there.recv(length)
assert greeting[0] == 129, greeting
print("it greets", flush=True)
time.sleep(8)
PY
sleep 3
check 'a worker that hears greets at its socket' grep -q 'it greets' "$work/worker"
worker=$(inside systemctl show -P MainPID 'clinicvault-scribe@*' | grep -v '^$' | head -1) || true
check 'in its own slice' grep -q 'clinicvault-scribe.slice' "/proc/$leader/root/proc/$worker/cgroup"
check 'as nobody of the box' bash -c "! grep -q \"^Uid:.\$(nsenter -t $leader -a -- id -u clinicvault)\" '/proc/$leader/root/proc/$worker/status'"
check 'without a network' bash -c "[ \"\$(grep -c : '/proc/$leader/root/proc/$worker/net/dev')\" = 1 ]"
wait %2 2>/dev/null || true
if [ -n "${models:-}" ]; then
  cp "$models" "$root/models.deb"
  check 'the package of models goes in' inside dpkg -i /models.deb
  check 'its words are heard through the socket' box model test tiny.en-q8_0
fi

began=$(now)
inside systemctl stop clinicvault.service 2>/dev/null
took=$(since "$began")
check "it stops in order within 5 s ($took s)" awk -v t="$took" 'BEGIN { exit !(t < 5) }'
check 'a question wakes it, and it opens by itself' becomes ready 30
check 'the patient is there' there
main() { inside systemctl show -P MainPID clinicvault.service; }
before=$(main)
inside systemctl kill -s KILL clinicvault.service
sleep 0.5
check 'killed, it comes back by itself' becomes ready 30
check 'as another process' bash -c "[ '$before' != '$(main)' ]"
inside systemctl kill -s STOP clinicvault.service
began=$(now)
for _ in $(seq 90); do inside journalctl -u clinicvault -q --no-pager 2>/dev/null | grep -q 'atchdog timeout' && break; sleep 1; done
check "frozen, the watchdog ends it ($(since "$began") s)" bash -c "nsenter -t $leader -a -- journalctl -u clinicvault -q --no-pager | grep -q 'atchdog timeout'"
check 'and it comes back' becomes ready 60
check 'the patient is there' there
inside systemctl stop clinicvault.service clinicvault-https.socket clinicvault-http.socket 2>/dev/null
inside systemctl start clinicvault.service && check 'an ordered start' becomes ready 30
inside systemctl stop clinicvault-https.socket clinicvault-http.socket clinicvault.service
mv "$root/var/lib/clinicvault/data/vault.redb" "$root/var/lib/clinicvault/aside"
inside systemctl start --no-block clinicvault.service
check 'started in vain, it says why on its page' becomes rescue 60
check 'and /health says so' failing 503
check 'the service stands, it does not spin' inside systemctl is-active clinicvault.service
check 'systemctl status tells the reason' bash -c "nsenter -t $leader -a -- systemctl show -P StatusText clinicvault.service | grep -q 'vault.redb'"
mv "$root/var/lib/clinicvault/aside" "$root/var/lib/clinicvault/data/vault.redb"
ask "${own[@]}" -X POST https://127.0.0.1/api/rescue/retry
check 'asked to, it tries again and works' becomes ready 30
check 'the patient is there' there
check 'the exposure on this system is 1.5 at most' inside systemd-analyze security --no-pager --threshold=15 clinicvault.service
check 'no name of a patient is in the journal' bash -c "! nsenter -t $leader -a -- journalctl -q --no-pager -o export | grep -aq 'Pawar'"

check 'an upgrade goes through' inside dpkg -i /clinicvault.deb
check 'and the box is at work' becomes ready 30
check 'the patient is there' there
check 'removing goes through' inside dpkg -r clinicvault
check 'the records stay' test -s "$root/var/lib/clinicvault/data/vault.redb"
check 'nothing listens any more' bash -c "! nsenter -t $leader -n -- curl -sk --max-time 2 https://127.0.0.1/health"
check 'installed again' inside dpkg -i /clinicvault.deb
check 'it finds its records' becomes ready 30
check 'the patient is there' there
inside dpkg -P clinicvault >"$work/purge.log" 2>&1 || bad 'purging does not go through'
check 'purging says where the records stay' grep -q '/var/lib/clinicvault' "$work/purge.log"
check 'and they do' test -s "$root/var/lib/clinicvault/data/vault.redb"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
