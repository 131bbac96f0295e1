#!/bin/sh
# Throughput between real network stacks: net.sh [--quick] [--json] [--workers N]
#
#     client namespace  --TUN lan0--  what is measured  --TUN wan0--  server namespace
#
# Measured in turn, round by round, so that a noisy machine is noisy for all: the bare copier
# (test/bench/copier.c), the gateway, and for orientation the kernel's own masquerading between veth
# devices. MTU 1500, offloads on. What counts is the ratio of gateway and copier in one round.
set -eu

BUILD=${BUILD:-build}
if [ "${1:-}" != inside ]; then
	[ -x "$BUILD/bench/copier" ] && [ -x "$BUILD/router" ] || {
		echo "net.sh: first: make BUILD=$BUILD all $BUILD/bench/copier" >&2
		exit 1
	}
	as_root=
	[ "$(id -u)" = 0 ] || as_root='--user --map-root-user'
	exec unshare $as_root --net --mount --pid --fork --kill-child -- sh "$0" inside "$@"
fi
shift
trap 'exit 1' INT TERM HUP

rounds=9 seconds=4 json=0 workers=1
while [ $# -gt 0 ]; do
	case $1 in
	--quick) rounds=5 seconds=2 ;;
	--json) json=1 ;;
	--workers) workers=$2; shift ;;
	*) echo "usage: net.sh [--quick] [--json] [--workers N]" >&2; exit 2 ;;
	esac
	shift
done

mount -t tmpfs tmpfs /run
mkdir /run/netns
CLIENT=192.168.7.2 SERVER=203.0.113.9

# wait_for COMMAND...: until it succeeds, 5 seconds at the most.
wait_for() {
	for _ in $(seq 100); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.05
	done
	echo "net.sh: waited in vain for: $*" >&2
	exit 1
}

namespaces() {
	for name; do
		ip netns add "$name"
		ip -n "$name" link set lo up
	done
}

# ends WHAT: addresses of the kernels' ends, where what is measured did not set them.
ends() {
	ip -n "client-$1" address add $CLIENT/24 dev lan0
	ip -n "server-$1" address add $SERVER/24 dev wan0
	ip -n "client-$1" link set lan0 up
	ip -n "server-$1" link set wan0 up
	ip -n "client-$1" route add default dev lan0 via 192.168.7.1 onlink
}

start_copier() {
	namespaces client-copier server-copier
	"$BUILD/bench/copier" --a lan0@client-copier --b wan0@server-copier --mtu 1500 &
	wait_for ip -n server-copier link show wan0
	ends copier
	ip -n server-copier route add default dev wan0
}

start_router() {
	namespaces client-router server-router
	cat >/run/router.conf <<-END
		workers = $workers;
		control = "/run/router.sock";
		interfaces = (
		  { name = "lan0"; type = "tun"; side = "inside"; netns = "client-router"; mtu = 1500;
		    address = [ "192.168.7.1/24" ]; },
		  { name = "wan0"; type = "tun"; side = "outside"; netns = "server-router"; mtu = 1500;
		    address = [ "203.0.113.1/24" ]; }
		);
		nat = ( { name = "bench"; match = "192.168.7.0/24"; type = "napt44";
		          pool = [ "203.0.113.5" ]; } );
	END
	"$BUILD/router" run -c /run/router.conf >&2 &
	wait_for "$BUILD/routerctl" status
	ends router
}

start_masquerade() {
	namespaces client-masquerade kernel server-masquerade
	ip -n kernel link add lan1 type veth peer name lan0 netns client-masquerade
	ip -n kernel link add wan1 type veth peer name wan0 netns server-masquerade
	ip -n kernel address add 192.168.7.1/24 dev lan1
	ip -n kernel address add 203.0.113.1/24 dev wan1
	ip -n kernel link set lan1 up
	ip -n kernel link set wan1 up
	ends masquerade
	ip netns exec kernel sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
	ip netns exec kernel nft -f - <<-END
		table ip nat {
			chain post {
				type nat hook postrouting priority srcnat
				oifname wan1 masquerade
			}
		}
	END
}

# tcp WHAT TRAFFIC [--reverse]: a line with the report of iperf3.
tcp() {
	what=$1 traffic=$2
	shift 2
	ip netns exec "client-$what" iperf3 --client $SERVER --time $seconds --json "$@" >/run/report || {
		grep '"error"' /run/report >&2
		exit 1
	}
	echo "$what $traffic $(tr -d '\n' </run/report)" >>/run/results
}

arrived() {
	ip -json -statistics -n "server-$1" link show wan0 |
		sed 's/.*"rx":{[^}]*"packets":\([0-9]*\).*/\1/'
}

# udp WHAT: how many of as many datagrams of 18 octets as one process can send arrive at the
# server's device. A socket that nobody reads takes them, so that no errors are sent back.
udp() {
	before=$(arrived "$1")
	ip netns exec "client-$1" python3 - $SERVER $seconds <<-END
		import socket, sys, time
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.connect((sys.argv[1], 9))
		end = time.monotonic() + int(sys.argv[2])
		while time.monotonic() < end:
		    for _ in range(64):
		        s.send(bytes(18))
	END
	echo "$1 udp $((($(arrived "$1") - before) / seconds))" >>/run/results
}

start_copier
start_router
start_masquerade
for what in copier router masquerade; do
	wait_for ip netns exec "client-$what" ping -c 1 -W 1 $SERVER
	ip netns exec "server-$what" iperf3 --server --bind $SERVER >/dev/null 2>&1 &
	ip netns exec "server-$what" python3 -c "if True:
		import signal, socket
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.bind(('$SERVER', 9))
		signal.pause()" &
done
sleep 0.5
for _ in $(seq $rounds); do
	for what in copier router masquerade; do tcp $what tcp; done
	for what in copier router masquerade; do tcp $what tcp-back --reverse; done
	for what in copier router masquerade; do udp $what; done
done

python3 - $json $workers $seconds <<'END'
import json
import statistics
import sys

as_json, workers, seconds = (int(word) for word in sys.argv[1:])
figures = {}
for line in open("/run/results"):
    what, traffic, report = line.split(" ", 2)
    if traffic == "udp":
        figure = int(report) / 1e6
    else:
        figure = json.loads(report)["end"]["sum_received"]["bits_per_second"] / 1e9
    figures.setdefault(traffic, {}).setdefault(what, []).append(figure)


def summary(values):
    return {"median": round(statistics.median(values), 3), "least": round(min(values), 3),
            "most": round(max(values), 3)}


def text(s):
    return f"{s['median']:6.2f}  ({s['least']:.2f} - {s['most']:.2f})"


units = {"tcp": "Gb/s", "tcp-back": "Gb/s", "udp": "Mpackets/s"}
result = {"mtu": 1500, "workers": workers, "seconds": seconds}
for traffic, by_what in figures.items():
    row = {what: summary(values) for what, values in by_what.items()}
    row["unit"], row["rounds"] = units[traffic], len(by_what["router"])
    row["router_to_copier"] = summary([r / c for r, c in zip(by_what["router"], by_what["copier"])])
    result[traffic] = row
if as_json:
    print(json.dumps(result))
else:
    print(f"one flow, MTU 1500, {workers} worker(s), {seconds} s a round: median (range)")
    for traffic in figures:
        for what, s in result[traffic].items():
            if isinstance(s, dict):
                unit = "" if what == "router_to_copier" else units[traffic]
                print(f"  {traffic:9} {what:17} {text(s)} {unit}")
END
