"""Listening at the kernel's end of a device, to every packet, and judging each of them."""

import errno
import ipaddress
import socket
import struct
import threading
from collections import defaultdict

from netns import until
from wire import Packet

ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 3, 0x0800, 0x86dd
LULL = 5  # seconds that a pause of the traffic is waited for
SOL_PACKET, PACKET_STATISTICS, PACKET_VNET_HDR = 263, 6, 15
SO_RCVBUFFORCE = 33
NEEDS_CSUM = 1
MTU = 1500  # of every link in the tests, at most
VNET = struct.Struct("=BBHHHH")  # flags, GSO type, header length, GSO size, sum's start and offset


class Sniffer:
    """packets is what went by so far, in order; anything but IP is only counted in others."""

    def __init__(self, namespace, device):
        self.name = f"{device} in {namespace.name}"
        self.packets = []
        self.others = defaultdict(int)
        self.unreadable = []
        self.crafted = set()  # octets that a test sent to be wrong
        self.socket = self._listen(namespace, device)
        self.link_len = 14 if self._has_ethernet(device) else 0
        self.stopping = False
        self.idle = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _listen(self, namespace, device):
        s = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        try:
            s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 128 << 20)
            self.sees_all = True
        except PermissionError:  # root of a user namespace only: fast transfers are sampled
            self.sees_all = False
        s.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        s.bind((device, ETH_P_ALL))
        s.settimeout(0.01)
        return s

    def _has_ethernet(self, device):
        return self.socket.getsockname()[3] == 1

    def _run(self):
        while True:
            try:
                octets, (_, _, kind, _, _) = self.socket.recvfrom(1 << 17)
            except TimeoutError:
                self.idle.set()
                if self.stopping:
                    return
            except OSError as error:
                if error.errno != errno.ENETDOWN:  # what was kept before that can still be read
                    return
            else:
                self._keep(octets, kind == socket.PACKET_OUTGOING)

    def _keep(self, octets, outgoing):
        flags, _, _, gso_size, _, _ = VNET.unpack_from(octets)
        frame = octets[VNET.size:]
        if self.link_len:
            protocol = int.from_bytes(frame[12:14], "big")
            frame = frame[self.link_len:]
            if protocol not in (ETH_P_IP, ETH_P_IPV6):
                self.others[protocol] += 1
                return
        if frame in self.crafted:
            return
        try:
            self.packets.append(Packet(frame, bool(flags & NEEDS_CSUM), outgoing, gso_size))
        except (IndexError, ValueError):
            self.unreadable.append(frame)

    def stop(self):
        """Read what is left."""
        self.stopping = True
        self.thread.join()

    def received(self, **fields):
        """Packets from the gateway whose fields are these, of all that have arrived by now."""
        if self.thread.is_alive():
            self.idle.clear()
            self.idle.wait(LULL)
        return [p for p in self.packets if not p.outgoing
                and all(getattr(p, name) == value for name, value in fields.items())]

    def wait(self, **fields):
        """The first such packet, which may still be on its way."""
        return until(lambda: self.received(**fields), f"{fields} at {self.name}")[0]

    def missed(self):
        """Packets since the last call that should have been kept and were not."""
        statistics = self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        return self.sees_all and struct.unpack("=II", statistics)[1]


def reassembled_faults(packets):
    """Wrong checksums of datagrams that went by in fragments, all of which were seen."""
    parts = defaultdict(dict)
    for p in packets:
        if p.is_fragment:
            parts[p.source, p.destination, p.protocol, p.id, p.outgoing][p.offset] = p
    for fragments in parts.values():
        payload = b""
        while len(payload) in fragments:
            last = fragments[len(payload)]
            payload += last.payload
            if not last.more:
                fault = fragments[0].transport_fault(payload)
                if fault:
                    yield f"{fault}, reassembled: {last}"
                break


def oversized(packets):
    """ENV-1: packets above the MTU, unless the device is to cut them to what fits."""
    return (f"larger than {MTU}: {p}" for p in packets if len(p.octets) > MTU
            and (not p.gso_size or len(p.octets) - len(p.data) + p.gso_size > MTU))


def judge(sniffer, judge_quoted):
    """Every fault of every packet, as text."""
    faults = [f"{fault}: {p}" for p in sniffer.packets for fault in p.faults(judge_quoted)]
    faults += reassembled_faults(sniffer.packets)
    faults += oversized(sniffer.packets)
    faults += [f"not a datagram: {frame[:80].hex()}" for frame in sniffer.unreadable]
    return [f"{sniffer.name}: {f}" for f in faults]


def leaks(sniffer, inside):
    """Packets from the gateway that show an address of the inside prefix, quoted or not."""
    prefix = ipaddress.ip_network(inside)
    return [f"{sniffer.name}: inside address: {p}" for p in sniffer.packets
            if not p.outgoing and any(ipaddress.ip_address(a) in prefix for a in p.everyone())]
