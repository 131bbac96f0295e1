"""NAT64 between real network stacks: an IPv6-only client and IPv4-only servers (RFC 6146, RFC 7915)."""

import hashlib
import os
import pathlib
import re
import socket

import pytest

import dns64
from nat64 import (BEHIND, FAR, HOST, HOST_B, NETWORK, ROUTER6, behind_the_client, beyond_the_server, embedded,
                   translate, way_out)
from netns import until
from peers import connect, exchange, silent, transfer
from rig import SERVER, SERVER6, SERVER_B, WAN, WAN6, Setup
from sniffer import leaks
from wire import ICMP, ICMPV6, RST, TCP, UDP

MIB = 1 << 20
SO_NO_CHECK = 11
SETUPS = [Setup("tun", 1), Setup("tun", 2, False), Setup("tap", 2), Setup("own", 2, False), Setup("shared", 1)]
SERVERS = pathlib.Path(__file__).with_name("servers.py")

everywhere = pytest.mark.parametrize("setup", SETUPS, ids=str, indirect=True)
on_two = pytest.mark.parametrize("setup", [SETUPS[0], SETUPS[3]], ids=str, indirect=True)
on_tun = pytest.mark.parametrize("setup", SETUPS[:1], ids=str, indirect=True)


def ping(namespace, *words):
    out = namespace.run("ping", "-n", "-c", "3", "-i", "0.02", "-W", "2", *words)
    assert " 3 received" in out, out


def hops(namespace, *words):
    return re.findall(r"^ *\d +(\S+)", namespace.run("traceroute", "-n", "-q", "1", "-w", "2", "-m", "6", *words), re.M)


def answers(namespace, address, port):
    with namespace, socket.socket() as s:
        return s.connect_ex((address, port)) == 0


@pytest.fixture
def net(prepared, setup):
    net = translate(prepared(setup))
    yield net
    net.outside.received()
    assert not leaks(net.outside, NETWORK)


@everywhere
class TestFromInside:
    def test_ping(self, net):
        ping(net.client, embedded(SERVER))
        ping(net.client, "-s", "1452", "-M", "do", embedded(SERVER))
        assert net.outside.wait(type=8).source == net.pool
        assert net.inside.wait(type=129).source == embedded(SERVER)

    def test_udp(self, net):
        """RFC 6146 section 3.5.1.1: one outside endpoint, whoever it is for."""
        a = net.client.udp(HOST, 5000)
        seen = {exchange(a, (embedded(address), 53), net.server.udp(address, 53)) for address in (SERVER, SERVER_B)}
        assert seen == {(net.pool, 5000)}
        assert net.router.sessions() == [("udp", f"[{HOST}]:5000", f"{net.pool}:5000", f"{address}:53")
                                         for address in (SERVER, SERVER_B)]

    def test_udp_without_checksum(self, net):
        """RFC 7915 section 4.5: IPv6 needs one."""
        a, b = net.client.udp(HOST), net.server.udp(SERVER, 53)
        b.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
        exchange(a, (embedded(SERVER), 53), b)
        assert net.inside.wait(protocol=UDP).payload[6:8] != b"\0\0"

    def test_tcp_both_ways(self, net):
        a = net.client.tcp(HOST, 4400)
        b, seen = connect(a, (embedded(SERVER), 80), net.server.listen(SERVER, 80))
        assert seen == (net.pool, 4400)
        transfer(a, b, 8 * MIB)
        transfer(b, a, 8 * MIB)
        if net.setup.topology != "tun":
            assert not [p for p in net.outside.received(protocol=TCP) if p.flags & RST], "a reset"

    def test_errors(self, net):
        """Of the server, about a closed port."""
        a = net.client.udp(HOST)
        a.connect((embedded(SERVER), 9))
        a.send(b"anybody?")
        with pytest.raises(ConnectionRefusedError):
            a.recv(10)
        error = net.inside.wait(type=1, code=4)
        assert error.source == embedded(SERVER) and error.inner.everyone() == {HOST, embedded(SERVER)}
        with pytest.raises(ConnectionRefusedError):
            net.client.tcp(HOST).connect((embedded(SERVER), 81))


@everywhere
def test_forward(prepared, setup):
    """A static entry: the outside opens connections and sends datagrams (RFC 6146 section 3.1)."""
    net = prepared(setup)
    translate(net, forwards=[dict(proto=proto, external=f"{net.pool}:8080", internal=f"[{HOST_B}]:80")
                             for proto in ("tcp", "udp")])
    a = net.server.tcp(SERVER, 4400)
    b, seen = connect(a, (net.pool, 8080), net.client.listen(HOST_B, 80))
    assert seen == (embedded(SERVER), 4400)
    transfer(a, b, MIB)
    transfer(b, a, MIB)
    assert exchange(net.server.udp(SERVER, 5000), (net.pool, 8080), net.client.udp(HOST_B, 80)) == (
        embedded(SERVER), 5000)


@pytest.mark.parametrize("setup", [Setup("xdp", 1), Setup("nfqueue", 2, False), Setup("tun", 4)], ids=str,
                         indirect=True)
def test_other_attachments(net):
    a, b = net.client.udp(HOST), net.server.udp(SERVER, 53)
    exchange(a, (embedded(SERVER), 53), b)
    c = net.client.tcp(HOST)
    d, _ = connect(c, (embedded(SERVER), 80), net.server.listen(SERVER, 80))
    transfer(c, d, 4 * MIB)
    transfer(d, c, 4 * MIB)
    b.close()
    a.connect((embedded(SERVER), 53))
    a.send(b"anybody?")
    with pytest.raises(ConnectionRefusedError):
        a.recv(10)


@on_two
def test_hairpin(net):
    """RFC 6146 section 3.8: two hosts inside know each other by the outside address."""
    a, b = net.client.udp(HOST, 5000), net.client.udp(HOST_B, 6000)
    for s in a, b:
        exchange(s, (embedded(SERVER), 53), net.server.udp(SERVER, 53))
    assert exchange(a, (embedded(net.pool), 6000), b) == (embedded(net.pool), 5000)
    b.close()
    a.connect((embedded(net.pool), 6000))
    a.send(b"still there?")
    with pytest.raises(ConnectionRefusedError):
        a.recv(10)
    error, = net.inside.received(type=1, code=4, destination=HOST)
    assert error.source == embedded(net.pool) and error.inner.everyone() == {HOST, embedded(net.pool)}


@on_tun
def test_beside_a_firewall(prepared, setup):
    """What is bound for the prefix is NAT64's; another entry says what becomes of all other IPv6."""
    net = prepared(setup)
    translate(net, to_wan=dict(address=[WAN + "/24", WAN6 + "/64"], host_address=[SERVER + "/24", SERVER6 + "/64"],
                               host_routes=[NETWORK]),
              entries=[dict(name="filter", type="firewall", match=NETWORK)])
    assert exchange(net.client.udp(HOST, 5000), (embedded(SERVER), 53), net.server.udp(SERVER, 53)) == (net.pool, 5000)
    closed, outside = net.client.udp(HOST, 6000), net.server.udp(SERVER6, 53)
    outside.sendto(b"let me in", (HOST, 6000))
    assert silent(closed, 0.2)
    assert exchange(closed, (SERVER6, 53), outside) == (HOST, 6000)


@on_tun
def test_what_is_not_for_it(net):
    """RFC 6146 section 3.5: other protocols are refused, and a source in the prefix is dropped."""
    esp = net.client.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ESP)
    esp.sendto(b"x" * 40, (embedded(SERVER), 0))
    error = net.inside.wait(protocol=ICMPV6, type=1)
    assert error.code == 4 and error.inner.protocol == socket.IPPROTO_ESP
    net.client.ip(f"address add {embedded('198.51.100.1')}/128 dev lan0 nodad")
    net.client.udp(embedded("198.51.100.1")).sendto(b"loop", (embedded(SERVER), 53))
    assert silent(net.server.udp(SERVER, 53), 0.2)
    assert not [p for p in net.outside.received(version=4) if p.protocol != ICMP]


@on_two
class TestTraceroute:
    @pytest.fixture
    def ends(self, prepared, setup):
        net = prepared(setup)
        host, far = behind_the_client(net), beyond_the_server(net)
        translate(net, to_nat=dict(match="2001:db8::/46"), routes=way_out(setup),
                  forwards=[dict(proto=proto, external=f"{net.pool}:8080", internal=f"[{BEHIND}]:80")
                            for proto in ("tcp", "udp")])
        return net, host, far

    @pytest.mark.parametrize("way", ["-U", "-I", "-T"])
    def test_from_inside(self, ends, way):
        """Each router on both sides is seen, those of IPv4 as the prefix has them."""
        net, host, far = ends
        assert hops(host, "-6", way, embedded(FAR)) == ["2001:db8:2::1", ROUTER6, embedded(SERVER), embedded(FAR)]

    @pytest.mark.parametrize("way", ["-U", "-T"])
    def test_from_outside(self, ends, way):
        """Towards a static entry; a router that has no IPv4 address speaks by one of the pool (RFC 6791)."""
        net, host, far = ends
        host.listen(BEHIND, 80)
        assert hops(far, way, "-p", "8080", net.pool) == ["198.51.100.1", WAN, net.pool, net.pool]


@pytest.fixture
def unbound(build):
    program = build / "debian/usr/sbin/unbound"
    if not program.exists():
        pytest.skip(f"no {program}: make recipe-deps")
    return program


@pytest.fixture
def resolver(net, unbound, tmp_path):
    dns64.serve_names(net.server, SERVER)
    dns64.resolve(net.client, unbound, tmp_path, embedded(SERVER))
    with dns64.as_everybody_does(tmp_path):
        yield net.client


@on_tun
class TestDNS64:
    """unbound on an IPv6-only host, which reaches the name server by NAT64 (Annex E)."""

    def test_names(self, resolver):
        assert dns64.ask(resolver, "AAAA", "v4only.example.net") == [embedded(SERVER)]
        assert dns64.ask(resolver, "AAAA", "both.example.net") == ["2001:db8:9::9"]
        assert dns64.ask(resolver, "AAAA", "ipv4only.arpa") == [embedded(f"192.0.0.{n}") for n in (170, 171)]
        assert dns64.ask(resolver, "+dnssec", "+cdflag", "AAAA", "v4only.example.net") == []

    def test_download(self, net, resolver, tmp_path):
        octets = os.urandom(64 * MIB)
        (tmp_path / "file").write_bytes(octets)
        net.server.start("/usr/bin/python3", SERVERS, "web", SERVER, tmp_path)
        until(lambda: answers(net.server, SERVER, 80), "the web server")
        net.client.run("curl", "-sSf", "http://v4only.example.net/file", "-o", tmp_path / "got")
        assert hashlib.sha256((tmp_path / "got").read_bytes()).digest() == hashlib.sha256(octets).digest()
        ping(net.client, "-6", "v4only.example.net")


@on_two
def test_ftp(net, tmp_path):
    """EPSV of an IPv4 server needs no help (RFC 2428, RFC 6384 section 1): down, and up."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "file").write_bytes(os.urandom(300_000))
    net.server.start("/usr/bin/python3", SERVERS, "ftp", SERVER, folder)
    until(lambda: answers(net.server, SERVER, 21), "the FTP server")
    url = f"ftp://[{embedded(SERVER)}]"
    net.client.run("curl", "-sSgf", f"{url}/file", "-o", tmp_path / "got")
    net.client.run("curl", "-sSgf", "-T", tmp_path / "got", f"{url}/again")
    assert (folder / "again").read_bytes() == (folder / "file").read_bytes()
