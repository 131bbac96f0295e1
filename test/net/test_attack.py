"""Attacks: on the control socket by those who may use it, from outside by whoever can spoof, from a
link by its hosts. Others' packets go on, and whoever has a question is answered."""

import os
import random
import socket
import stat

import pytest

from netns import start, until
from peers import connect, exchange, transfer
from rig import CLIENT, CLIENT_B, CONTROL, POOL, SERVER, WAN, Setup
from test_abuse import Storm, ipv4, quiet, syn
from test_fragments import resident, udp_datagram
from test_service import root  # noqa: F401
from wire import ACK, FIN, ICMP, RST, SYN, TCP, UDP, ones_sum

STRANGER = "192.0.2.77"
on_tuns = pytest.mark.parametrize("setup", [Setup("tun", w, False) for w in (1, 2)], ids=str,
                                  indirect=True)
on_a_tun = pytest.mark.parametrize("setup", [Setup("tun", 2, False)], ids=str, indirect=True)


def knock(path=CONTROL):
    """Another connection to the control socket, or None if its queue is full."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.setblocking(False)
    try:
        s.connect(path)
    except BlockingIOError:
        s.close()
        return None
    return s


def say(s, octets):
    """As much of it as the gateway takes; False: it wants no more."""
    try:
        s.send(octets)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return True


def crowd_of(count):
    return [s for s in (knock() for _ in range(count)) if s]


def silent():
    """As many as there is room for in all queues; every other one has begun to say something."""
    crowd = crowd_of(1000)
    assert len(crowd) > 100
    for s in crowd[::2]:
        say(s, b'{"command": "sess')
    return crowd


def never_reads():
    """They ask and ask, and do not want to know."""
    crowd = crowd_of(15)
    for s in crowd:
        for _ in range(100):
            say(s, b'{"command": "sessions", "limit": 0}\n')
    return crowd


def giant_lines():
    """Lines that never end."""
    crowd = crowd_of(15)
    for s in crowd:
        while say(s, b"x" * 65536):
            pass
    return crowd


@on_a_tun
@pytest.mark.parametrize("crowd", [silent, never_reads, giant_lines], ids=lambda c: c.__name__)
def test_crowd_at_the_control_socket(network, setup, crowd):
    """Meanwhile packets go on, an honest question is answered, the configuration is loaded anew, and
    memory is that of sixteen clients."""
    net = network(setup)
    quiet(net)
    a, b = net.client.udp(CLIENT, 5000), net.server.udp(SERVER, 53)
    for port in range(6000, 6400):  # something to list
        net.client.udp(CLIENT, port).sendto(b"one of many", (SERVER, 53))
        b.recv(100)
    net.router.ask("sessions", "limit=0")
    before = resident(net.router.process)
    clients = crowd()
    for _ in range(50):
        exchange(a, (SERVER, 53), b)
    assert len(net.router.ask("sessions", "limit=0")["sessions"]) == 401
    net.reload(timeouts=dict(udp=200))
    exchange(a, (SERVER, 53), b)
    assert resident(net.router.process) - before < 4096
    for s in clients:
        s.close()
    assert net.router.ask("status")["sessions"] == 401
    assert net.router.stop() == [f"router: {net.conf} loaded"]


def test_strangers_to_the_control_socket(network, root):  # noqa: F811
    """Who is neither its owner nor of its group is not even listened to."""
    net = network()
    assert stat.S_IMODE(os.stat(CONTROL).st_mode) == 0o660
    with net.gateway:
        p = start("setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups",
                  net.router.ctl, "-s", CONTROL, "status")
    assert "owner and group only" in p.communicate()[1] and p.returncode == 1
    for uid, gid, may in ((65534, 65534, False), (65534, 0, True)):
        child = os.fork()
        if not child:
            os.setgroups([])
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            try:
                knock()
            except PermissionError:
                os._exit(1)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == (0 if may else 1)


def segment(source, destination, flags, seq, ack):
    """TCP between two (address, port)."""
    payload = (source[1].to_bytes(2, "big") + destination[1].to_bytes(2, "big")
               + seq.to_bytes(4, "big") + ack.to_bytes(4, "big") + bytes([0x50, flags])
               + b"\x20\0" + bytes(4))
    pseudo = (socket.inet_aton(source[0]) + socket.inet_aton(destination[0])
              + TCP.to_bytes(2, "big") + len(payload).to_bytes(2, "big"))
    total = 0xffff - ones_sum(pseudo + payload)
    return ipv4(source[0], destination[0], TCP, payload[:16] + total.to_bytes(2, "big") + bytes(2))


def icmp(source, destination, kind, code, word, quoted):
    message = bytes([kind, code, 0, 0]) + word.to_bytes(4, "big") + quoted
    total = 0xffff - ones_sum(message)
    return ipv4(source, destination, ICMP, message[:2] + total.to_bytes(2, "big") + message[4:])


class Thrower:
    def __init__(self, namespace, device):
        self.socket = namespace.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        self.to = (device, 0x0800)
        namespace.ip(f"link set {device} txqueuelen 20000")

    def __call__(self, datagrams):
        count = 0
        for count, datagram in enumerate(datagrams, 1):
            self.socket.sendto(datagram, self.to)
        return count


def guesses(peer, seen_as, chance):
    """What somebody who knows addresses and ports, and nothing else, sends to end a connection."""
    for flags in (RST, RST | ACK, FIN, FIN | ACK, SYN, SYN | ACK):
        for seq in range(0, 1 << 32, 1 << 22):
            yield segment(peer, seen_as, flags, (seq + chance.getrandbits(22)) & 0xffffffff,
                          chance.getrandbits(32))


def lies(peer, seen_as, chance):
    """Errors about it, which quote numbers that may be right or not."""
    for kind, code, word in ((3, 1, 0), (3, 2, 0), (3, 3, 0), (3, 4, 68), (3, 4, 552), (4, 0, 0),
                             (11, 0, 0), (12, 0, 0)):
        for _ in range(200):
            quoted = segment(seen_as, peer, ACK, chance.getrandbits(32), 0)[:28]
            yield icmp("203.0.113.254", seen_as[0], kind, code, word, quoted)


@on_tuns
def test_guesses_about_a_connection(network, setup):
    """ABU-3, ABU-4, RFC 5961, RFC 5927: off the path, six thousand segments to end a connection, and
    errors about it: it lives, for the NAT and for both hosts, and no path MTU has shrunk."""
    net = network(setup)
    quiet(net)
    listener = net.server.listen(SERVER, 80)
    a = net.client.tcp(CLIENT)
    b, seen_as = connect(a, (SERVER, 80), listener)
    a.sendall(b"hello")
    assert b.recv(100) == b"hello"
    chance = random.Random(5961)
    throw = Thrower(net.server, "wan0")
    throw(guesses((SERVER, 80), seen_as, chance))
    throw(lies((SERVER, 80), seen_as, chance))
    until(lambda: net.router.counters()["tcp_window"] > 3000, "guesses to be refused")
    session, = net.router.ask("sessions")["sessions"]
    assert session["state"] != "transitory"
    out = net.client.run("ip", "route", "get", SERVER)
    assert "mtu" not in out, out
    transfer(a, b, 1 << 20)
    b.sendall(b"and back")
    b.shutdown(socket.SHUT_WR)
    assert a.recv(100) == b"and back"


def scan(chance):
    """Ports, by UDP and by SYNs, spoofed; pings, errors about nothing, crumbs of fragments."""
    for port in range(1024, 65536, 21):
        source = f"192.0.{chance.randrange(1, 250)}.{chance.randrange(1, 250)}"
        yield ipv4(source, POOL, UDP, udp_datagram((source, 53), (POOL, port), b"who is there?"))
        yield syn((source, 1024 + port % 1000), (POOL, port))
        yield ipv4(source, POOL, UDP, chance.randbytes(24), port, 0x2000 | 3)
        yield icmp(source, POOL, 3, 3, 0, ipv4(POOL, source, UDP, bytes(8)))
        yield icmp(source, WAN, 8, 0, port << 16, b"echo")


def octets(net):
    """That have come by the outside interface, and that have left by it."""
    wan, = (i for i in net.router.ask("interfaces")["interfaces"] if i["name"] == "wan0")
    return wan["octets_in"], wan["octets_out"]


@on_tuns
def test_a_scan_gets_less_than_it_sends(network, setup):
    """ABU-6: of everything that is scanned by spoofed datagrams, pings are answered, and a few SYNs; no
    mapping more or less is to be had, and others go on."""
    net = network(setup)
    quiet(net)
    a, b = net.client.udp(CLIENT, 5000), net.server.udp(SERVER, 53)
    exchange(a, (SERVER, 53), b)
    throw, sizes = Thrower(net.server, "wan0"), []
    was = octets(net)
    for seed in range(3):
        throw(scan(random.Random(seed)))
        exchange(a, (SERVER, 53), b)
        sizes.append(resident(net.router.process))
    until(lambda: net.router.counters()["icmp_no_session"] > 1000, "the scan to be over")
    came, left = (now - then for now, then in zip(octets(net), was))
    assert came > 1_000_000 and left < came / 3, (came, left)
    status, counters = net.router.ask("status"), net.router.counters()
    assert status["sessions"] == status["mappings"] == 1
    assert counters["no_mapping"] > 10000 and counters["local"] > 8000
    assert sizes[2] - sizes[1] < 1024


@pytest.mark.parametrize("setup", [Setup("tap", 1, False), Setup("own", 1, False)], ids=str,
                         indirect=True)
def test_scan_of_a_link(network, setup):
    """RFC 6583: somebody inside talks to all addresses of the link outside, of which three exist. Others
    go on, and find whom they did not know yet; the gateway asks for few, and answers."""
    net = network(setup)
    quiet(net)
    a, b = net.client.udp(CLIENT_B, 5000), net.server.udp(SERVER, 53)
    exchange(a, (SERVER, 53), b)
    nobodies = [f"203.0.113.{n}" for n in range(20, 250)]
    flood = [ipv4(CLIENT, address, UDP, udp_datagram((CLIENT, port), (address, 53), b"?"))
             for port in range(1024, 1034) for address in nobodies]
    with Storm(net.client, "lan0", flood, 20000) as storm:
        until(lambda: storm.sent > 5000, "the scan to rise")
        for _ in range(100):
            exchange(a, (SERVER, 53), b)
        net.server.ip("address add 203.0.113.11/24 dev wan0")
        late = net.server.udp("203.0.113.11", 53)
        assert until(lambda: asks(a, late), "a new neighbour to be found")
        assert net.router.ask("status")
    assert net.router.counters()["unresolved"] > 1000


def asks(a, b):
    a.sendto(b"new?", b.getsockname())
    b.settimeout(0.1)
    try:
        return b.recv(100)
    except TimeoutError:
        return None

