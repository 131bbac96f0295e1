"""Interfaces that go and come back while the gateway runs, and what is wrong with them at start: ENV-7."""

import contextlib
import os
import re
import socket
import threading

import pytest

from netns import Namespace, until
from peers import connect, exchange, transfer
from rig import CLIENT, INSIDE, ROUTER, SERVER, WAN, Router, Setup
from sniffer import leaks
from wire import UDP

ETH_P_IP = 0x0800
PATIENCE = 20  # whoever has no news looks once a second, and the machine may be busy
OWN = [Setup("own", 1), Setup("own", 2), Setup("own", 2, False, False)]


def interface(net, name):
    return next(i for i in net.router.ask("interfaces")["interfaces"] if i["name"] == name)


def await_state(net, name, state):
    until(lambda: interface(net, name)["state"] == state, f"{name} to be {state}", PATIENCE)


def descriptors(net):
    """How many the gateway has, without those of whoever asked it something just before."""
    folder, asked = f"/proc/{net.router.process.pid}/fd", []
    until(lambda: asked.append(len(os.listdir(folder))) or asked[-5:] == asked[-1:] * 5, "to settle")
    return asked[-1]


def said(net):
    """What the gateway said about interfaces, the name of each left out of the line that is about it."""
    return [re.sub(rf"^router: ({re.escape(str(net.conf))}:\d+: )?", "", line)
            for line in net.router.stop()]


def replugs(net):
    """The beginning of each line but of those about a device that is there and not up yet."""
    return [re.match(r"[^:]*: [^:]*(?= |: )", line)[0] for line in said(net) if " is down" not in line]


@contextlib.contextmanager
def chatter(net):
    """A host inside sends all the time, without caring what becomes of it."""
    s, stop = net.client.udp(CLIENT, 4000), threading.Event()

    def talk():
        while not stop.wait(0.001):
            with contextlib.suppress(OSError):
                s.sendto(b"anybody?", (SERVER, 7))

    talker = threading.Thread(target=talk)
    talker.start()
    try:
        yield
    finally:
        stop.set()
        talker.join()


class Drawer:
    """Where the gateway's end of the outside link lies while it is not plugged in: nobody forgets it."""

    def __init__(self, net):
        self.net, self.namespace = net, net.namespace("drawer")

    def unplug(self):
        self.net.gateway.ip(f"link set wan0 netns {self.namespace.name}")

    def plug_in(self):
        self.namespace.ip(f"link set wan0 netns {self.net.gateway.name}")
        self.net.gateway.ip("link set wan0 up")
        self.net.acquaint()


class Talk:
    """A UDP session and a TCP connection from inside to the server, which must not end."""

    def __init__(self, net):
        self.a, self.b = net.client.udp(CLIENT, 5000), net.server.udp(SERVER, 53)
        self.c = net.client.tcp(CLIENT, 5001)
        self.d, self.peer = connect(self.c, (SERVER, 80), net.server.listen(SERVER, 80))
        self.seen = exchange(self.a, (SERVER, 53), self.b)
        for s in (self.c, self.d):
            s.settimeout(PATIENCE)

    def goes_on(self):
        assert exchange(self.a, (SERVER, 53), self.b) == self.seen
        for s, t in ((self.c, self.d), (self.d, self.c)):
            s.sendall(b"still there?")
            assert t.recv(100, 0x100) == b"still there?"  # MSG_WAITALL

    def ends(self):
        transfer(self.c, self.d, 1 << 20)


@pytest.mark.parametrize("setup", OWN + [Setup("xdp", 1)], ids=str, indirect=True)
class TestReplug:
    def test_device_made_again(self, net):
        """Another device by the same name; what is open goes on, and nothing leaves untranslated."""
        talk = Talk(net)
        with chatter(net):
            for _ in range(2):
                net.gateway.ip("link del wan0")
                await_state(net, "wan0", "absent")
                assert "no device \"wan0\"" in interface(net, "wan0")["why"]
                net.plug_in()
                before, net.outside = net.outside, net.sniff(net.server, "wan0")
                assert not leaks(before, INSIDE)
                await_state(net, "wan0", "up")
                talk.goes_on()
        talk.ends()
        lines = replugs(net)
        assert lines == ["wan0: no device \"wan0\"", "wan0: back, MTU 1500, offload"] * 2

    def test_device_taken_away(self, net):
        """The same device comes back, with its number; descriptors are as many as before."""
        talk, drawer = Talk(net), Drawer(net)
        missed, before = interface(net, "wan0")["missed"], descriptors(net)
        for _ in range(3):
            drawer.unplug()
            await_state(net, "wan0", "absent")
            drawer.plug_in()
            await_state(net, "wan0", "up")
            talk.goes_on()
        assert descriptors(net) == before
        assert interface(net, "wan0")["missed"] >= missed
        talk.ends()
        assert replugs(net) == ["wan0: no device \"wan0\"", "wan0: back, MTU 1500, offload"] * 3


@pytest.mark.parametrize("topology, policy", [("shared", "idle"), ("shared", "move"), ("nfqueue", "idle")])
def test_device_with_the_address(prepared, topology, policy):
    """The pool is the kernel's address of the device: both are gone, and come back."""
    net = prepared(Setup(topology, 2))
    net.start(nat=dict(on_address_change=policy))
    talk = Talk(net)
    net.gateway.ip("link del wan0")
    await_state(net, "wan0", "down" if topology == "nfqueue" else "absent")  # the queue stays
    net.plug_in()
    net.outside = net.sniff(net.server, "wan0")
    await_state(net, "wan0", "up")
    until(lambda: f"{WAN}/24" in interface(net, "wan0")["addresses"], "the address", PATIENCE)
    talk.goes_on()
    talk.ends()
    assert any(line.startswith("wan0: back, ") for line in said(net))


@pytest.mark.parametrize("setup", [Setup("tun", 1), Setup("tun", 2, False), Setup("tap", 2)], ids=str)
def test_device_of_ours_is_made_again(network, setup):
    """With its addresses and routes, in its namespace."""
    net = network(setup)
    talk = Talk(net)
    before = descriptors(net)
    for namespace, device in ((net.client, "lan0"), (net.server, "wan0")):
        namespace.ip(f"link del {device}")
        until(lambda: namespace.ask_ip("link show up type tun"), f"{device}", PATIENCE)
        await_state(net, device, "up")
        until(lambda: "tentative" not in namespace.run("ip", "-6", "address"), "addresses")
        net.outside = net.sniff(net.server, "wan0")
        talk.goes_on()
    talk.ends()
    assert descriptors(net) == before
    assert [line.split(",")[0] for line in said(net)] == ["lan0: back", "wan0: back"]


class Room(Namespace):
    close = Namespace.remove


def test_namespace_made_again(prepared):
    """A container that is started again: its interface is made in the new one."""
    net = prepared()
    lan = dict(name="lan1", type="tun", side="inside", netns="room", mtu=1500,
               address=["192.168.8.1/24"], host_address=["192.168.8.2/24"], host_routes=["0.0.0.0/0"])
    net.start(interfaces=[lan], nat=dict(match="192.168.0.0/16"))
    b = net.server.udp(SERVER, 53)
    for _ in range(2):
        await_state(net, "lan1", "absent")
        assert "no network namespace \"room\": ip netns add room" in interface(net, "lan1")["why"]
        exchange(net.client.udp(CLIENT), (SERVER, 53), b)
        with contextlib.closing(Room("room")) as room:
            await_state(net, "lan1", "up")
            exchange(room.udp("192.168.8.2"), (SERVER, 53), b)
    await_state(net, "lan1", "absent")
    lines = said(net)
    assert len(lines) == 5 and lines[0] == lines[2] == lines[4]
    assert all(line.startswith("lan1: back, ") for line in lines[1::2])


def answers(namespace, address):
    namespace.run("ping", "-q", "-c", "1", "-W", "10", address)


@pytest.mark.parametrize("setup", [Setup("own"), Setup("own", 2), Setup("shared")], ids=str)
def test_starts_before_its_device(prepared, setup):
    net = prepared(setup)
    drawer = Drawer(net)
    drawer.unplug()
    net.start()
    wan = interface(net, "wan0")
    assert wan["state"] == "absent" and not wan["up"] and wan["mtu"] == 0
    assert re.match(rf"{re.escape(str(net.conf))}:\d+: wan0: no device \"wan0\": ", wan["why"])
    answers(net.client, ROUTER)
    a, b = net.client.udp(CLIENT), net.server.udp(SERVER, 53)
    a.sendto(b"too early", (SERVER, 53))
    drawer.plug_in()
    await_state(net, "wan0", "up")
    if setup.shares:
        net.gateway.ip(f"address add {WAN}/24 dev wan0")
        until(lambda: interface(net, "wan0")["addresses"], "the address", PATIENCE)
    exchange(a, (SERVER, 53), b)
    lines = said(net)
    assert any(line.startswith("wan0: no device") for line in lines)
    assert any(line.startswith("wan0: back, ") for line in lines)


def test_starts_before_its_device_is_up(prepared):
    net = prepared(Setup("own"))
    net.gateway.ip("link set wan0 down")
    net.start()
    assert interface(net, "wan0")["state"] == "down"
    answers(net.client, ROUTER)
    net.gateway.ip("link set wan0 up")
    net.acquaint()
    await_state(net, "wan0", "up")
    exchange(net.client.udp(CLIENT), (SERVER, 53), net.server.udp(SERVER, 53))
    down, back = said(net)
    assert down == "wan0: device \"wan0\" is down: ip link set wan0 up"
    assert back.startswith("wan0: back, ")


@pytest.mark.parametrize("what, other", [("link set wan0 down", "gateway"), ("link set wan0 down", "server")])
def test_link_goes_down_and_up(network, what, other):
    """By its administrator, and because the other end does."""
    net = network(Setup("own"))
    talk = Talk(net)
    getattr(net, other).ip(what)
    await_state(net, "wan0", "down")
    getattr(net, other).ip(what.replace("down", "up"))
    await_state(net, "wan0", "up")
    net.acquaint()
    talk.goes_on()
    talk.ends()
    down, back = said(net)
    assert down.startswith("wan0: device \"wan0\" is down or ") and back.startswith("wan0: back, ")


FAR = "198.18.0.9"


def test_routes_follow_links(prepared):
    """What led there takes the next best way, or is told that there is none; and then the best again."""
    net = prepared(Setup("own"))
    second = dict(name="wan1", type="tun", side="outside", mtu=1500, netns=net.server.name,
                  address=["198.51.100.1/24"], host_address=["198.51.100.9/24"])
    routes = [dict(prefix="0.0.0.0/0", interface="wan0", via=SERVER),
              dict(prefix="198.18.0.0/15", interface="wan0", via=SERVER, metric=1),
              dict(prefix="198.18.0.0/15", interface="wan1", metric=2)]
    net.start(interfaces=[second], routes=routes)
    there, a = net.sniff(net.server, "wan1"), net.client.udp(CLIENT)
    for port, way in ((1, net.outside), (2, there), (3, net.outside)):
        a.sendto(b"which way?", (FAR, port))
        way.wait(dport=port)
        net.gateway.ip(f"link set wan0 {'down' if port == 1 else 'up'}")
        await_state(net, "wan0", "down" if port == 1 else "up")
        net.acquaint()
        if port == 1:
            c = net.client.tcp(CLIENT)
            with pytest.raises(OSError, match="unreachable"):
                c.connect((SERVER, 80))
    assert not there.received(dport=1) and not there.received(dport=3)
    assert not net.outside.received(dport=2)
    assert len(said(net)) == 2


@pytest.mark.parametrize("setup", [Setup("tun"), Setup("own", 2)], ids=str)
def test_inside_link_is_down(network, setup):
    """What comes for it does not take the way out again: nothing shows who is inside."""
    net = network(setup)
    a, b = net.client.udp(CLIENT, 5000), net.server.udp(SERVER, 53)
    seen = exchange(a, (SERVER, 53), b)
    net.client.ip("link set lan0 down")
    await_state(net, "lan0", "down")
    before = net.router.counters()["outside_transit"]
    for _ in range(10):
        with contextlib.suppress(OSError):  # once it has been told
            b.sendto(b"anybody?", seen)
    until(lambda: net.router.counters()["outside_transit"] > before, "it to be dropped")
    assert not [p for p in net.outside.received(protocol=UDP) if p.source != net.pool]
    net.client.ip("link set lan0 up")
    net.client.ip("route replace default dev lan0")
    await_state(net, "lan0", "up")
    assert exchange(a, (SERVER, 53), b) == seen
    assert len(said(net)) == 2


def test_mtu_is_followed(network):
    net = network(Setup("own"))
    net.gateway.ip("link set wan0 mtu 1400")
    until(lambda: interface(net, "wan0")["mtu"] == 1400, "the MTU to be seen", PATIENCE)


def test_address_of_the_device_is_followed(network):
    """What is sent bears the new one. While one socket takes the place of another, both may hear something."""
    net = network(Setup("own"))
    a, b = net.client.udp(CLIENT), net.server.udp(SERVER, 53)
    heard = net.server.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    heard.bind(("wan0", ETH_P_IP))
    net.gateway.ip("link set wan0 address 02:00:00:00:00:77")
    net.acquaint()

    def sender():
        a.sendto(b"who asks?", (SERVER, 53))
        b.recvfrom(100)
        return heard.recvfrom(100)[1][4]

    until(lambda: sender() == bytes.fromhex("020000000077"), "the new one", PATIENCE)
    assert [line.split(",")[0] for line in said(net)] == ["wan0: back"]


def start_below(net, command):
    """Run the gateway in a shell that has done something."""
    net.run()
    net.router.stop()
    net.router = Router(net.build, net.conf, net.gateway,
                        below=("unshare", "-m", "sh", "-c", f"{command}\nexec \"$@\"", "sh"))


def test_conflicting_table(prepared):
    """Without its guard an interface does not work; others do."""
    net = prepared(Setup("own"))
    start_below(net, "nft add table inet router_$$_1")
    remedy = f"nft delete table inet router_{net.router.process.pid}_1"
    fault = f"wan0: guard: there is an nftables table that is not ours: {remedy}"
    assert interface(net, "wan0")["why"].endswith(fault)
    answers(net.client, ROUTER)
    net.gateway.run(*remedy.split())
    await_state(net, "wan0", "up")
    net.listen()
    exchange(net.client.udp(CLIENT), (SERVER, 53), net.server.udp(SERVER, 53))
    assert said(net) == [fault, "wan0: back, MTU 1500, offload tcp+udp"]


def test_without_tun(prepared):
    """What the kernel lacks hurts only who needs it."""
    net = prepared(Setup("own"))
    start_below(net, "mount -t tmpfs none /dev/net")
    why = interface(net, "lan0")["why"]
    assert re.match(rf"{re.escape(str(net.conf))}:\d+: lan0: no /dev/net/tun .*: modprobe tun", why)
    answers(net.server, WAN)
    assert said(net) == [why.split(": ", 1)[1]]


def taken(net, namespace):
    namespace.ip("link add lan0 type veth peer name keep0")


def not_ethernet(net):
    net.gateway.ip("link del wan0")
    net.gateway.ip("tuntap add wan0 mode tun")


# What is wrong, which interface has it, what its line says, and how it is put right.
WRONG = {
    "no device": ("wan0", lambda n: n.gateway.ip("link set wan0 name wan7"), "plug it in or create it",
                  lambda n: n.gateway.ip("link set wan7 name wan0 up")),
    "down": ("wan0", lambda n: n.gateway.ip("link set wan0 down"), "ip link set wan0 up",
             lambda n: n.gateway.ip("link set wan0 up")),
    "not Ethernet": ("wan0", not_ethernet, "not an Ethernet device: use another, or type tun",
                     lambda n: (n.gateway.ip("link del wan0"), n.plug_in())),
    "name taken here": ("lan0", lambda n: taken(n, n.gateway), "choose another name, or remove it",
                        lambda n: n.gateway.ip("link del lan0")),
    "name taken there": ("lan0", lambda n: taken(n, n.client), "choose another name, or remove it",
                         lambda n: n.client.ip("link del lan0")),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_one_line_and_the_rest_works(prepared, wrong):
    """Which interface, where the file speaks of it, and the remedy; with that, it works."""
    name, spoil, remedy, heal = WRONG[wrong]
    net = prepared(Setup("own"))
    spoil(net)
    net.run()
    other = next(i for i in ("lan0", "wan0") if i != name)
    assert interface(net, name)["state"] in ("absent", "down")
    assert interface(net, other)["state"] == "up"
    if other == "lan0":
        answers(net.client, ROUTER)
    else:
        answers(net.server, WAN)
    heal(net)
    await_state(net, name, "up")
    net.acquaint()
    net.listen()
    exchange(net.client.udp(CLIENT), (SERVER, 53), net.server.udp(SERVER, 53))
    faults = [line for line in net.router.stop() if "back, " not in line]
    assert re.fullmatch(rf"router: {re.escape(str(net.conf))}:\d+: {name}: .*{remedy}.*", faults[0])
