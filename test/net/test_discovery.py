"""What a STUN client of somebody else finds out about the gateway (RFC 5780) is what was dialled.

One gateway serves many lines at once: nat entries with inside hosts, an outside address and a
behaviour of their own.
"""

import itertools
import socket
import time
from dataclasses import dataclass, field

import pytest

import stun
from peers import connect, exchange
from rig import SERVER, SERVER_B, Setup
from stun import Discovery

INDEPENDENT, ADDRESS, ADDRESS_AND_PORT = DEPENDENCES = (
    "endpoint-independent", "address-dependent", "address-and-port-dependent")
COMBINATIONS = tuple(itertools.product(DEPENDENCES, repeat=2))
SINK = (SERVER, 6000)


@dataclass(frozen=True)
class Line:
    number: int
    mapping: str = INDEPENDENT
    filtering: str = ADDRESS
    use: float = 0       # of its ports
    taken: bool = False  # the port that is discovered from, outside by the neighbour
    keys: dict = field(default_factory=dict, hash=False, compare=False)

    @property
    def host(self):
        return f"192.168.7.{4 * self.number + 1}"

    @property
    def neighbour(self):
        return f"192.168.7.{4 * self.number + 2}"

    @property
    def pool(self):
        return f"203.0.113.{100 + self.number}"

    def entry(self):
        return dict(name=f"line{self.number}", match=f"192.168.7.{4 * self.number}/30",
                    type="napt44", pool=[self.pool], mapping=self.mapping,
                    filtering=self.filtering) | self.keys


def every_combination():
    return [Line(n, *combination) for n, combination in enumerate(COMBINATIONS, 1)]


@pytest.fixture
def dial(prepared):
    """Starts a gateway with these lines, and a STUN server outside."""
    def start(setup, lines, **conf):
        hosts = [host + "/24" for line in lines for host in (line.host, line.neighbour)]
        net = prepared(setup).start(lan=dict(host_address=hosts), nat=dict(match="192.168.7.0/30"),
                                    entries=[line.entry() for line in lines], **conf)
        stun.serve(net)
        net.sink = net.server.udp(*SINK)
        return net
    return start


def open_mappings(net, host, ports):
    """One datagram from each of these source ports; returns where they seemed to come from."""
    seen = []
    with net.client:
        for port in ports:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.bind((host, port))
                s.sendto(b"open", SINK)
                seen.append(net.sink.recvfrom(100)[1])
    return seen


def discover(net, lines, ports, *options):
    """Both discoveries on each line, all at once: of the mapping from each of these source ports,
    of the filtering from the one above. Other ports that the first may get are of its parity."""
    under_way = {(line, port): [Discovery(net.client, line.host, flag, "-l", port + n, *options)
                                for n, flag in enumerate(("-m", "-f"))]
                 for line in lines for port in ports}
    return {key: [d.finish() for d in both] for key, both in under_way.items()}


def assert_as_dialled(found):
    assert ({key: mapping.classes | filtering.classes
             for key, (mapping, filtering) in found.items()} ==
            {(line, port): dict(Mapping=line.mapping, Filtering=line.filtering)
             for line, port in found})


RANGE = range(20000, 20800)
PORT = RANGE[-40]  # what may be in use lies below


@pytest.mark.parametrize("setup", [Setup("tun", 1), Setup("tun", 4, False)], ids=str)
def test_what_is_dialled_is_discovered(dial, setup):
    """RFC 4787 REQ-1, REQ-8, REQ-11: with the port pool empty, half full and all but full, from
    ports that nobody has outside, and from ports that the neighbour has."""
    cases = itertools.product(COMBINATIONS, (0, 0.5, 0.95), (False, True))
    lines = [Line(n, *combination, use, taken, dict(ports=f"{RANGE[0]}-{RANGE[-1]}"))
             for n, (combination, use, taken) in enumerate(cases, 1)]
    net = dial(setup, lines)
    for line in lines:
        ports = [*RANGE[:round(line.use * len(RANGE))], *[PORT, PORT + 1] * line.taken]
        assert open_mappings(net, line.neighbour, ports) == [(line.pool, port) for port in ports]
    found = discover(net, lines, [PORT])
    assert_as_dialled(found)
    for (line, _), (mapping, filtering) in found.items():
        for (address, port), own in (mapping.seen[0], PORT), (filtering.seen[0], PORT + 1):
            assert address == line.pool and (port != own) == line.taken, line
            assert port in RANGE and port % 2 == own % 2, line
    assert net.router.ask("status")["sessions_ended"] == 0, "all of that was in use all the time"


def test_load_changes_nothing(dial):
    """RFC 4787 REQ-1, REQ-11: discovered again after 1000 collisions on each line, from the same
    ports and from ports that collided: the classes are as before, and so is every endpoint."""
    lines = every_combination()
    net = dial(Setup("tun", 4), lines)
    before = discover(net, lines, [5000])
    assert_as_dialled(before)
    ports = range(30000, 31000)
    for line in lines:
        first = open_mappings(net, line.neighbour, ports)
        moved = open_mappings(net, line.host, ports)
        assert len({*first, *moved}) == 2 * len(ports)
        assert not {(line.pool, port) for port in ports} & {*moved}, "all of them collided"
    after = discover(net, lines, [5000, ports[500]])
    assert_as_dialled(after)
    for key, both in before.items():
        assert [d.seen for d in after[key]] == [d.seen for d in both], key


@pytest.mark.parametrize("setup", [Setup("tun", 1), Setup("tun", 4)], ids=str)
def test_one_endpoint_after_a_collision(dial, setup):
    """RFC 4787 REQ-1, REQ-3: to four remote endpoints, when another host has the port already."""
    lines = every_combination()
    net = dial(setup, lines)
    others = [net.server.udp(address, port)
              for address in (SERVER, SERVER_B) for port in (7000, 7001)]
    expected = {INDEPENDENT: [0, 0, 0, 0], ADDRESS: [0, 0, 2, 2], ADDRESS_AND_PORT: [0, 1, 2, 3]}
    for line in lines:
        assert open_mappings(net, line.neighbour, [5000]) == [(line.pool, 5000)]
        a = net.client.udp(line.host, 5000)
        seen = [exchange(a, b.getsockname(), b) for b in others]
        assert [seen.index(endpoint) for endpoint in seen] == expected[line.mapping], line
        assert (line.pool, 5000) not in seen


@pytest.mark.parametrize("setup", [Setup("tun", 1), Setup("tun", 4)], ids=str)
def test_two_hosts_with_one_port(dial, setup):
    """The discovery client's own collision test: each host has its own outside port."""
    lines = every_combination()
    net = dial(setup, lines)
    under_way = {line: Discovery(net.client, line.host, "-c", "-l", 5000, "-A", line.neighbour)
                 for line in lines}
    for line, discovery in under_way.items():
        first, second = discovery.finish().seen
        assert first == (line.pool, 5000)
        assert second[0] == line.pool and second[1] != 5000 and second[1] % 2 == 0


@pytest.mark.parametrize("taken", [False, True], ids=["free", "taken"])
@pytest.mark.parametrize("setup", [Setup("tun", 1), Setup("tun", 4)], ids=str)
def test_unsolicited_datagram_moves_no_mapping(dial, setup, taken):
    """RFC 4787 REQ-1, REQ-8: a stranger sends to the outside endpoint before it was sent to."""
    lines = every_combination()
    net = dial(setup, lines)
    b, stranger = net.server.udp(SERVER, 7000), net.server.udp(SERVER_B, 7000)
    for line in lines:
        if taken:
            open_mappings(net, line.neighbour, [5000])
        a = net.client.udp(line.host, 5000)
        seen = exchange(a, (SERVER, 7000), b)
        assert (seen == (line.pool, 5000)) != taken
        stranger.sendto(b"unsolicited", seen)
        if line.filtering == INDEPENDENT:
            assert a.recvfrom(100) == (b"unsolicited", (SERVER_B, 7000))
        assert exchange(a, (SERVER, 7000), b) == seen, line
        if line.mapping == INDEPENDENT:
            assert exchange(a, (SERVER_B, 7000), stranger) == seen, line
            assert exchange(a, (SERVER, 7000), b) == seen, line


def test_padding_and_hairpin(dial):
    """RFC 4787 REQ-9, REQ-14, RFC 5780 sections 3.4 and 3.5: discoveries whose requests and
    responses come in fragments; a request to one's own outside endpoint comes back, whole or in
    fragments, from outside or from inside as dialled."""
    lines = every_combination()
    off = Line(10, keys=dict(hairpin="off"))
    internal = Line(11, keys=dict(hairpin="internal-source"))
    net = dial(Setup("tun", 4, False), [*lines, off, internal])
    net.client.sysctl("net.ipv4.conf.lan0.accept_local", 1)  # from oneself, for internal
    hairpins = [(line, options, Discovery(net.client, line.host, "-H", *options))
                for line in (*lines, off, internal) for options in ((), ("-P",))]
    assert_as_dialled(discover(net, lines, [5000], "-P"))
    for line, options, discovery in hairpins:
        assert discovery.finish().reached == (line is not off), (line, options)
    for line in (*lines, internal):
        sources = {p.source for p in net.inside.received(destination=line.host)}
        assert sources - {SERVER, SERVER_B} == {line.host if line is internal else line.pool}
    for sniffer in net.inside, net.outside:
        assert any(p.more for p in sniffer.received())


def test_tcp_is_dialled_apart(dial):
    """RFC 5382 REQ-1, RFC 5780 section 4.3 over TCP: its class is found beside any class of UDP."""
    lines = [Line(n, keys=dict(mapping_udp=udp, mapping_tcp=tcp))
             for n, (udp, tcp) in enumerate(COMBINATIONS, 1)]
    net = dial(Setup("tun", 4), lines)
    asked = [stun.ENDPOINTS[n] for n in (0, 2, 3)]
    expected = {INDEPENDENT: [0, 0, 0], ADDRESS: [0, 1, 1], ADDRESS_AND_PORT: [0, 1, 2]}
    for line in lines:
        udp = Discovery(net.client, line.host, "-m", "-l", 5000)
        seen = stun.ask_by_tcp(net.client, line.host, 5000, asked)
        classes = [seen.index(endpoint) for endpoint in seen]
        assert classes == expected[line.keys["mapping_tcp"]], line
        assert udp.finish().classes == dict(Mapping=line.keys["mapping_udp"])


def test_payload_is_never_rewritten(dial):
    """RFC 5780 section 3.6: addresses and ports in what is carried, binary and text, both ways.
    That MAPPED-ADDRESS stays what XOR-MAPPED-ADDRESS says is asserted with every discovery."""
    line = Line(1)
    net = dial(Setup("tun", 4), [line])
    words = [socket.inet_aton(line.host), socket.inet_aton(line.pool),
             line.host.encode(), line.pool.encode(), (5000).to_bytes(2, "big"), b"5000"]
    message = b" ".join(words + [word + b":5000" for word in words])
    a, b = net.client.udp(line.host, 5000), net.server.udp(SERVER, 7000)
    a.sendto(message, (SERVER, 7000))
    heard, seen = b.recvfrom(2000)
    assert heard == message and seen == (line.pool, 5000)
    b.sendto(message, seen)
    assert a.recv(2000) == message
    a = net.client.tcp(line.host, 5000)
    b, _ = connect(a, (SERVER, 7000), net.server.listen(SERVER, 7000))
    for one, other in (a, b), (b, a):
        one.sendall(message)
        assert other.recv(len(message), socket.MSG_WAITALL) == message


LIFETIME = 3  # seconds


def answers_by_way_of_another_port(net, lines):
    """How often, of three times within twice LIFETIME, an answer came in to a port that sent
    once."""
    ports = {}
    for line in lines:
        x, y = net.client.udp(line.host), net.client.udp(line.host)
        ports[line] = x, y, stun.ask(x, stun.PRIMARY)[1]
        x.settimeout(0.3)
    came = dict.fromkeys(lines, 0)
    start = time.monotonic()
    for moment in (2, 4, 6):
        time.sleep(max(0, start + moment - time.monotonic()))
        for line, (x, y, outside_port) in ports.items():
            y.sendto(stun.request(response_port=outside_port), stun.PRIMARY)
            came[line] += stun.heard(x) is not None
    return came


def test_lifetime_is_discovered(dial):
    """RFC 4787 REQ-5, REQ-6, RFC 5780 section 4.6: an idle mapping is there until its time is over
    and then is not; answers to requests from another port, which only come in by it, make it live
    longer where that is dialled."""
    idle, twice, both = lines = [
        Line(n, keys=dict(timeouts=dict(udp=seconds), refresh=refresh)) for n, (seconds, refresh)
        in enumerate(((LIFETIME, "outbound"), (2 * LIFETIME, "outbound"), (LIFETIME, "both")), 1)]
    net = dial(Setup("tun", 4), lines, timeouts=dict(allow_short=True))
    searches = {(line, pause): Discovery(net.client, line.host, "-t", "-T", pause)
                for line in (idle, twice) for pause in range(1, 2 * LIFETIME + 2)
                if pause not in (LIFETIME, 2 * LIFETIME)}
    assert answers_by_way_of_another_port(net, (idle, both)) == {idle: 1, both: 3}
    lived = {key: len(search.finish().seen) == 2 for key, search in searches.items()}
    assert lived == {(line, pause): pause < line.keys["timeouts"]["udp"] for line, pause in lived}
