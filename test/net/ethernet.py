"""Frames at the kernel's end of a TAP device, made and read octet by octet, VLAN tags with them.

The kernel takes the outer tag of what it receives out of the frame and hands it over beside it.
"""

import socket
import struct
import time

from scapy.all import ARP, Dot1AD, Dot1Q, Ether

from netns import PATIENCE

ETH_P_ALL, ETH_P_8021Q, ETH_P_8021AD = 3, 0x8100, 0x88a8
SOL_PACKET, PACKET_AUXDATA = 263, 8
AUXDATA = struct.Struct("=IIIHHHH")  # status, lengths, offsets, then the tag and its protocol
TAGGED = 1 << 4
BROADCAST = "ff:ff:ff:ff:ff:ff"


class Port:
    """A station on the link, beside the kernel's own."""

    def __init__(self, namespace, device="wan0", mac="02:00:00:00:00:99"):
        self.mac = mac
        self.socket = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.socket.bind((device, ETH_P_ALL))
        self.socket.settimeout(0.01)
        self.heard = []

    def send(self, layers, to=BROADCAST, tags=(), priority=0):
        """layers: what follows Ethernet header and tags; tags: of VLANs, the outer one first."""
        frame = Ether(src=self.mac, dst=to)
        for place, vlan in enumerate(tags):
            kind = Dot1AD if place + 1 < len(tags) else Dot1Q
            frame /= kind(vlan=vlan, prio=priority)
        self.socket.send(bytes(frame / layers))

    def _read(self):
        try:
            octets, beside, _, (_, _, kind, _, _) = self.socket.recvmsg(1 << 17, 64)
        except TimeoutError:
            return
        if kind == socket.PACKET_OUTGOING:
            return
        for _, what, value in beside:
            status, _, _, _, _, tag, protocol = AUXDATA.unpack(value[:AUXDATA.size])
            if what == PACKET_AUXDATA and status & TAGGED:
                octets = octets[:12] + struct.pack("!HH", protocol, tag) + octets[12:]
        self.heard.append(Ether(octets))

    def find(self, condition):
        """The first frame from the gateway of all heard so far that fits, or None."""
        while True:
            count = len(self.heard)
            self._read()
            if len(self.heard) == count:
                return next((f for f in self.heard if condition(f)), None)

    def wait(self, condition, what, patience=PATIENCE):
        end = time.monotonic() + patience
        while not (frame := self.find(condition)):
            assert time.monotonic() < end, f"waited {patience} s for {what}; heard {self.heard}"
        return frame

    def asks(self, address, asked, **how):
        """Ask for an address of the gateway's by ARP; its MAC."""
        self.send(ARP(op=1, hwsrc=self.mac, psrc=address, pdst=asked), **how)
        return self.wait(lambda f: ARP in f and f[ARP].op == 2 and f[ARP].psrc == asked
                         and f.dst == self.mac, f"an answer about {asked}")

    def answers(self, address, tags=()):
        """Wait until the gateway asks for an address with these tags, and have it."""
        asked = self.wait(lambda f: ARP in f and f[ARP].op == 1 and f[ARP].pdst == address
                          and tags_of(f)[0] == list(tags), f"a question for {address}")
        self.send(ARP(op=2, hwsrc=self.mac, psrc=address, hwdst=asked.src, pdst=asked[ARP].psrc),
                  to=asked.src, tags=tags)
        return asked


def tags_of(frame):
    """VLANs from the outside in, and the priority of the outer one."""
    tags, layer = [], frame.payload
    while isinstance(layer, Dot1Q):
        tags.append(layer)
        layer = layer.payload
    protocols = [frame.type] + [t.type for t in tags]
    expected = [ETH_P_8021AD] * (len(tags) - 1) + [ETH_P_8021Q] * bool(tags)
    assert protocols[:len(tags)] == expected, f"tags of {protocols}"
    return [t.vlan for t in tags], tags[0].prio if tags else 0
