"""Floods, and crashes under traffic: what others do to a host, its neighbours must not feel."""

import itertools
import json
import random
import socket
import threading
import time

import pytest

from inside import HOSTS, ROUTER_N
from netns import until
from peers import connect, exchange, silent
from rig import CLIENT, CLIENT_B, POOL, SERVER, SERVER_B, Setup
from sniffer import ETH_P_IP, leaks
from test_fragments import pieces, resident, udp_datagram
from wire import SYN, TCP, UDP, ones_sum

TUNS = [Setup("tun", 1), Setup("tun", 2, False)]
NOBODY = "203.0.113.200"
on_tuns = pytest.mark.parametrize("setup", TUNS, ids=str, indirect=True)


def ipv4(source, destination, protocol, payload, number=0, fragment=0):
    head = (b"\x45\0" + (20 + len(payload)).to_bytes(2, "big") + number.to_bytes(2, "big")
            + fragment.to_bytes(2, "big") + bytes([64, protocol]))
    ends = socket.inet_aton(source) + socket.inet_aton(destination)
    return head + (0xffff - ones_sum(head + ends)).to_bytes(2, "big") + ends + payload


def syn(source, destination):
    """Between two (address, port)."""
    payload = (source[1].to_bytes(2, "big") + destination[1].to_bytes(2, "big")
               + random.randbytes(4) + bytes(4) + bytes([0x50, SYN]) + b"\x20\0" + bytes(4))
    pseudo = (socket.inet_aton(source[0]) + socket.inet_aton(destination[0])
              + TCP.to_bytes(2, "big") + len(payload).to_bytes(2, "big"))
    total = 0xffff - ones_sum(pseudo + payload)
    return ipv4(source[0], destination[0], TCP, payload[:16] + total.to_bytes(2, "big") + bytes(2))


class Storm(threading.Thread):
    """Puts datagrams on the kernel's end of a device, again and again, at most so many a second."""

    def __init__(self, namespace, device, datagrams, per_second):
        super().__init__(daemon=True)
        self.socket = namespace.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        self.to = (device, ETH_P_IP)
        self.datagrams, self.per_second = datagrams, per_second
        self.sent, self.over = 0, False
        namespace.ip(f"link set {device} txqueuelen 20000")  # that queue shall not be what loses

    def run(self):
        began = time.monotonic()
        for datagram in itertools.cycle(self.datagrams):
            if self.over:
                return
            self.socket.sendto(datagram, self.to)
            self.sent += 1
            if self.sent % 64 == 0:
                time.sleep(max(0, began + self.sent / self.per_second - time.monotonic()))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over = True
        self.join()


def quiet(net):
    """A flood is not what the sniffers are for."""
    for sniffer in net.sniffers:
        sniffer.stop()
    net.sniffers.clear()


def iperf3(net, *words):
    """An iperf3 client of the inside host, under way, and how to get its result."""
    net.server.start("iperf3", "-s", "-1", "-B", SERVER)
    s = net.client.socket(socket.AF_INET, socket.SOCK_STREAM)
    until(lambda: f"{SERVER}:5201" in net.server.run("ss", "-Hltn"), "iperf3 to listen")
    s.close()
    return net.client.start("iperf3", "-c", SERVER, "-B", CLIENT, "--json", *words)


def result_of(iperf):
    out, error = iperf.communicate(timeout=30)
    result = json.loads(out)
    assert "error" not in result, result["error"] + error
    return result["end"]


def kernel_losses(net):
    """What queues and sockets of the kernels around the gateway had no room for."""
    lost = 0
    for namespace in (net.client, net.server):
        for link in namespace.ask_ip("-s link show"):
            lost += link["stats64"]["tx"]["dropped"] + link["stats64"]["rx"]["dropped"]
        with namespace, open("/proc/thread-self/net/snmp") as f:
            names, values = [line.split() for line in f if line.startswith("Udp:")]
        lost += int(dict(zip(names, values))["RcvbufErrors"])
    return lost


def hear_nothing_of(namespace, address, source):
    """TCP from anybody but the source gets no answer at an address."""
    for rule in ("add table ip deaf",
                 "add chain ip deaf input { type filter hook input priority 0 ; }",
                 f"add rule ip deaf input ip daddr {address} ip saddr != {source} drop"):
        namespace.run("nft", rule)


@on_tuns
@pytest.mark.parametrize("answers", [False, True], ids=["silent", "answers"])
def test_syn_flood_from_outside(network, setup, answers):
    """ABU-1: to a forward whose host is overwhelmed, or answers all of it. It takes no room from
    others, whose conversations lose next to nothing."""
    net = network(setup, limits=dict(sessions=4096, sessions_per_host=1024, half_open=512),
                  forwards=[dict(proto="tcp", external=f"{POOL}:8080", internal=f"{CLIENT_B}:80")])
    quiet(net)
    if not answers:
        hear_nothing_of(net.client, CLIENT_B, SERVER)
    net.client.sysctl("net.ipv4.tcp_syncookies", 2)
    victim, listener = net.client.listen(CLIENT_B, 80), net.server.listen(SERVER, 81)
    spoofed = [syn((f"198.51.{a}.{b}", 1024 + 7 * b), (POOL, 8080))
               for a in range(100, 120) for b in range(1, 250)]
    iperf = iperf3(net, "-u", "-b", "2M", "-P", "5", "-t", "2", "--bidir")
    until(lambda: net.router.ask("status")["sessions"] == 11, "iperf3 to begin")
    with Storm(net.server, "wan0", spoofed, 20000) as storm:
        until(lambda: storm.sent > 20000, "the flood to rise")
        assert connect(net.client.tcp(CLIENT), (SERVER, 81), listener)
        end = result_of(iperf)
    victim.close()
    assert len(end["streams"]) == 10
    lost = sum(stream["udp"]["lost_packets"] for stream in end["streams"])
    carried = sum(stream["udp"]["packets"] for stream in end["streams"])
    assert lost - kernel_losses(net) < carried / 100, end["streams"]
    assert net.router.counters()["half_open_limit"] > 10000
    assert net.router.ask("status")["sessions"] < 1100
    assert connect(net.client.tcp(CLIENT), (SERVER, 81), listener)


@on_tuns
def test_flood_from_inside(network, setup):
    """ABU-2: a host at its limit does not take its neighbour's share."""
    net = network(setup, limits=dict(sessions=4096, sessions_per_host=1024))
    quiet(net)
    flood = [syn((CLIENT, 1024 + p), (NOBODY, 80)) for p in range(20000)]
    listener = net.server.listen(SERVER, 80)
    with Storm(net.client, "lan0", flood, 20000) as storm:
        until(lambda: storm.sent > 10000, "the flood to rise")
        for _ in range(50):
            assert connect(net.client.tcp(CLIENT_B), (SERVER, 80), listener)
    counters = net.router.counters()
    assert counters["host_limit"] > 5000 and not counters["session_limit"]
    assert len(net.router.ask("sessions", f"inside={CLIENT}", "limit=0")["sessions"]) == 1024


def fragments(kind, source, destination):
    """Pieces that will never make a datagram."""
    chance = random.Random(1)
    for number in range(1, 4000):
        whole = udp_datagram((source, 53), (destination, 5000), chance.randbytes(1400))
        first, last = pieces((source, 53), (destination, 5000), number, whole, 1000)
        if kind == "orphans":
            yield ipv4(source, destination, UDP, last[20:], number, 125)
        elif kind == "tiny":  # too little of TCP for its flags: RFC 1858 section 3
            yield ipv4(source, destination, TCP, whole[:8], number, 0x2000)
        else:
            yield ipv4(source, destination, UDP, first[20:], number, 0x2000)
            yield ipv4(source, destination, UDP, last[20:], number, 100)


REASONS = {"orphans": "fragment_limit", "overlapping": "fragment_overlap",
           "tiny": "transport_short"}


def fragmented_ping(net):
    p = net.client.start("ping", "-n", "-c", "1", "-s", "4000", "-W", "1", "-I", CLIENT, SERVER)
    return " 1 received" in p.communicate()[0]


@on_tuns
@pytest.mark.parametrize("kind", REASONS)
def test_fragment_flood(network, setup, kind):
    """RFC 4787 REQ-14, RFC 1858: from both sides at once, while others talk. What was in pieces
    passes again as soon as there is room."""
    net = network(setup, timeouts=dict(fragment=2))
    quiet(net)
    a, b = net.client.udp(CLIENT, 5000), net.server.udp(SERVER, 53)
    exchange(a, (SERVER, 53), b)
    outside = Storm(net.server, "wan0", list(fragments(kind, "203.0.113.66", POOL)), 5000)
    inside = Storm(net.client, "lan0", list(fragments(kind, CLIENT_B, NOBODY)), 5000)
    sizes = []
    with outside, inside:
        for sent in (2000, 5000):
            while outside.sent < sent:
                exchange(a, (SERVER, 53), b)
            sizes.append(resident(net.router.process))
    assert sizes[1] - sizes[0] < 2048
    until(lambda: net.router.counters()[REASONS[kind]] > 400, "the flood to be refused")
    until(lambda: fragmented_ping(net), "a ping in pieces")


class Chatter(threading.Thread):
    """An inside host that asks and asks, whether or not anybody is there to carry it, and a server
    that answers."""

    def __init__(self, a, b):
        super().__init__(daemon=True)
        self.a, self.b = a, b
        self.heard, self.over = 0, False

    def run(self):
        while not self.over:
            try:
                self.a.sendto(b"question", self.b.getsockname())
            except OSError:  # the device is gone
                pass
            for s in (self.b, self.a):
                s.settimeout(0.005)
                try:
                    _, source = s.recvfrom(100)
                    if s is self.b:
                        s.sendto(b"answer", source)
                    else:
                        self.heard = time.monotonic()
                except OSError:
                    pass

    __enter__, __exit__ = Storm.__enter__, Storm.__exit__


def ethernet_inside(net):
    """lan1 as an Ethernet, which stays when the gateway dies. Its configuration, and its hosts."""
    hosts = net.namespace("neighbour")
    net.gateway.ip(f"link add lan1 type veth peer name lan1 netns {hosts.name}")
    net.gateway.ip("link set lan1 up")
    hosts.ip(f"address add {HOSTS[0]}/26 dev lan1")
    hosts.ip("link set lan1 up")
    hosts.ip(f"route add default via {ROUTER_N}")
    return dict(name="lan1", type="packet", device="lan1", side="inside",
                address=[ROUTER_N + "/26"]), hosts


@pytest.mark.parametrize("setup", [Setup("own", 2), Setup("shared", 1)], ids=str)
def test_crashes_under_traffic(prepared, setup):
    """Requirements ENV-5, 2827-V21: three times, with a TUN and an Ethernet inside. What was open
    goes on when the gateway is back, and between its lives nothing leaves as it is."""
    net = prepared(setup)
    lan1, hosts = ethernet_inside(net)

    def start():
        net.start(interfaces=[lan1], nat=dict(match="192.168.0.0/16"))
        return time.monotonic()

    start()
    one = Chatter(net.client.udp(CLIENT, 5000), net.server.udp(SERVER, 53))
    two = Chatter(hosts.udp(HOSTS[0], 5001), net.server.udp(SERVER_B, 53))
    with one, two:
        until(lambda: one.heard and two.heard, "answers")
        for _ in range(3):
            net.router.process.kill()
            net.router.process.wait()
            time.sleep(0.3)
            began = start()
            until(lambda: min(one.heard, two.heard) > began, "answers")
    wan = [s for s in net.sniffers if s.name.startswith("wan0")]
    assert len(wan) == 4 and all(s.received() for s in wan)
    assert not [fault for s in wan for fault in leaks(s, "192.168.0.0/16")]


@on_tuns
def test_old_peers_after_a_crash(network, setup):
    """RFC 6888 REQ-8: an old peer that still sends does not reach whoever comes first."""
    net = network(setup, nat=dict(filtering="endpoint-independent"))
    peers = [net.server.udp(SERVER, 6000 + n) for n in range(8)]
    old = [net.client.udp(CLIENT, 5000 + n) for n in range(8)]
    ports = [exchange(a, b.getsockname(), b)[1] for a, b in zip(old, peers)]
    net.router.process.kill()
    net.router.process.wait()
    for a in old:
        a.close()
    peers = {}
    net.start(nat=dict(filtering="endpoint-independent"))
    for n, port in enumerate(ports):
        peers[port] = net.server.udp(SERVER, 7000 + n)
        peers[port].sendto(b"are you there?", (POOL, port))
    until(lambda: net.router.counters()["no_mapping"] == len(ports), "them to be in vain")
    for n, port in enumerate(ports):  # whose ports would be kept
        new, b = net.client.udp(CLIENT_B, port), net.server.udp(SERVER_B, 6000 + n)
        assert exchange(new, b.getsockname(), b)[1] not in ports
        peers[port].sendto(b"are you there?", (POOL, port))
        assert silent(new, 0.02)
