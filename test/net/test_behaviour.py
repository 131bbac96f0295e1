"""What a NAT promises its users: RFC 4787, RFC 5382 and RFC 5508, seen from real sockets."""

import socket

import pytest

from peers import connect, exchange, silent, transfer
from rig import CLIENT, CLIENT_B, INSIDE, SERVER, SERVER_B, Setup
from wire import ACK, ICMP, SYN, TCP

WORKERS = [Setup("tun", 1), Setup("tun", 2, False), Setup("tun", 4), Setup("own", 2, False),
           Setup("shared", 4)]
MANY = range(40)  # sockets, so that every worker gets its share

pytestmark = pytest.mark.parametrize("setup", WORKERS, ids=str, indirect=True)


def test_mapping_is_endpoint_independent(net):
    """RFC 4787 REQ-1: one outside endpoint, whoever is talked to, and nobody else's."""
    servers = [net.server.udp(address, port)
               for address in (SERVER, SERVER_B) for port in (6000, 6001)]
    owners = set()
    for a in [net.client.udp(address) for address in (CLIENT, CLIENT_B) for _ in MANY]:
        seen = {exchange(a, s.getsockname(), s) for s in servers}
        assert len(seen) == 1, seen
        owners |= seen
    assert len(owners) == 2 * len(MANY)


def test_mapping_survives_a_collision(net):
    """RFC 4787 REQ-1, REQ-3: two hosts, one source port."""
    b, c = net.server.udp(SERVER, 6000), net.server.udp(SERVER_B, 6000)
    first, second = net.client.udp(CLIENT, 5000), net.client.udp(CLIENT_B, 5000)
    assert exchange(first, (SERVER, 6000), b) == (net.pool, 5000)
    seen = exchange(second, (SERVER, 6000), b)
    assert seen[0] == net.pool and seen[1] != 5000 and seen[1] % 2 == 0
    assert exchange(second, (SERVER_B, 6000), c) == seen
    assert exchange(first, (SERVER, 6000), b) == (net.pool, 5000)


def test_ping_with_one_identifier(net):
    """RFC 5508 REQ-1: two hosts, one identifier; each gets its own replies."""
    pings = [net.client.start("ping", "-n", "-c", "5", "-i", "0.05", "-e", "77", "-I", host, SERVER)
             for host in (CLIENT, CLIENT_B)]
    for p in pings:
        out, error = p.communicate(timeout=30)
        assert " 5 received" in out, out + error
    identifiers = {p.payload[4:6] for p in net.outside.received(protocol=ICMP, type=8)}
    assert len(identifiers) == 2


def test_tcp_mapping_is_endpoint_independent(net):
    """RFC 5382 REQ-1."""
    seen = set()
    for address in (SERVER, SERVER_B):
        a = net.client.socket(socket.AF_INET, socket.SOCK_STREAM)
        a.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        a.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        a.bind((CLIENT, 4400))
        seen.add(connect(a, (address, 80), net.server.listen(address, 80))[1])
    assert seen == {(net.pool, 4400)}


def test_filtering_is_address_dependent(net):
    """RFC 4787 REQ-8: any port of a host that was sent to, no other host."""
    a, b = net.client.udp(CLIENT, 5000), net.server.udp(SERVER, 6000)
    seen = exchange(a, (SERVER, 6000), b)
    net.server.udp(SERVER, 7000).sendto(b"another port", seen)
    assert a.recv(100) == b"another port"
    before = net.router.counters()["filtered"]
    net.server.udp(SERVER_B, 6000).sendto(b"another host", seen)
    assert silent(a)
    assert net.router.counters()["filtered"] == before + 1


def test_inside_address_answers_to_nobody(net):
    """A datagram to the inside address itself, from outside, goes nowhere."""
    a, b = net.client.udp(CLIENT, 5000), net.server.udp(SERVER, 6000)
    seen = exchange(a, (SERVER, 6000), b)
    net.server.ip(f"route add {INSIDE} via {seen[0]}" if net.setup.topology != "tun" else
                  f"route add {INSIDE} dev wan0")
    b.sendto(b"directly", (CLIENT, 5000))
    assert silent(a)


@pytest.mark.parametrize("port", [4401, 50000])
def test_unsolicited_syn_gets_no_answer(net, port):
    """RFC 5382 REQ-4: neither a reset nor an error, at once or soon."""
    s = net.server.tcp(SERVER)
    s.settimeout(1.3)  # one retransmission
    with pytest.raises(TimeoutError):
        s.connect((net.pool, port))
    assert not net.outside.received(source=net.pool)
    assert not net.inside.received(protocol=TCP)
    counters = net.router.counters()
    reasons = ("no_mapping", "local_no_service", "not_ours")  # the last: left to the host
    assert sum(counters[name] for name in reasons) >= 2


def test_segment_without_session_gets_no_reset(net):
    """A mapping, but no session with this host: nothing comes back, nothing goes in."""
    a = net.client.tcp(CLIENT, 4400)
    connect(a, (SERVER, 80), net.server.listen(SERVER, 80))
    s = net.server.tcp(SERVER_B)
    s.settimeout(0.3)
    with pytest.raises(TimeoutError):
        s.connect((net.pool, 4400))
    assert not net.outside.received(source=net.pool, destination=SERVER_B)
    assert not net.inside.received(source=SERVER_B)


def test_hairpin_udp(net):
    """RFC 4787 REQ-9: hosts inside reach each other by their outside endpoints, and see those."""
    b = net.server.udp(SERVER, 6000)
    for _ in MANY:
        one, other = net.client.udp(CLIENT), net.client.udp(CLIENT_B)
        outside = [exchange(s, (SERVER, 6000), b) for s in (one, other)]
        assert exchange(other, outside[0], one) == outside[1]
        assert exchange(one, outside[1], other) == outside[0]


@pytest.mark.parametrize("port", range(8080, 8084))
def test_hairpin_tcp(network, setup, port):
    """RFC 5382 REQ-8, through a forward; another worker may own the target."""
    pool = setup.pool
    net = network(setup, forwards=[dict(proto="tcp", external=f"{pool}:{port}",
                                        internal=f"{CLIENT_B}:80")])
    listener = net.client.listen(CLIENT_B, 80)
    for number in range(4400, 4408):
        a = net.client.tcp(CLIENT, number)
        b, seen = connect(a, (pool, port), listener)
        assert seen == (pool, number)
        transfer(a, b, 1 << 18)
        transfer(b, a, 1 << 18)


def test_hairpin_between_two_interfaces(prepared, setup):
    """The second host is behind an inside interface of its own."""
    net = prepared(setup)
    other = net.namespace("neighbour")
    net.start(interfaces=[dict(
        name="lan1", type="tun", side="inside", netns=other.name, offload=setup.offload,
        address=["192.168.8.1/24"], host_address=["192.168.8.2/24"], host_routes=["0.0.0.0/0"])],
        nat=dict(match="192.168.0.0/16"))
    sniffer = net.sniff(other, "lan1")
    b = net.server.udp(SERVER, 6000)
    one, two = net.client.udp(CLIENT, 5000), other.udp("192.168.8.2", 5000)
    outside = [exchange(s, (SERVER, 6000), b) for s in (one, two)]
    exchange(two, outside[0], one)
    exchange(one, outside[1], two)
    assert not any("192.168.7" in p.source for p in sniffer.received())
    listener = other.listen("192.168.8.2", 80)
    a = net.client.tcp(CLIENT)
    transfer(a, connect(a, ("192.168.8.2", 80), listener)[0], 1 << 20)


def test_forward(network, setup):
    pool = setup.pool
    net = network(setup, forwards=[
        dict(proto="tcp", external=f"{pool}:8080", internal=f"{CLIENT}:80"),
        dict(proto="udp", external=f"{pool}:5353", internal=f"{CLIENT_B}:53")])
    listener = net.client.listen(CLIENT, 80)
    a = net.server.tcp(SERVER_B)
    b, seen = connect(a, (pool, 8080), listener)
    assert seen == a.getsockname()
    transfer(a, b, 1 << 20)
    transfer(b, a, 1 << 20)
    inside = net.client.udp(CLIENT_B, 53)
    exchange(net.server.udp(SERVER), (pool, 5353), inside)
    b = net.server.udp(SERVER, 6000)
    assert exchange(inside, (SERVER, 6000), b) == (pool, 5353), "its own requests leave by it, too"


def test_forward_of_a_range(network, setup):
    pool = setup.pool
    net = network(setup, forwards=[
        dict(proto="udp", external=f"{pool}:50000-50999", internal=CLIENT),
        dict(proto="tcp", external=f"{pool}:7000-7009", internal=f"{CLIENT_B}:8000")])
    for port in (50000, 50001, 50998, 50999):
        exchange(net.server.udp(SERVER), (pool, port), net.client.udp(CLIENT, port))
    for n in (0, 3, 9):
        a = net.server.tcp(SERVER)
        transfer(a, connect(a, (pool, 7000 + n), net.client.listen(CLIENT_B, 8000 + n))[0], 1000)
    outsider = net.server.udp(SERVER)
    outsider.sendto(b"just beyond", (pool, 51000))
    assert silent(net.client.udp(CLIENT, 51000))


def test_mss_is_clamped(network, setup):
    """Requirement MSS-1: SYN and SYN-ACK, to what fits through the interface."""
    net = network(setup, rewrite=[dict(match="out wan0 tcp syn", mss=1360),
                                  dict(match="in wan0 tcp syn", mss=1360)])
    a = net.client.tcp(CLIENT)
    transfer(a, connect(a, (SERVER, 80), net.server.listen(SERVER, 80))[0], 1 << 20)
    assert net.outside.wait(flags=SYN).mss == 1360
    assert net.inside.wait(flags=SYN | ACK).mss == 1360


def test_sessions_are_listed(net):
    a, b = net.client.udp(CLIENT, 5000), net.server.udp(SERVER, 6000)
    exchange(a, (SERVER, 6000), b)
    assert net.router.sessions() == [
        ("udp", f"{CLIENT}:5000", f"{net.pool}:5000", f"{SERVER}:6000")]
