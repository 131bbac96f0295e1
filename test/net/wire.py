"""Packets as they lie on the wire: fields, and every checksum worked out again.

Written without a look at the product's parser: what both agree on is more likely right.

Sources  RFC 1071, RFC 791, RFC 8200, RFC 9293, RFC 768, RFC 792, RFC 4443.
"""

import ipaddress
from dataclasses import dataclass

ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
CHECKSUM_AT = {ICMP: 2, TCP: 16, UDP: 6, ICMPV6: 2}
ICMP_ERRORS = {ICMP: (3, 4, 5, 11, 12), ICMPV6: (1, 2, 3, 4)}
IPV6_EXTENSIONS = (0, 43, 44, 60)
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def ones_sum(octets):
    """One's-complement sum; 0 stands for both of its zeros."""
    return int.from_bytes(octets + b"\0" * (len(octets) & 1), "big") % 0xffff


def number(octets, at, size=2):
    return int.from_bytes(octets[at:at + size], "big")


@dataclass
class Packet:
    """An IP datagram. Fields that it does not have are None."""
    octets: bytes
    partial: bool = False   # the transport checksum is left to the device
    outgoing: bool = False  # sent by the kernel that was listened to
    gso_size: int = 0
    quoted: bool = False    # may be cut off

    def __post_init__(self):
        self.version = self.octets[0] >> 4
        self.more = False
        self.offset = 0
        if self.version == 4:
            self._ipv4()
        else:
            self._ipv6()
        self.payload = self.octets[self.transport:self.end]
        ports = self.protocol in (TCP, UDP) and not self.offset
        self.sport = number(self.payload, 0) if ports else None
        self.dport = number(self.payload, 2) if ports else None
        self.flags = self.payload[13] if self.protocol == TCP and len(self.payload) > 13 else 0
        icmp = self.protocol in ICMP_ERRORS and not self.offset
        self.type, self.code = (self.payload[0], self.payload[1]) if icmp else (None, None)
        self.inner = None
        if icmp and self.type in ICMP_ERRORS[self.protocol]:
            self.inner = Packet(self.payload[8:], quoted=True)

    def _ipv4(self):
        o = self.octets
        self.transport = (o[0] & 15) * 4
        self.end = number(o, 2)
        self.id = number(o, 4)
        self.more, self.offset = bool(o[6] & 0x20), (number(o, 6) & 0x1fff) * 8
        self.ttl, self.protocol = o[8], o[9]
        self.source, self.destination = (str(ipaddress.IPv4Address(o[i:i + 4])) for i in (12, 16))
        self.addresses = o[12:20]

    def _ipv6(self):
        o = self.octets
        self.transport = 40
        self.end = 40 + number(o, 4)
        self.protocol, self.ttl = o[6], o[7]
        self.source, self.destination = (str(ipaddress.IPv6Address(o[i:i + 16])) for i in (8, 24))
        self.addresses = o[8:40]
        while self.protocol in IPV6_EXTENSIONS and self.transport + 8 <= len(o):
            at = self.transport
            if self.protocol == 44:
                self.id, self.more = number(o, at + 4, 4), bool(o[at + 3] & 1)
                self.offset = number(o, at + 2) & 0xfff8
            self.transport += 8 if self.protocol == 44 else 8 + o[at + 1] * 8
            self.protocol = o[at]

    def __str__(self):
        ports = "" if self.sport is None else f" {self.sport}>{self.dport} flags {self.flags:#x}"
        icmp = "" if self.type is None else f" type {self.type} code {self.code}"
        fragment = f" fragment at {self.offset}" if self.is_fragment else ""
        way = "sent" if self.outgoing else "received"
        return (f"{way}: {self.source} > {self.destination} protocol {self.protocol}{ports}{icmp}"
                f"{fragment}, {len(self.octets)} octets, partial {self.partial}, "
                f"{self.octets[:80].hex()}")

    @property
    def is_fragment(self):
        return self.more or self.offset > 0

    @property
    def data(self):
        """What TCP, UDP or ICMP carries."""
        if self.protocol == TCP:
            return self.payload[(self.payload[12] >> 4) * 4:]
        return self.payload[8:]

    @property
    def mss(self):
        """Of a SYN; None without the option."""
        options = self.payload[20:(self.payload[12] >> 4) * 4]
        while options and options[0]:
            if options[0] == 2:
                return number(options, 2)
            options = options[1 if options[0] == 1 else options[1]:]
        return None

    def everyone(self):
        """All addresses in it, those of quoted datagrams too."""
        return {self.source, self.destination} | (self.inner.everyone() if self.inner else set())

    def pseudo(self, length):
        if self.protocol == ICMP:
            return 0
        return ones_sum(self.addresses + b"".join(n.to_bytes(4, "big")
                                                  for n in (self.protocol, length)))

    def transport_fault(self, payload):
        """Of a whole transport datagram: None, or what is wrong with its checksum."""
        at = CHECKSUM_AT.get(self.protocol)
        if at is None:
            return None
        field, pseudo = number(payload, at), self.pseudo(len(payload))
        if self.partial:
            right = field % 0xffff == pseudo
            return None if right else f"partial checksum {field:#06x}, not {pseudo:#06x}"
        if self.protocol == UDP and field == 0 and self.version == 4:
            return None
        wrong = (ones_sum(payload) + pseudo) % 0xffff or (self.protocol == UDP and field == 0)
        return f"checksum {field:#06x} of protocol {self.protocol} is wrong" if wrong else None

    def header_fault(self):
        if self.version == 4 and ones_sum(self.octets[:self.transport]):
            return f"IPv4 header checksum {number(self.octets, 10):#06x} is wrong"
        if self.end > len(self.octets) and not self.quoted:
            return f"cut off at {len(self.octets)} of {self.end} octets"
        return None

    def faults(self, judge_quoted=False):
        """Every wrong checksum of a datagram. judge_quoted: quoted transport checksums too, where
        the whole datagram is quoted; where devices complete checksums, nobody else does."""
        found = [self.header_fault()]
        whole = not self.is_fragment and self.end <= len(self.octets)
        if whole and (judge_quoted or not self.quoted):
            found.append(self.transport_fault(self.payload))
        if self.inner:
            found += ["quoted: " + f for f in self.inner.faults(judge_quoted)]
        return [f for f in found if f]
