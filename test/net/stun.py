"""STUN, RFC 8489 and RFC 5780: coturn's server and discovery client, and a small client of our own.

The server has two addresses with two ports each. The discovery client knows nothing of this
project; what it prints is taken literally.
"""

import itertools
import os
import re
import socket
import struct

from netns import until
from rig import SERVER, SERVER_B

PORTS = (3478, 3479)
ENDPOINTS = tuple(itertools.product((SERVER, SERVER_B), PORTS))
PRIMARY = ENDPOINTS[0]

BINDING, BINDING_SUCCESS, COOKIE = 0x0001, 0x0101, 0x2112a442
RESPONSE_PORT, XOR_MAPPED_ADDRESS = 0x0027, 0x0020


def serve(net):
    log, database = net.directory / "stun.log", net.directory / "stun.db"
    addresses = [word for address in (SERVER, SERVER_B) for word in ("-L", address)]
    net.server.start("turnserver", "-n", "--stun-only", *addresses, "--listening-port", PORTS[0],
                     "--alt-listening-port", PORTS[1], "--no-tls", "--no-dtls", "--no-cli",
                     "--no-auth", "--db", database, "--log-file", log, "--no-stdout-log",
                     "--simple-log")
    local = net.server.udp(SERVER)
    local.settimeout(0.05)
    for endpoint in ENDPOINTS:
        until(lambda: ask(local, endpoint), f"STUN at {endpoint}")


def request(response_port=None):
    """A binding request. response_port: of the address it comes from, for the answer."""
    attribute = b"" if response_port is None else struct.pack("!HHHH", RESPONSE_PORT, 4,
                                                              response_port, 0)
    return struct.pack("!HHI", BINDING, len(attribute), COOKIE) + os.urandom(12) + attribute


def mapped(answer):
    """The endpoint that a success response says the request came from, IPv4."""
    kind, length, cookie = struct.unpack_from("!HHI", answer)
    assert (kind, cookie) == (BINDING_SUCCESS, COOKIE) and len(answer) == 20 + length
    at = 20
    while at < len(answer):
        attribute, length = struct.unpack_from("!HH", answer, at)
        if attribute == XOR_MAPPED_ADDRESS:
            port, address = struct.unpack_from("!HI", answer, at + 6)
            return (socket.inet_ntoa(struct.pack("!I", address ^ COOKIE)), port ^ COOKIE >> 16)
        at += 4 + (length + 3 & ~3)
    raise AssertionError(f"no XOR-MAPPED-ADDRESS in {answer.hex()}")


def heard(s):
    """What the next answer to UDP socket s says, or None if there comes none."""
    try:
        return mapped(s.recv(2000))
    except TimeoutError:
        return None


def ask(s, endpoint):
    """What endpoint sees of UDP socket s, or None if it stays silent."""
    s.sendto(request(), endpoint)
    return heard(s)


def ask_by_tcp(namespace, address, port, endpoints):
    """What each endpoint sees of connections from one local endpoint, all open at once."""
    seen = []
    for endpoint in endpoints:
        s = namespace.tcp(address, port)
        s.connect(endpoint)
        s.sendall(request())
        seen.append(mapped(s.recv(2000)))
    return seen


class Discovery:
    """turnutils_natdiscovery under way, with options of its manual page.

    After finish(): classes as found, by "Mapping" and "Filtering", in the words of router.conf;
    seen, the outside endpoint in each response; reached, whether its own request came back to it.
    """

    def __init__(self, namespace, host, *options):
        self.process = namespace.start("turnutils_natdiscovery", "-L", host, *options, SERVER)

    def finish(self):
        out, error = self.process.communicate(timeout=20)
        assert self.process.returncode == 0 and not error, out + error
        found = re.findall(r"^NAT with (.+) (Mapping|Filtering)!$", out, re.M)
        self.classes = {of: words.lower().replace(" ", "-") for words, of in found}
        self.seen = [(address, int(port)) for address, port
                     in re.findall(r"UDP reflexive addr: ([\d.]+):(\d+)$", out, re.M)]
        self.reached = "Received a request" in out
        assert self.seen and out.count("No ALG: Mapped == XOR-Mapped") == len(self.seen), out
        return self
