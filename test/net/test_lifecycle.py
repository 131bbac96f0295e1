"""Starting, refusing to start, and leaving no trace."""

import os
import re
import signal

import pytest

from netns import until
from peers import exchange
from rig import CLIENT, CONTROL, POOL, SERVER, Setup, configuration

LISTINGS = ["ip -d link", "ip address", "ip route show table all", "ip -6 route show table all",
            "ip rule", "ip -6 rule", "nft list ruleset", "iptables-save"]


def state(namespace):
    """Everything a gateway could have left behind in the kernel, as text."""
    return {words: re.sub(r"^#.*\n", "", namespace.run(*words.split()), flags=re.M)
            for words in LISTINGS}


def furnish(namespace):
    """Things of others, which must stay as they are."""
    namespace.ip("link add other0 type veth peer name other1")
    namespace.ip("address add 10.77.0.1/24 dev other0")
    namespace.ip("link set other0 up")
    namespace.ip("link set other1 up")
    namespace.ip("route add 10.78.0.0/16 via 10.77.0.2")
    namespace.ip("rule add to 10.79.0.0/16 lookup 77")
    namespace.run("nft", "add table inet others")
    namespace.run("nft", "add chain inet others c { type filter hook input priority 5 ; }")
    namespace.run("nft", "add rule inet others c tcp dport 9 drop")


@pytest.mark.parametrize("topology", ["tun", "shared", "own", "xdp", "nfqueue"])
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_leaves_no_trace(prepared, topology, end):
    net = prepared(Setup(topology, 2))
    for n in net.namespaces:
        furnish(n)
    for n in net.namespaces:
        until(lambda: "tentative" not in n.run("ip", "-6", "address"), "addresses to settle")
    before = [state(n) for n in net.namespaces]
    net.start()
    exchange(net.client.udp(CLIENT), (SERVER, 53), net.server.udp(SERVER, 53))
    net.router.stop(end)
    assert [state(n) for n in net.namespaces] == before
    assert not os.path.exists(CONTROL)


def test_starts_again(prepared):
    """After an orderly end and after a crash."""
    net = prepared(Setup("shared"))
    net.start()
    net.router.stop()
    net.start()
    net.router.process.kill()
    net.router.process.wait()
    net.start()
    exchange(net.client.udp(CLIENT), (SERVER, 53), net.server.udp(SERVER, 53))


def test_reload(network):
    """SIGHUP: what is new counts, and sessions go on."""
    net = network(Setup(workers=2))
    a, b = net.client.udp(CLIENT, 5000), net.server.udp(SERVER, 53)
    seen = exchange(a, (SERVER, 53), b)
    net.reload(forwards=[dict(proto="udp", external=f"{POOL}:5353", internal=f"{CLIENT}:53")])
    exchange(net.server.udp(SERVER), (POOL, 5353), net.client.udp(CLIENT, 53))
    b.sendto(b"still there?", seen)
    assert a.recv(100) == b"still there?"
    assert exchange(a, (SERVER, 53), b) == seen
    assert net.router.stop() == [f"router: {net.conf} loaded"]


def test_reload_of_a_broken_file(network):
    """Nothing changes, and all faults are told."""
    net = network()
    a, b = net.client.udp(CLIENT, 5000), net.server.udp(SERVER, 53)
    seen = exchange(a, (SERVER, 53), b)
    net.conf.write_text("workers = 1;\nnonsense = 1;\n")
    net.router.process.send_signal(signal.SIGHUP)
    for _ in range(20):
        assert exchange(a, (SERVER, 53), b) == seen
    said = net.router.stop()
    assert any(line.startswith(f"{net.conf}:2: ") for line in said)
    assert said[-1] == f"router: {net.conf} not loaded; the gateway runs on as before"


@pytest.mark.parametrize("key, value", [("mtu", 1400), ("queues", 1), ("offload", False), ("io_uring", False)])
def test_reload_that_asks_for_other_devices(network, key, value):
    net = network()
    net.values["interfaces"][0][key] = value
    net.conf.write_text(configuration(net.values))
    net.router.process.send_signal(signal.SIGHUP)
    exchange(net.client.udp(CLIENT), (SERVER, 53), net.server.udp(SERVER, 53))
    said = net.router.stop()
    assert "interfaces changed, which needs a restart; nothing was changed" in said[0]


def refused(namespace, *words):
    """The lines with which a program refuses."""
    p = namespace.start(*words)
    out, error = p.communicate(timeout=30)
    assert p.returncode == 1 and out == "", f"exit {p.returncode}: {out}{error}"
    return error.splitlines()


BROKEN = """\
workers = "many";
controll = "/run/router.sock";
interfaces = (
  { name = "lan0"; type = "tun"; side = "inside"; address = [ "192.168.7.1/33" ]; netns = "%s"; },
  { name = "wan0"; type = "tunnel"; side = "outside"; },
  { name = "wan1"; type = "tun"; side = "outdoors"; mtu = 12; }
);
routes = ( { prefix = "0.0.0.0/0"; interface = "wan7"; } );
nat = ( { name = "home"; match = "192.168.7.0/24"; type = "napt44"; pool = [ "203.0.113.5" ];
          filtering = "sometimes"; } );
"""


@pytest.mark.parametrize("verb", ["check", "run"])
def test_broken_configuration(prepared, build, tmp_path, verb):
    net = prepared()
    file = tmp_path / "broken.conf"
    file.write_text(BROKEN % net.client.name)
    before = [state(n) for n in net.namespaces]
    lines = refused(net.gateway, f"{build}/router", verb, "-c", file)
    found = [re.fullmatch(rf"{re.escape(str(file))}:(\d+): .+; .+", line) for line in lines]
    assert all(found), lines
    assert {int(f[1]) for f in found} >= {1, 2, 4, 5, 6, 8, 10}, lines
    assert len([f for f in found if int(f[1]) == 6]) == 2, lines
    assert [state(n) for n in net.namespaces] == before


def test_configuration_that_does_not_parse(prepared, build, tmp_path):
    file = tmp_path / "broken.conf"
    file.write_text("workers = 1;\ninterfaces = (\n")
    line, = refused(prepared().gateway, f"{build}/router", "check", "-c", file)
    assert re.match(rf"{re.escape(str(file))}:[23]: ", line)


def test_configuration_that_is_not_there(prepared, build, tmp_path):
    line, = refused(prepared().gateway, f"{build}/router", "run", "-c", tmp_path / "none.conf")
    assert "none.conf" in line and "No such file" in line


def test_sound_configuration(network, build):
    net = network()
    net.gateway.run(f"{build}/router", "check", "-c", net.conf)


def test_example_is_sound(prepared, build):
    prepared().gateway.run(f"{build}/router", "check", "-c", "router.conf")


def stopped(prepared):
    """A network whose gateway was there once: its configuration can be tried."""
    net = prepared()
    net.start()
    net.router.stop()
    return net


def test_without_privilege(prepared, build):
    net = stopped(prepared)
    line, = refused(net.gateway, "setpriv", "--bounding-set=-all", "--inh-caps=-all",
                    f"{build}/router", "run", "-c", net.conf)
    assert "root" in line or "CAP_NET_ADMIN" in line


def test_without_tun_device(prepared, build):
    net = stopped(prepared)
    line, = refused(net.gateway, "unshare", "-m", "sh", "-c", "mount -t tmpfs none /dev/net\n"
                    f"exec {build}/router run -c {net.conf}")
    assert "/dev/net/tun" in line


def test_second_gateway_is_refused(network, build):
    """Same control socket, same devices: the first goes on undisturbed."""
    net = network()
    line, = refused(net.gateway, f"{build}/router", "run", "-c", net.conf)
    assert line
    exchange(net.client.udp(CLIENT), (SERVER, 53), net.server.udp(SERVER, 53))


def test_failure_half_way_leaves_no_trace(prepared, build):
    """The second interface may not be made: the first is gone again."""
    net = prepared(Setup("own"))
    net.start()
    net.router.stop()
    before = [state(n) for n in net.namespaces]
    line, = refused(net.gateway, "setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw",
                    f"{build}/router", "run", "-c", net.conf)
    assert "wan0" in line and "CAP_NET_RAW" in line
    assert [state(n) for n in net.namespaces] == before


def test_usage(prepared, build):
    for words in ((), ("fly",), ("run",), ("check", "-x")):
        p = prepared().gateway.start(f"{build}/router", *words)
        _, error = p.communicate(timeout=30)
        assert p.returncode == 2 and error
