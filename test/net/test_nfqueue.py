"""Types nfqueue and raw: the kernel keeps its devices, and forwards what is given back to it."""

import errno
import os
import signal
import socket
import struct

import pytest

from netns import until
from peers import connect, exchange, silent, transfer
from rig import (CLIENT, CLIENT6, CLIENT_B, INSIDE, ROUTER, SERVER, SERVER6, WAN, WAN6, Setup,
                 configuration)
from test_fragments import pieces, udp_datagram
from test_lifecycle import refused as refuses
from wire import ICMP, TCP, UDP

MIB = 1 << 20
BOTH = dict(lan=dict(type="nfqueue", address=[]))
NEW = "203.0.113.77"
QUEUES = "/proc/net/netfilter/nfnetlink_queue"
NETLINK_NETFILTER, QUEUE_CONFIG, REQUEST, ACK = 12, 3 << 8 | 2, 1, 4  # linux/netfilter/nfnetlink*.h


def cable(net):
    """The inside link as a pair of Ethernet devices, and a kernel that forwards."""
    net.gateway.ip(f"link add lan0 type veth peer name lan0 netns {net.client.name}")
    net.gateway.ip(f"address add {ROUTER}/24 dev lan0")
    net.gateway.ip("link set lan0 up")
    for address in (CLIENT, CLIENT_B):
        net.client.ip(f"address add {address}/24 dev lan0")
    net.client.ip("link set lan0 up")
    net.client.ip(f"route add default via {ROUTER}")
    net.gateway.sysctl("net.ipv4.ip_forward", 1)
    return net


def waiting(net):
    """Packets that the kernel holds: it lists number, owner and how many wait of each queue."""
    return sum(int(line.split()[2]) for line in net.gateway.run("cat", QUEUES).splitlines())


def nothing_waits(net):
    until(lambda: waiting(net) == 0, "a verdict for every packet")


def talk(net, size=MIB):
    a, listener = net.client.tcp(CLIENT), net.server.listen(SERVER)
    b, seen = connect(a, listener.getsockname(), listener)
    assert seen[0] == WAN
    transfer(a, b, size)
    transfer(b, a, size)
    u, v = net.client.udp(CLIENT), net.server.udp(SERVER)
    for _ in range(20):
        assert exchange(u, v.getsockname(), v)[0] == WAN


@pytest.fixture
def both(prepared, setup):
    return cable(prepared(setup)).start(lan=BOTH["lan"] | dict(offload=setup.offload))


SETUPS = [Setup("nfqueue", 1), Setup("nfqueue", 2), Setup("nfqueue", 2, False)]
everywhere = pytest.mark.parametrize("setup", SETUPS, ids=str, indirect=True)
once = pytest.mark.parametrize("setup", SETUPS[:1], ids=str, indirect=True)


@everywhere
class TestGivenBack:
    """Both sides are nfqueue interfaces: the kernel routes what has been translated."""

    def test_traffic(self, both):
        talk(both, 4 * MIB)
        nothing_waits(both)
        for side in (both.inside, both.outside):
            large = [p for p in side.received(protocol=TCP) if p.gso_size]
            assert bool(large) == both.setup.offload
        assert both.router.counters()["sent"] > 0

    def test_hops_are_counted_once(self, both):
        a, b = both.client.udp(CLIENT), both.server.udp(SERVER, 53)
        exchange(a, (SERVER, 53), b)
        assert both.outside.wait(protocol=UDP, dport=53).ttl == 63
        assert both.inside.wait(protocol=UDP, sport=53).ttl == 63
        out = both.client.run("traceroute", "-n", "-q", "1", "-w", "2", "-m", "3", SERVER)
        hops = [line.split()[1] for line in out.splitlines()[1:]]
        assert hops == [ROUTER, SERVER], out

    def test_fragments(self, both):
        a, b = both.client.udp(CLIENT), both.server.udp(SERVER, 53)
        for size in (1473, 4000, 60000):
            a.sendto(os.urandom(size), (SERVER, 53))
            octets, back = b.recvfrom(65536)
            assert len(octets) == size and back[0] == WAN
            b.sendto(octets, back)
            assert a.recv(65536) == octets
        nothing_waits(both)

    def test_host_beside_it(self, both):
        """What is not the NAT's goes on to the host: its pings, errors, sockets and fragments."""
        out = both.gateway.run("ping", "-c", "2", "-i", "0.02", SERVER)
        assert " 2 received" in out, out
        out = both.server.run("ping", "-c", "2", "-i", "0.02", "-s", "4000", WAN)
        assert " 2 received" in out, out
        a, listener = both.server.tcp(SERVER), both.gateway.listen(WAN, 50000)
        transfer(a, connect(a, (WAN, 50000), listener)[0], MIB)
        u, v = both.gateway.udp(WAN), both.server.udp(SERVER, 53)
        exchange(u, (SERVER, 53), v)
        v.sendto(bytes(4000), u.getsockname())
        assert len(u.recv(65536)) == 4000
        refused(both.gateway.udp(WAN))
        nothing_waits(both)


def refused(s):
    """Nobody listens there: the sender hears of it."""
    s.connect((SERVER, 9))
    s.send(b"anybody?")
    with pytest.raises(ConnectionRefusedError):
        s.recv(100)


@once
class TestDetails:
    def test_errors_come_in(self, both):
        refused(both.client.udp(CLIENT))

    def test_hairpin(self, prepared, setup):
        net = cable(prepared(setup)).start(
            **BOTH, forwards=[dict(proto="tcp", external=f"{WAN}:8080", internal=f"{CLIENT_B}:80")])
        a, listener = net.client.tcp(CLIENT), net.client.listen(CLIENT_B, 80)
        b, seen = connect(a, (WAN, 8080), listener)
        assert seen[0] == WAN
        transfer(a, b, MIB)
        transfer(b, a, MIB)

    @pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
    def test_sockets_go_first(self, both, kind):
        """A port of the NAT's range that is in use by the host, too."""
        a, b = both.client.socket(socket.AF_INET, kind), both.server.socket(socket.AF_INET, kind)
        a.bind((CLIENT, 5000))
        b.bind((SERVER, 53))
        if kind == socket.SOCK_STREAM:
            b.listen()
            a.connect((SERVER, 53))
            b, seen = b.accept()
        else:
            seen = exchange(a, (SERVER, 53), b)
        assert seen == (WAN, 5000)
        host = both.gateway.socket(socket.AF_INET, kind)
        host.bind((WAN, 5000))
        other = both.server.socket(socket.AF_INET, kind)
        if kind == socket.SOCK_STREAM:
            host.listen()
            other.connect((WAN, 5000))
            host = host.accept()[0]
            other.send(b"for the host")
        else:
            other.sendto(b"for the host", (WAN, 5000))
        assert host.recv(100) == b"for the host"

    def test_others_end_while_one_waits(self, both):
        """A fragment waits for the first of its datagram, and what comes behind it is dropped."""
        a, b = both.client.udp(CLIENT, 5000), both.server.udp(SERVER, 53)
        data = os.urandom(2900)
        parts = list(pieces((CLIENT, 5000), (SERVER, 53), 7,
                            udp_datagram((CLIENT, 5000), (SERVER, 53), data), 1000))
        s = both.client.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        s.sendto(parts[1], (SERVER, 0))
        a.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
        a.sendto(b"not far", (SERVER, 53))
        both.inside.wait(protocol=ICMP, type=11)
        until(lambda: waiting(both) == 1, "the other one's verdict")
        for part in parts[0], parts[2]:
            s.sendto(part, (SERVER, 0))
        assert b.recv(65536) == data
        nothing_waits(both)

    def test_mss_is_clamped(self, prepared, setup):
        net = cable(prepared(setup))
        net.gateway.ip("link set wan0 mtu 1400")
        net.server.ip("link set wan0 mtu 1400")
        net.start(**BOTH, rewrite=[dict(match="out wan0 tcp syn", mss="clamp")])
        talk(net)
        syn = net.outside.received(protocol=TCP)[0]
        assert syn.flags & 2 and b"\x02\x04" + struct.pack(">H", 1360) in syn.payload

    def test_too_big_is_told(self, prepared, setup):
        """In the name of the inside, with the datagram as its sender knows it."""
        net = cable(prepared(setup))
        net.gateway.ip("link set wan0 mtu 1400")
        net.start(**BOTH)
        a = net.client.udp(CLIENT)
        a.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER, IP_PMTUDISC_DO
        a.sendto(bytes(1420), (SERVER, 53))
        error = net.inside.wait(protocol=ICMP, type=3, code=4)
        assert error.source == ROUTER and error.inner.source == CLIENT
        nothing_waits(net)

    def test_strict_host(self, prepared, setup):
        """With rp_filter, translated datagrams seem to come from the wrong side; it is put back."""
        net = cable(prepared(setup))
        keys = ["net.ipv4.conf.all.rp_filter", "net.ipv4.conf.lan0.rp_filter",
                "net.ipv4.conf.lan0.accept_local"]
        for key in keys[:2]:
            net.gateway.sysctl(key, 1)
        net.start(**BOTH)
        talk(net)
        net.router.stop()
        assert net.gateway.run("sysctl", "-n", *keys).split() == ["1", "1", "0"]

    def test_device_made_again(self, prepared, setup):
        """The host believes its own addresses on the inside device only, whichever is new."""
        net = cable(prepared(setup)).start(**BOTH)
        for device, remake in (("wan0", net.plug_in), ("lan0", lambda: cable(net))):
            net.gateway.ip(f"link del {device}")
            until(lambda: not link(net, device)["up"], "the device to be missed")
            remake()
            until(lambda: link(net, device)["up"], "the other one")
        net.outside = net.sniff(net.server, "wan0")
        until(lambda: believed(net, "lan0"), "the host to believe")
        assert not believed(net, "wan0")
        talk(net)
        net.router.stop()
        assert not believed(net, "lan0")

    def test_other_hands(self, prepared, setup):
        """What the host must believe is set again; what somebody else sets last, stays."""
        net = cable(prepared(setup)).start(**BOTH)
        net.gateway.sysctl("net.ipv4.conf.lan0.accept_local", 0)
        until(lambda: believed(net, "lan0"), "the host to believe again")
        talk(net)
        kill(net)
        until(lambda: not believed(net, "lan0"), "it to be put back after a kill, too")

    def test_own_address_as_source(self, prepared, setup):
        """The host believes its own address on the inside device then, but nobody who forges it."""
        net = cable(prepared(setup)).start(**BOTH)
        listener = net.gateway.udp(ROUTER, 7)
        net.client.ip(f"address add {WAN}/32 dev lan0")
        net.client.udp(WAN).sendto(b"it is me", (ROUTER, 7))
        net.client.udp(CLIENT).sendto(b"it is not", (ROUTER, 7))
        assert listener.recv(100) == b"it is not"

    def test_host_that_does_not_forward(self, prepared, setup):
        """What it would not forward is sent anew."""
        net = cable(prepared(setup))
        net.gateway.sysctl("net.ipv4.ip_forward", 0)
        net.start(**BOTH)
        talk(net)
        nothing_waits(net)

    def test_ipv6(self, prepared, setup):
        """By a queue from outside, by a raw socket from inside."""
        net = prepared(setup)
        net.gateway.ip(f"address add {WAN6}/64 dev wan0 nodad")
        net.server.ip(f"address add {SERVER6}/64 dev wan0 nodad")
        net.server.ip(f"route add 2001:db8:7::/64 via {WAN6}")
        net.start(routes=[dict(prefix="::/0", interface="wan0")])
        a, b = net.client.tcp(CLIENT6), net.server.listen(SERVER6, 80)
        a.connect((SERVER6, 80))
        b = b.accept()[0]
        transfer(a, b, MIB)
        transfer(b, a, MIB)
        nothing_waits(net)


def believed(net, device):
    """Whether the host takes its own addresses as sources there."""
    return net.gateway.run("sysctl", "-n", f"net.ipv4.conf.{device}.accept_local").strip() == "1"


def tables(net):
    return [line.split()[2] for line in net.gateway.run("nft", "list", "tables").splitlines()]


def queues(net, device):
    table = f"router_queue_{device}"
    return table in tables(net) and "goto ours" in net.gateway.run("nft", "list", "table", "inet", table)


def link(net, name):
    return next(i for i in net.router.ask("interfaces")["interfaces"] if i["name"] == name)


def kill(net):
    net.router.process.kill()
    net.router.process.wait()


@once
class TestEnd:
    def test_killed_and_closed(self, prepared, setup):
        """What would be translated is dropped, until the next gateway takes over or has ended."""
        net = cable(prepared(setup)).start(**BOTH)
        talk(net)
        kill(net)
        assert sorted(tables(net)) == ["router_queue_lan0", "router_queue_wan0"]  # and no owner
        net.client.udp(CLIENT, 5000).sendto(b"anybody?", (SERVER, 53))
        assert silent(net.server.udp(SERVER, 53))
        assert not net.outside.received(protocol=UDP, sport=5000)
        net.run(**BOTH)
        talk(net)
        net.router.stop()
        assert tables(net) == []

    def test_killed_and_open(self, prepared, setup):
        """The kernel forwards what comes, as it is."""
        net = cable(prepared(setup))
        net.run(lan=BOTH["lan"] | dict(fail="open"), wan=dict(fail="open"))
        kill(net)
        net.server.ip(f"route add {INSIDE} via {WAN}")
        seen = exchange(net.client.udp(CLIENT, 5000), (SERVER, 53), net.server.udp(SERVER, 53))
        assert seen == (CLIENT, 5000)

    @pytest.mark.parametrize("fail, passed", [("closed", 0), ("open", 3)])
    def test_full_queue(self, prepared, setup, fail, passed):
        """A gateway that does not keep up: two packets wait, and three more come."""
        net = cable(prepared(setup))
        net.server.ip(f"route add {INSIDE} via {WAN}")
        net.run(lan=BOTH["lan"] | dict(queue_length=2, fail=fail))
        a, b = net.client.udp(CLIENT, 5000), net.server.udp(SERVER)
        exchange(a, b.getsockname(), b)
        net.router.process.send_signal(signal.SIGSTOP)
        until(lambda: has_stopped(net.router.process.pid), "the gateway to stand still")
        for number in range(5):
            a.sendto(bytes([number]), b.getsockname())
        until(lambda: waiting(net) == 2, "a full queue")
        heard = [b.recvfrom(100) for _ in range(passed)]
        net.router.process.send_signal(signal.SIGCONT)
        heard += [b.recvfrom(100) for _ in range(2)]
        assert silent(b)
        assert [o[0] for o, _ in heard] == ([2, 3, 4] if passed else []) + [0, 1]
        assert [s == (CLIENT, 5000) for _, s in heard] == [True] * passed + [False] * 2
        until(lambda: link(net, "lan0")["missed"] == 3 - passed, "the lost ones to be counted")

    @pytest.mark.parametrize("user", ["", "nobody"])
    def test_new_address(self, prepared, setup, user):
        """The rules follow the device's address, with few rights, too, and are removed."""
        net = cable(prepared(setup)).start(**BOTH, user=user)
        talk(net)
        net.gateway.ip(f"address del {WAN}/24 dev wan0")
        net.gateway.ip(f"address add {NEW}/24 dev wan0")
        u, v = net.client.udp(CLIENT), net.server.udp(SERVER)
        v.settimeout(0.5)
        until(lambda: seen_as(u, v) == NEW, "the new address to be used")
        v = net.server.udp(SERVER)  # what came late is not heard here
        assert exchange(net.client.udp(CLIENT), v.getsockname(), v)[0] == NEW
        nothing_waits(net)
        net.router.stop()
        assert tables(net) == []
        assert net.gateway.run("sysctl", "-n", "net.ipv4.conf.lan0.accept_local").strip() == "0"

    def test_strange_messages(self, prepared, setup):
        """What is no message of a queue, or only part of one, is passed over and counted."""
        net = prepared(setup).start()
        owner = int(net.gateway.run("cat", QUEUES).split()[1])
        other = net.gateway.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        before = link(net, "wan0")["missed"]
        header = struct.pack("=IHHII", 20, 3 << 8, 0, 1, 0) + bytes(4)  # a packet, and no attribute
        strange = [header, header[:12], bytes(200), header[:6] + os.urandom(100)]
        for octets in strange:
            other.sendto(octets, (owner, 0))
        a, b = net.client.udp(CLIENT), net.server.udp(SERVER, 53)
        exchange(a, (SERVER, 53), b)
        assert link(net, "wan0")["missed"] == before + len(strange)
        assert link(net, "wan0")["packets_in"] == 1

    def test_queue_of_another_program(self, prepared, setup):
        """One line with a remedy; the interface is there as soon as the queue is free."""
        net = prepared(setup)
        other = bind_queue(net.gateway, 7)
        net.start(wan=dict(queue=7))
        assert "router_queue_wan0" not in tables(net)
        other.close()
        until(lambda: link(net, "wan0")["up"], "the interface to be open")
        exchange(net.client.udp(CLIENT), (SERVER, 53), net.server.udp(SERVER, 53))
        said = net.router.stop()
        line = next(i for i, text in enumerate(net.conf.read_text().splitlines(), 1)
                    if "interfaces" in text)
        assert len(said) == 2 and said[1].startswith("router: wan0: back"), said
        assert said[0].startswith(f"router: {net.conf}:{line}: wan0: queue 7 belongs to another "
                                  "program (netlink port "), said
        assert said[0].endswith("): give another number with queue, or end that program")

    def test_bridge_that_is_filtered(self, prepared, setup):
        """Where br_netfilter is on, rules would queue what a bridge receives, and what it delivers."""
        net = prepared(setup)
        net.gateway.ip("link add br0 type bridge")
        net.gateway.ip("address add 192.168.9.1/24 dev br0")
        net.gateway.ip("link set br0 up")
        net.gateway.sysctl("net.bridge.bridge-nf-call-iptables", 1)
        net.start(interfaces=[dict(name="br0", type="nfqueue", device="br0", side="inside", queue=9)])
        assert "router_queue_br0" not in tables(net)
        net.gateway.sysctl("net.bridge.bridge-nf-call-iptables", 0)
        until(lambda: "router_queue_br0" in tables(net), "the bridge to be taken")
        said = net.router.stop()
        assert 'br0: packets of bridge "br0" would be queued twice: sysctl -w ' in said[0], said

    def test_another_gateway(self, prepared, setup, build):
        """Who runs keeps its devices; the first of two to end would remove the rules of both."""
        net = cable(prepared(setup)).start(**BOTH)
        conf = net.directory / "other.conf"
        interfaces = [i | dict(queue=100 * n) for n, i in enumerate(net.values["interfaces"], 1)]
        conf.write_text(configuration(net.values | dict(interfaces=interfaces, control="")))
        line, = refuses(net.gateway, f"{build}/router", "run", "-c", conf)
        assert 'lan0: device "lan0" belongs to another gateway that runs: end that' in line
        talk(net)
        net.router.stop()
        assert tables(net) == []

    def test_rules_that_somebody_takes_away(self, prepared, setup):
        """As a restart of nftables.service does. Until they are back the host forwards as it likes."""
        net = cable(prepared(setup)).start(**BOTH)
        net.gateway.run("nft", "flush", "ruleset")
        until(lambda: queues(net, "wan0"), "the last of the rules to be back")
        talk(net)
        said = net.router.stop()
        assert [line.split(": somebody has taken away the rules")[0] for line in said] == [
            "router: lan0", "router: wan0"], said

    def test_reload(self, prepared, setup):
        """The rules follow the configuration."""
        net = cable(prepared(setup)).start(**BOTH)
        net.reload(forwards=[dict(proto="udp", external=f"{WAN}:53", internal=f"{CLIENT}:53")])
        exchange(net.server.udp(SERVER), (WAN, 53), net.client.udp(CLIENT, 53))
        net.router.stop()


def has_stopped(pid):
    with open(f"/proc/{pid}/stat") as f:
        return f.read().rsplit(")")[-1].split()[0] == "T"


def seen_as(u, v):
    u.sendto(b"who am I?", v.getsockname())
    try:
        return v.recvfrom(100)[1][0]
    except TimeoutError:
        return None


def bind_queue(namespace, number):
    """A netlink socket that a queue belongs to."""
    s = namespace.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    command = struct.pack("=HHBBH", 8, 1, 1, 0, 0)  # attribute 1: bind
    body = struct.pack("=BBH", 0, 0, socket.htons(number)) + command
    s.send(struct.pack("=IHHII", 16 + len(body), QUEUE_CONFIG, REQUEST | ACK, 1, 0) + body)
    assert struct.unpack_from("=i", s.recv(4096), 16)[0] == 0
    return s




RAW = [dict(name="out", type="raw", side="outside", device="wan0", mark=77)]
VIA_RAW = dict(wan=dict(type="packet"), routes=[dict(prefix=f"{SERVER}/32", interface="out")])


@pytest.mark.parametrize("setup", [Setup("shared", 1), Setup("shared", 2, False)], ids=str)
class TestRaw:
    def test_traffic(self, prepared, setup):
        """It leaves by a raw socket, and comes back by a packet interface on the same device."""
        net = prepared(setup)
        marked = "add table inet t; add chain inet t c { type filter hook output priority 0; }; " \
                 "add rule inet t c meta mark 77 counter"
        net.gateway.run("nft", marked)
        net.start(interfaces=RAW, **VIA_RAW)
        talk(net)
        assert "packets 0 " not in net.gateway.run("nft", "list", "chain", "inet", "t", "c")
        out = link(net, "out")
        assert out["packets_out"] > 0 and out["packets_in"] == 0 and out["mtu"] == 1500

    def test_kernel_chooses_the_device(self, prepared, setup):
        net = prepared(setup)
        net.start(interfaces=[dict(name="out", type="raw", side="outside", mtu=1400)], **VIA_RAW)
        talk(net)
        a, b = net.client.udp(CLIENT), net.server.udp(SERVER, 53)
        a.sendto(bytes(3000), (SERVER, 53))
        assert len(b.recv(65536)) == 3000
        assert max(len(p.octets) for p in net.outside.received(protocol=UDP)) <= 1400
