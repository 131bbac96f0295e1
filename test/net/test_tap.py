"""A TAP device: who is on its link, and its VLANs. ENV-3; RFC 826, 4861, 5227, 4862; IEEE 802.1Q.

Frames with tags are crafted, since a kernel need not have VLAN devices.
"""

import errno
import socket

import pytest
from scapy.all import ARP, ICMP, IP, UDP, ICMPv6ND_NA

from ethernet import Port, tags_of
from netns import until
from peers import connect, exchange, transfer
from rig import CLIENT, CLIENT6, POOL, ROUTER, SERVER, SERVER6, WAN, WAN6, Setup
from test_plug import await_state
from test_traffic import ping

IP_RECVERR, IPV6_RECVERR = 11, 25  # linux/in.h, linux/in6.h; not in socket
TAPS = [Setup("tap", 1), Setup("tap", 2, False)]
TAP = [Setup("tap", 1)]
HOST = "203.0.113.21"
OTHER = "203.0.113.22"
MIB = 1 << 20

everywhere = pytest.mark.parametrize("setup", TAPS, ids=str, indirect=True)
somewhere = pytest.mark.parametrize("setup", TAP, ids=str, indirect=True)


@everywhere
class TestNeighbours:
    def test_first_packet_arrives(self, net):
        """Both ends find each other, whoever begins."""
        exchange(net.client.udp(CLIENT), (SERVER, 53), net.server.udp(SERVER, 53))
        exchange(net.client.udp(CLIENT6), (SERVER6, 53), net.server.udp(SERVER6, 53))

    def test_arp_is_answered(self, net):
        """ENV-3, RFC 3022 section 6.2: for its own address and for that of the pool, no other."""
        port = Port(net.server)
        macs = {port.asks(HOST, address).src for address in (WAN, POOL)}
        assert len(macs) == 1 and int(macs.pop()[:2], 16) & 3 == 2
        port.send(ARP(op=1, hwsrc=port.mac, psrc=HOST, pdst="203.0.113.99"))
        port.asks(OTHER, WAN)
        assert not port.find(lambda f: ARP in f and f[ARP].op == 2 and f[ARP].psrc == "203.0.113.99")

    def test_nd_is_answered(self, net):
        """As by a router; to its link-local address, too, which answers pings."""
        ping(net.server, WAN6)
        mac, = (n["lladdr"] for n in net.server.ask_ip("neighbour show dev wan0")
                if n["dst"] == WAN6 and "router" in n)
        octets = bytes.fromhex(mac.replace(":", ""))
        local = bytes([0xfe, 0x80] + [0] * 6 + [octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]
        ping(net.server, socket.inet_ntop(socket.AF_INET6, local) + "%wan0")

    @pytest.mark.parametrize("source, address, option", [
        (CLIENT, "203.0.113.77", (socket.IPPROTO_IP, IP_RECVERR)),
        (CLIENT6, "2001:db8::77", (socket.IPPROTO_IPV6, IPV6_RECVERR))], ids=["4", "6"])
    def test_neighbour_that_does_not_exist(self, net, source, address, option):
        """Three questions; then the client is told that the host cannot be reached."""
        a = net.client.udp(source)
        a.connect((address, 53))
        a.setsockopt(*option, 1)
        a.send(b"anybody?")
        with pytest.raises(OSError) as caught:
            a.recv(10)
        assert caught.value.errno == errno.EHOSTUNREACH
        kind, code = (1, 3) if ":" in address else (3, 1)
        assert net.inside.wait(type=kind, code=code).inner.destination == address

    def test_neighbour_that_moves(self, net):
        """Its announcement is believed."""
        a, b = net.client.udp(CLIENT), net.server.udp(SERVER, 53)
        exchange(a, (SERVER, 53), b)
        net.server.sysctl("net.ipv4.conf.wan0.arp_notify", 1)
        net.server.ip("link set wan0 address 02:00:00:00:00:77")
        port = Port(net.server, mac="02:00:00:00:00:77")
        port.send(ARP(op=1, hwsrc=port.mac, psrc=SERVER, pdst=SERVER))
        until(lambda: moved(net, a, b), "the announcement to be believed")

    def test_inside_too(self, prepared, setup):
        net = prepared(setup)
        net.client.sysctl("net.ipv6.conf.default.accept_dad", 0)
        net.start(lan=dict(type="tap"))
        ping(net.client, SERVER)
        ping(net.client, ROUTER)
        ping(net.client, SERVER6)
        a = net.client.tcp(CLIENT)
        b, _ = connect(a, (SERVER, 80), net.server.listen(SERVER, 80))
        transfer(a, b, 4 * MIB)
        transfer(b, a, 4 * MIB)


def moved(net, a, b):
    b.settimeout(0.2)
    a.sendto(b"there?", (SERVER, 53))
    try:
        return b.recv(10)
    except TimeoutError:
        return False


def is_announcement(frame, address):
    if ARP in frame:
        return frame[ARP].psrc == frame[ARP].pdst == address
    return ICMPv6ND_NA in frame and frame[ICMPv6ND_NA].tgt == address and not frame[ICMPv6ND_NA].S


def announcements(port):
    port.find(lambda f: False)
    return sum(is_announcement(f, WAN) for f in port.heard)


def hears_all(net):
    """A port that is there before the link comes up, which is when everything begins."""
    net.server.ip("link set wan0 down")
    await_state(net, "wan0", "down")
    port = Port(net.server)
    port.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # that the link is down
    net.server.ip("link set wan0 up")
    return port


@somewhere
class TestOwnAddresses:
    def test_are_announced_and_defended(self, net):
        """RFC 5227 sections 2.3 and 2.4 (c); RFC 4861 section 7.2.6."""
        port = hears_all(net)
        for address in (WAN, POOL, WAN6):
            port.wait(lambda f: is_announcement(f, address), f"{address} to be announced", 20)
        until(lambda: announcements(port) == 2, "the second one", 20)
        port.send(ARP(op=1, hwsrc=port.mac, psrc=WAN, pdst=WAN))
        until(lambda: announcements(port) == 3, "it to be defended")
        down, back, said = net.router.stop()
        assert said.endswith(f"wan0: {WAN} is in use by {port.mac} as well; "
                             "give one of them another address")

    def test_of_somebody_else(self, net):
        """RFC 5227 section 2.1.1, RFC 4862 section 5.4.3: they are not answered for."""
        port = hears_all(net)
        port.wait(lambda f: ARP in f and f[ARP].psrc == "0.0.0.0" and f[ARP].pdst == WAN, "a probe")
        port.send(ARP(op=2, hwsrc=port.mac, psrc=WAN, pdst="0.0.0.0"))
        net.server.sysctl("net.ipv6.conf.wan0.accept_dad", 1)
        net.server.ip(f"address add {WAN6}/128 dev wan0")
        port.asks(HOST, POOL)
        port.send(ARP(op=1, hwsrc=port.mac, psrc=HOST, pdst=WAN))
        port.asks(OTHER, POOL)
        assert not port.find(lambda f: ARP in f and f[ARP].op == 2 and f[ARP].psrc == WAN)
        until(lambda: not any("tentative" in a for link in net.server.ask_ip("address show dev wan0")
                              for a in link["addr_info"] if a["local"] == WAN6),
              "the kernel to find that nobody has it")
        down, back, *said = net.router.stop()
        assert [WAN in said[0], WAN6 in said[1], len(said)] == [True, True, 2]
        assert all("is not answered for here" in line and ":3: wan0: " in line for line in said)


def talk(net, port, address, tags, outside, port_number=5000):
    """A client's datagram reaches a crafted host, and the answer comes back."""
    a = net.client.udp(CLIENT, port_number)
    a.sendto(b"question", (address, 53))
    port.answers(address, tags=tags)
    question = port.wait(lambda f: UDP in f and f[IP].dst == address, f"the datagram for {address}")
    assert tags_of(question)[0] == list(tags) and question.dst == port.mac
    port.send(IP(src=address, dst=outside) / UDP(sport=53, dport=question[UDP].sport) / b"answer",
              to=question.src, tags=tags)
    assert a.recv(10) == b"answer"


@everywhere
@pytest.mark.parametrize("tags", [[100], [200, 100]], ids=["one", "two"])
def test_tags(network, setup, tags):
    """What has them is the interface's, and what it sends has them; what has others is dropped."""
    net = network(setup, wan=dict(vlan=tags))
    port = Port(net.server)
    port.asks(HOST, WAN, tags=tags)
    talk(net, port, HOST, tags, POOL)
    before = net.router.counters()["vlan"]
    for other in [], [101], [200], [100, 200], [200, 101]:
        port.send(IP(src=HOST, dst=WAN) / ICMP(), tags=other)
    until(lambda: net.router.counters()["vlan"] >= before + 5, "frames to be dropped")
    assert not port.find(lambda f: ICMP in f)


@somewhere
def test_without_tags(network, setup):
    """An interface without tags takes what has none, and what has only a priority."""
    net = network(setup)
    port = Port(net.server)
    for tags in [], [0]:
        mac = port.asks(HOST, WAN, tags=tags).src
        port.heard.clear()
        port.send(IP(src=HOST, dst=WAN) / ICMP(id=7), to=mac, tags=tags, priority=5)
        answer = port.wait(lambda f: ICMP in f, "an answer")
        assert tags_of(answer) == ([], 0)
    before = net.router.counters()
    port.send(IP(src=HOST, dst=WAN) / ICMP(), to=mac, tags=[1])
    port.send(IP(src=HOST, dst=WAN) / ICMP(), to="02:00:00:00:00:55")
    until(lambda: net.router.counters()["vlan"] == before["vlan"] + 1, "a tag to be refused")
    until(lambda: net.router.counters()["not_ours"] == before["not_ours"] + 1, "a MAC to be refused")
    port.heard.clear()
    port.send(IP(src=HOST, dst=WAN) / ICMP())  # to everybody: RFC 1812 section 5.3.4
    until(lambda: net.router.counters()["multicast"] > before["multicast"], "it to be dropped")
    port.asks(OTHER, POOL)
    assert not port.find(lambda f: ICMP in f)


@pytest.mark.parametrize("setup, key, expected", [(TAPS[0], {}, 5), (TAPS[1], dict(vlan_priority=3), 3)],
                         ids=["kept", "given"], indirect=["setup"])
def test_priority(prepared, setup, key, expected):
    """From one tag to another."""
    net = prepared(setup)
    net.start(lan=dict(type="tap", vlan=[10]), wan=dict(vlan=[100]) | key)
    inside, outside = Port(net.client, "lan0"), Port(net.server)
    mac = inside.asks(CLIENT, ROUTER, tags=[10]).src
    inside.send(IP(src=CLIENT, dst=HOST) / UDP(sport=5000, dport=53) / b"question", to=mac, tags=[10],
                priority=5)
    asked = outside.answers(HOST, tags=[100])
    assert tags_of(asked) == ([100], key.get("vlan_priority", 0))
    question = outside.wait(lambda f: UDP in f and f[IP].dst == HOST, "the datagram")
    assert tags_of(question) == ([100], expected)


@everywhere
def test_trunk(prepared, setup):
    """Two interfaces of one device: guests with a tag, the provider without."""
    net = prepared(setup)
    net.start(interfaces=[dict(name="guest", type="tap", side="inside", device="wan0", vlan=[20],
                               netns=net.server.name, address=["192.168.8.1/24"])],
              entries=[dict(name="guests", match="192.168.8.0/24", type="napt44",
                            pool=["203.0.113.6"])])
    guest, b = Port(net.server), net.server.udp(SERVER, 53)
    mac = guest.asks("192.168.8.2", "192.168.8.1", tags=[20]).src
    guest.send(IP(src="192.168.8.2", dst=SERVER) / UDP(sport=5000, dport=53) / b"question", to=mac,
               tags=[20])
    question, source = b.recvfrom(100)
    assert question == b"question" and source[0] == "203.0.113.6"
    b.sendto(b"answer", source)
    answer = guest.wait(lambda f: UDP in f and f[IP].dst == "192.168.8.2", "the answer")
    assert tags_of(answer)[0] == [20] and bytes(answer).endswith(b"answer")
    exchange(net.client.udp(CLIENT), (SERVER, 53), b)
    counted = {i["name"]: (i["packets_in"], i["packets_out"])
               for i in net.router.ask("interfaces")["interfaces"]}
    assert counted["guest"] == (1, 1)


@somewhere
def test_keep(network, setup):
    """A neighbour gets the tags back that it has."""
    net = network(setup, wan=dict(vlan="keep"))
    hosts = {HOST: ([7], Port(net.server, mac="02:00:00:00:00:21")),
             OTHER: ([300, 7], Port(net.server, mac="02:00:00:00:00:22"))}
    for address, (tags, port) in hosts.items():
        assert tags_of(port.asks(address, WAN, tags=tags))[0] == tags
    for number, (address, (tags, port)) in enumerate(hosts.items()):
        a = net.client.udp(CLIENT, 6000 + 2 * number)
        a.sendto(b"question", (address, 53))
        question = port.wait(lambda f: UDP in f and f[IP].dst == address, "the datagram")
        assert tags_of(question)[0] == tags and question.dst == port.mac
    exchange(net.client.udp(CLIENT), (SERVER, 53), net.server.udp(SERVER, 53))
    # Who is not known yet is asked for with all tags that were heard.
    talk(net, hosts[OTHER][1], "203.0.113.30", [300, 7], POOL)
