#!/usr/bin/env bash
# Calls through a network: a home behind a NAT, a box and a relay beyond it, each a network namespace of its own.
# usage: call-net.sh [part of a walk's name]
# Needs root, nft and coturn's turnserver (Debian: nftables, coturn); says `skipped` where one is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
skip() { echo "skipped: $*"; echo '0 passed, 0 failed'; exit 0; }
[ "$(id -u)" -eq 0 ] || skip 'network namespaces need root'
for tool in ip nft turnserver node; do command -v "$tool" >/dev/null || skip "$tool is not here"; done

n=cv$$
world=$n-world nat=$n-nat home=$n-home box=$n-box relay=$n-relay
away() { for ns in $world $nat $home $box $relay; do ip netns del "$ns" 2>/dev/null || true; done; }
trap away EXIT
for ns in $world $nat $home $box $relay; do ip netns add "$ns" 2>/dev/null || skip 'network namespaces are not allowed here'; ip -n "$ns" link set lo up; done

# The world is a switch: box, relay and the NAT's outer side hang on it (addresses of RFC 5737).
ip -n "$world" link add switch type bridge
ip -n "$world" link set switch up
plug() { # NAMESPACE ADDRESS
  ip link add "$n-a" type veth peer name "$n-b"
  ip link set "$n-a" netns "$1" name world
  ip link set "$n-b" netns "$world" name "to-${1#"$n-"}"
  ip -n "$world" link set "to-${1#"$n-"}" master switch up
  ip -n "$1" addr add "$2/24" dev world
  ip -n "$1" link set world up
}
plug "$box" 203.0.113.2
plug "$relay" 203.0.113.3
plug "$nat" 203.0.113.4
ip link add "$n-a" type veth peer name "$n-b"
ip link set "$n-a" netns "$nat" name home
ip link set "$n-b" netns "$home" name out
ip -n "$nat" addr add 192.168.77.1/24 dev home
ip -n "$nat" link set home up
ip -n "$home" addr add 192.168.77.2/24 dev out
ip -n "$home" link set out up
ip -n "$home" route add default via 192.168.77.1
ip netns exec "$nat" sysctl -qw net.ipv4.ip_forward=1
ip netns exec "$nat" nft -f - <<'RULES' || skip 'the kernel translates no addresses'
table ip call {
  chain out { type nat hook postrouting priority 100; oifname "world" masquerade; }
  chain through { type filter hook forward priority 0; }
}
RULES

NS_BOX=$box NS_RELAY=$relay NS_NAT=$nat IP_BOX=203.0.113.2 IP_RELAY=203.0.113.3 \
  ip netns exec "$home" node tests/browser/call-net.mjs "$@"
