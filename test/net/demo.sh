#!/bin/sh
# The main job, within a minute: a client behind the gateway talks to a server.
#
#     namespace nat-client            build/router -c router.conf            namespace nat-server
#     192.168.7.2  --- TUN lan0 ---  192.168.7.1   203.0.113.1  --- TUN wan0 ---  203.0.113.10
#
# All of it lives in namespaces of this script and is gone with it. make demo runs it.
set -eu

BUILD=${BUILD:-build}
CLIENT=192.168.7.2 ROUTER=192.168.7.1 SERVER=203.0.113.10 OUTSIDE=203.0.113.5
here=$(dirname "$0")

# First time through: come back as process 1 of private namespaces. What process 1 has started, the
# kernel ends with it, and what namespaces hold, it removes.
if [ "${1:-}" != inside ]; then
	as_root=
	[ "$(id -u)" = 0 ] || as_root='--user --map-root-user'
	unshare $as_root --net --mount --pid --fork true || {
		echo "demo: cannot make namespaces; become root, or allow user namespaces:" >&2
		echo "demo:   sysctl -w user.max_user_namespaces=10000 kernel.unprivileged_userns_clone=1" >&2
		exit 1
	}
	if ! (: <>/dev/net/tun) 2>/dev/null; then
		echo "demo: cannot open /dev/net/tun; as root: modprobe tun; chmod 666 /dev/net/tun" >&2
		exit 1
	fi
	exec unshare $as_root --net --mount --pid --fork --kill-child -- sh "$0" inside
fi
trap 'exit 1' INT TERM HUP
mount -t tmpfs tmpfs /run
mkdir /run/netns /run/www
failed=0

client() { ip netns exec nat-client "$@"; }
server() { ip netns exec nat-server "$@"; }
ctl() { "$BUILD/routerctl" "$@"; }

say() { printf '\n== %s ==\n' "$*"; }

# step TEXT COMMAND...: run it, show its last lines, and judge it by its exit status.
step() {
	text=$1
	shift
	if "$@" >/run/said 2>&1; then verdict=PASS; else verdict=FAIL failed=1; fi
	printf '%s  %s\n' "$verdict" "$text"
	grep . /run/said | tail -n 3 | sed 's/^/      /' || true
}

# wait_for COMMAND...: until it succeeds, 5 seconds at the most.
wait_for() {
	for _ in $(seq 100); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.05
	done
	echo "demo: waited in vain for: $*" >&2
	cat /run/router.log >&2
	exit 1
}

says() { # says PATTERN COMMAND...: it prints a line like that
	pattern=$1
	shift
	"$@" | tee /run/line
	grep -Eq "$pattern" /run/line
}

gone() { ! ip -n "$1" link show "$2" 2>/dev/null; }

say "the gateway"
ip netns add nat-client
ip netns add nat-server
client ip link set lo up
server ip link set lo up
"$BUILD/router" run -c router.conf >/run/router.log 2>&1 &
gateway=$!
wait_for ctl status
ctl interfaces

say "the server: web, DNS, iperf3; and a web server of the client's, for the port forward"
head -c 64M /dev/urandom >/run/www/file
echo "the client's page" >/run/www/page
sum=$(sha256sum </run/www/file)
server python3 "$here/servers.py" web "$SERVER" /run/www 2>/dev/null &
client python3 "$here/servers.py" web "$CLIENT" /run/www 2>/dev/null &
server python3 "$here/servers.py" dns "$SERVER" &
server iperf3 --server --bind "$SERVER" >/dev/null &
wait_for server curl -sf "http://$SERVER/page"
wait_for client curl -sf "http://$CLIENT/page"

download() {
	client curl -sf "http://$SERVER/file" -o /run/copy || return
	ls -sh /run/copy
	echo "sha256 $(sha256sum </run/copy)"
	[ "$(sha256sum </run/copy)" = "$sum" ]
}

say "traffic from the client"
step "ping" client ping -c 3 -i 0.2 "$SERVER"
step "TCP download of 64 MiB, same hash" download
step "DNS question and answer over UDP; the server saw $OUTSIDE ask" \
	says "^$OUTSIDE\$" client dig +short +time=2 +tries=1 "@$SERVER" who-am-i.example
step "traceroute shows the gateway as first hop" \
	says "^ 1  $ROUTER " client traceroute -n -q 1 -w 2 -m 3 "$SERVER"
step "traceroute shows the server as second hop" grep "^ 2  $SERVER " /run/line
step "TCP port forward: the server reads the client's page" \
	says "the client's page" server curl -sf --max-time 5 "http://$OUTSIDE:8080/page"

say "throughput of one TCP flow, 3 seconds"
step "upload" says receiver client iperf3 --client "$SERVER" --time 3
step "download" says receiver client iperf3 --client "$SERVER" --time 3 --reverse

say "what the gateway saw: sessions"
ctl sessions
say "mappings"
ctl mappings
say "counters"
ctl counters

say "SIGTERM"
kill -TERM "$gateway"
step "the gateway ends well" wait "$gateway"
step "its devices are gone" gone nat-client lan0
step "on both sides" gone nat-server wan0

say "$([ $failed = 0 ] && echo "all steps passed" || echo "FAILED")"
exit $failed
