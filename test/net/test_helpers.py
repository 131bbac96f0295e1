"""FTP and TFTP through the gateway, with programs that people use (959-A1, ALG-TFTP, ALG-0), and
calls of PPTP (ALG-PPTP)."""

import hashlib
import os
import pathlib
import socket
import struct
import time

import pytest

from netns import PATIENCE, until
from peers import connect
from rig import CLIENT, CLIENT_B, SERVER, Setup

SETUPS = [Setup("tun", 1), Setup("tun", 2, False), Setup("tun", 4), Setup("own", 2, False),
          Setup("shared", 4)]
SERVERS = pathlib.Path(__file__).with_name("servers.py")
STRICT = "address-and-port-dependent"
ACTIVE = {"EPRT": ["--ftp-port", "-"], "PORT": ["--ftp-port", "-", "--disable-eprt"]}
PASSIVE = {"EPSV": [], "PASV": ["--disable-epsv", "--no-ftp-skip-pasv-ip"]}

pytestmark = pytest.mark.parametrize("setup", SETUPS, ids=str, indirect=True)


@pytest.fixture
def folder(tmp_path):
    """Files to be fetched; everybody may write."""
    path = tmp_path / "files"
    path.mkdir(mode=0o777)
    path.chmod(0o777)
    (path / "file").write_bytes(os.urandom(300_000))
    (path / "file").chmod(0o666)
    return path


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def answers(namespace, address, port=21):
    with namespace, socket.socket() as s:
        return s.connect_ex((address, port)) == 0


def serve_ftp(namespace, address, folder):
    namespace.start("/usr/bin/python3", SERVERS, "ftp", address, folder)
    until(lambda: answers(namespace, address), "the FTP server")


def fetch(namespace, url, to, *options, status=0):
    namespace.run("curl", "-sS", "--max-time", "8", *options, "-o", to, url, status=status)


def strict(network, setup, *helpers, **conf):
    return network(setup, nat=dict(filtering=STRICT, helpers=list(helpers)), **conf)


@pytest.mark.parametrize("how", ACTIVE)
def test_active(network, setup, folder, tmp_path, how):
    """The server connects to the client; one session in, for each."""
    net = strict(network, setup, "ftp")
    serve_ftp(net.server, SERVER, folder)
    for i in range(4):
        fetch(net.client, f"ftp://{SERVER}/file", tmp_path / f"got{i}", *ACTIVE[how])
        assert digest(tmp_path / f"got{i}") == digest(folder / "file")
    net.client.run("curl", "-sS", "--max-time", "8", *ACTIVE[how], "-T", folder / "file",
                   f"ftp://{SERVER}/sent")
    assert digest(folder / "sent") == digest(folder / "file")
    assert not [s for s in net.router.sessions() if s[3].endswith(":0")]


def test_several_transfers(network, setup, folder, tmp_path):
    """One control connection, shifted by several lines (5382-S9a), with another client."""
    net = strict(network, setup, "ftp")
    serve_ftp(net.server, SERVER, folder)
    names = [f"got{i}" for i in range(5)]
    gets = "; ".join(f"get file -o {tmp_path / name}" for name in names)
    net.client.run("lftp", "-e", "set ftp:passive-mode off; set ftp:use-feat off; "
                   f"set net:max-retries 1; set net:timeout 5; {gets}; exit", SERVER)
    for name in names:
        assert digest(tmp_path / name) == digest(folder / "file")


@pytest.mark.parametrize("how", PASSIVE)
def test_passive(network, setup, folder, tmp_path, how):
    """From inside nothing needs help, and help does no harm."""
    net = strict(network, setup, "ftp")
    serve_ftp(net.server, SERVER, folder)
    fetch(net.client, f"ftp://{SERVER}/file", tmp_path / "got", *PASSIVE[how])
    assert digest(tmp_path / "got") == digest(folder / "file")


@pytest.mark.parametrize("how", PASSIVE)
def test_server_inside(network, setup, folder, tmp_path, how):
    """A forward to an FTP server; the data connection finds its way by what 227 and 229 say."""
    net = strict(network, setup, "ftp", forwards=[
        dict(proto="tcp", external=f"{setup.pool}:2121", internal=f"{CLIENT}:21")])
    serve_ftp(net.client, CLIENT, folder)
    fetch(net.server, f"ftp://{setup.pool}:2121/file", tmp_path / "got", *PASSIVE[how])
    assert digest(tmp_path / "got") == digest(folder / "file")


def test_off(network, setup, folder, tmp_path):
    """ALG-0: what nobody asked for is not done, and the octets show it."""
    net = strict(network, setup)
    serve_ftp(net.server, SERVER, folder)
    fetch(net.client, f"ftp://{SERVER}/file", tmp_path / "got", *ACTIVE["PORT"], status=30)
    until(lambda: any(CLIENT.replace(".", ",").encode() in bytes(p.payload)
                      for p in net.outside.packets), "the unchanged line")


def drop_every_fourth(namespace):
    """Behind the gateway, so that the helper has read what is lost."""
    namespace.run("nft", "add table ip loss")
    namespace.run("nft", "add chain ip loss in { type filter hook input priority 0; }")
    namespace.run("nft", "add rule ip loss in tcp dport 21 tcp flags & (syn | ack) == ack "
                  "numgen inc mod 4 3 drop")


@pytest.mark.parametrize("how", ACTIVE)
def test_loss(network, setup, folder, tmp_path, how):
    """5382-S9a: segments of the control connection are lost behind the helper."""
    net = strict(network, setup, "ftp")
    serve_ftp(net.server, SERVER, folder)
    drop_every_fourth(net.server)
    fetch(net.client, f"ftp://{SERVER}/file", tmp_path / "got", *ACTIVE[how], "--max-time", "25")
    assert digest(tmp_path / "got") == digest(folder / "file")


@pytest.mark.parametrize("delay", [True, False], ids=["nagle", "nodelay"])
def test_line_in_pieces(network, setup, delay):
    """A client writes PORT in pieces; the server sees the line whole, with the outside endpoint."""
    net = strict(network, setup, "ftp")
    listener, a = net.server.listen(SERVER, 21), net.client.tcp(CLIENT)
    a.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, not delay)
    a.connect((SERVER, 21))
    b, _ = listener.accept()
    b.settimeout(PATIENCE)
    b.sendall(b"220 ready\r\n")
    assert a.recv(100) == b"220 ready\r\n"
    data = net.client.listen(CLIENT, 5001)
    for piece in ("PO", "RT 192,168", ",7,2,1", "9,1", "37\r", "\nNO", "OP\r\n"):
        a.sendall(piece.encode())
        time.sleep(0.05)
    said = b""
    while not said.endswith(b"NOOP\r\n"):
        said += b.recv(1000)
    words = said.decode().split()
    host, high, low = words[1].rsplit(",", 2)
    assert words[0] == "PORT" and words[2] == "NOOP" and host == net.pool.replace(".", ",")
    back = net.server.tcp(SERVER, 20)
    back.connect((net.pool, int(high) * 256 + int(low)))
    assert data.accept()[1] == (SERVER, 20)


def serve_tftp(namespace, address, folder):
    namespace.start("in.tftpd", "-L", "-u", "root", "-s", "-a", f"{address}:69", folder)
    until(lambda: ":69" in namespace.run("ss", "-Hlun"), "the TFTP server")


def test_tftp(network, setup, folder, tmp_path):
    """ALG-TFTP: the server answers from another port."""
    net = strict(network, setup, "tftp")
    serve_tftp(net.server, SERVER, folder)
    fetch(net.client, f"tftp://{SERVER}/file", tmp_path / "got")
    assert digest(tmp_path / "got") == digest(folder / "file")


@pytest.mark.parametrize("filtering, status", [(STRICT, 28), ("endpoint-independent", 0)])
def test_tftp_without_help(network, setup, folder, tmp_path, filtering, status):
    net = network(setup, nat=dict(filtering=filtering))
    serve_tftp(net.server, SERVER, folder)
    fetch(net.client, f"tftp://{SERVER}/file", tmp_path / "got", "--max-time", "3", status=status)


def pptp(kind, *words, length):
    """A control message (RFC 2637 section 2): these 16-bit words behind the header, then zeros."""
    head = struct.pack("!HHIHH", length, 1, 0x1A2B3C4D, kind, 0)
    return (head + struct.pack(f"!{len(words)}H", *words)).ljust(length, b"\0")


def hear(s, length):
    heard = b""
    while len(heard) < length:
        heard += s.recv(length - len(heard))
    return heard


def tunnelled(call, text):
    """GRE of version 1 (RFC 2637 section 4.1), with a sequence number."""
    return struct.pack("!HHHHI", 0x3001, 0x880B, len(text), call, 1) + text


class Caller:
    """A client of PPTP, and the server's end of it."""

    def __init__(self, net, address, listener, own, peer):
        self.address, self.own, self.peer = address, own, peer
        self.raw = net.client.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_GRE)
        self.raw.bind((address, 0))
        self.a = net.client.tcp(address)
        self.b, _ = connect(self.a, (SERVER, 1723), listener)

    def pass_on(self, source, target, message):
        source.sendall(message)
        return hear(target, len(message))

    def dial(self):
        """Returns the call ID as the server knows it."""
        self.pass_on(self.a, self.b, pptp(1, 0x100, length=156))
        self.pass_on(self.b, self.a, pptp(2, 0x100, 0x100, length=156))
        asked = pptp(7, self.own, 1, length=168)
        heard = self.pass_on(self.a, self.b, asked)
        self.outside = struct.unpack_from("!H", heard, 12)[0]
        assert heard[:12] + heard[14:] == asked[:12] + asked[14:]
        answer = pptp(8, self.peer, self.outside, 0x100, length=32)
        heard = self.pass_on(self.b, self.a, answer)
        assert struct.unpack_from("!HH", heard, 12) == (self.peer, self.own)
        return self.outside

    def hang_up(self):
        heard = self.pass_on(self.a, self.b, pptp(12, self.own, length=16))
        assert struct.unpack_from("!H", heard, 12)[0] == self.outside


def gre_of(s):
    """The next GRE datagram: what is behind the IP header."""
    datagram = s.recv(65536)
    return datagram[(datagram[0] & 15) * 4:]


def test_pptp(network, setup):
    """ALG-PPTP: two clients call one server, with one call ID."""
    net = strict(network, setup, "pptp")
    listener = net.server.listen(SERVER, 1723)
    raw = net.server.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_GRE)
    raw.bind((SERVER, 0))
    callers = [Caller(net, CLIENT, listener, 7, 100), Caller(net, CLIENT_B, listener, 7, 101)]
    assert len({c.dial() for c in callers}) == 2
    for c in callers:
        text = f"from {c.address}".encode()
        c.raw.sendto(tunnelled(c.peer, text), (SERVER, 0))
        assert gre_of(raw) == tunnelled(c.peer, text)
        raw.sendto(tunnelled(c.outside, text), (net.pool, 0))
        assert gre_of(c.raw) == tunnelled(c.own, text)
    for c in callers:
        c.hang_up()
