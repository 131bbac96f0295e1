"""Protocols beside TCP, UDP and ICMP: two clients, and a server that they reach alike.

UDP-Lite is between sockets of the kernels. The others, which few kernels speak, are crafted: what
is put on the client's end of the device is read at the server's end, and the answer to what was
read there is put back.
"""

import socket

import pytest
from scapy.all import ESP, GRE, ICMP, IP, IPv6, Raw, SCTP, UDP, raw
from scapy.layers.sctp import (SCTPChunkAbort, SCTPChunkCookieAck, SCTPChunkCookieEcho,
                               SCTPChunkData, SCTPChunkInit, SCTPChunkInitAck)

import wire
from netns import until
from rig import CLIENT, CLIENT_B, SERVER, Setup
from sniffer import ETH_P_IP
from peers import exchange, silent

SETUPS = [Setup("tun", 1, True), Setup("tun", 4, True), Setup("own", 2, True)]
UDPLITE, DCCP, SCTP_NUMBER, ESP_NUMBER = 136, 33, 132, 50
UDPLITE_SEND_CSCOV, UDPLITE_RECV_CSCOV = 10, 11  # linux/udp.h
CLIENTS = (CLIENT, CLIENT_B)


class Wire:
    """One end of the network: datagrams put on its device, and what the gateway sends there."""

    def __init__(self, namespace, device, sniffer):
        self.namespace, self.device, self.sniffer = namespace, device, sniffer
        self.socket = namespace.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        namespace.run("iptables", "-I", "OUTPUT", "-p", "icmp", "-j", "DROP")

    def mac(self):
        """The link-layer address of the gateway, if there is one."""
        found = self.namespace.ask_ip(f"neighbour show dev {self.device}")
        return bytes.fromhex(found[0]["lladdr"].replace(":", "")) if found and "lladdr" in found[0] else b""

    def put(self, packet):
        octets = raw(packet)
        self.sniffer.crafted.add(octets)
        self.socket.sendto(octets, (self.device, ETH_P_IP, 0, 0, self.mac()))

    def get(self, **fields):
        """The one datagram from the gateway with these fields that was not read yet."""
        seen = self.__dict__.setdefault("seen", 0)
        found = until(lambda: self.sniffer.received(**fields)[seen:], f"{fields} at {self.device}")
        self.seen = seen + 1
        return found[0]


class Ends:
    """Both ends, and the way between them for one protocol."""

    def __init__(self, net, protocol):
        self.net, self.protocol = net, protocol
        self.client = Wire(net.client, "lan0", net.inside)
        self.server = Wire(net.server, "wan0", net.outside)

    def out(self, source, payload, destination=SERVER):
        """Sent by a client; what the server gets must have the same payload."""
        self.client.put(IP(src=source, dst=destination, proto=self.protocol) / payload)
        got = self.server.get(protocol=self.protocol)
        assert (got.source, got.destination) == (self.net.pool, destination)
        return got

    def back(self, to, payload, source=SERVER):
        """Sent by the server; the client that must get it does."""
        self.server.put(IP(src=source, dst=self.net.pool, proto=self.protocol) / payload)
        got = self.client.get(protocol=self.protocol)
        assert (got.source, got.destination) == (source, to)
        return got


def sctp(sport, dport, tag, chunk):
    return raw(SCTP(sport=sport, dport=dport, tag=tag) / chunk)


def dccp(packet_type, sport, dport, addresses, more=b"", cscov=0, payload=b""):
    """RFC 4340 section 5.1, with its checksum over what CsCov says."""
    offset = 16 + len(more)
    header = bytearray(sport.to_bytes(2, "big") + dport.to_bytes(2, "big")
                       + bytes([offset // 4, cscov, 0, 0, packet_type << 1 | 1, 0, 0, 0, 0, 0, 0, 1]) + more)
    whole = bytes(header) + payload
    covered = whole[:offset + (cscov - 1) * 4] if cscov else whole
    pseudo = b"".join(map(socket.inet_aton, addresses)) + bytes([0, DCCP]) + len(whole).to_bytes(2, "big")
    header[6:8] = (0xffff - wire.ones_sum(pseudo + covered + bytes(len(covered) % 2))).to_bytes(2, "big")
    return bytes(header) + payload


def covered_sum(packet, cover):
    """RFC 3828, RFC 4340: of the pseudo-header and the first cover octets; 0xffff if right."""
    part = packet.payload[:cover]
    return wire.ones_sum(part + bytes(len(part) % 2)) + packet.pseudo(len(packet.payload))


def states(net):
    return sorted(s["state"] for s in net.router.ask("sessions")["sessions"])


@pytest.mark.parametrize("setup", SETUPS, ids=str, indirect=True)
class TestTransports:
    def test_udplite_between_kernels(self, net):
        """3828-UL1: coverage of eight octets, the same ports of two clients, and UDP beside them."""
        kind = (socket.AF_INET, socket.SOCK_DGRAM, UDPLITE)
        server = net.server.socket(*kind)
        server.bind((SERVER, 6000))
        server.setsockopt(UDPLITE, UDPLITE_RECV_CSCOV, 8)
        ends = set()
        for address in CLIENTS:
            s = net.client.socket(*kind)
            s.setsockopt(UDPLITE, UDPLITE_SEND_CSCOV, 8)
            s.setsockopt(UDPLITE, UDPLITE_RECV_CSCOV, 8)
            s.bind((address, 5000))
            ends.add(exchange(s, (SERVER, 6000), server))
            exchange(s, (SERVER, 6000), server)
        assert len(ends) == 2
        exchange(net.client.udp(CLIENT, 5000), (SERVER, 6000), net.server.udp(SERVER, 6000))
        seen = net.outside.received(protocol=UDPLITE)
        assert seen and all(wire.number(p.payload, 4) == 8 for p in seen)
        assert all(covered_sum(p, 8) % 0xffff == 0 for p in seen)

    def test_sctp_of_two_clients_with_equal_ports(self, net):
        """OTH-SCTP1: told apart by their tags, with each octet behind the addresses as it was."""
        ends = Ends(net, SCTP_NUMBER)
        tags = {CLIENT: (0x1badcafe, 0x51515101), CLIENT_B: (0x2badcafe, 0x52525202)}
        for address, (own, _) in tags.items():
            sent = sctp(5000, 3868, 0, SCTPChunkInit(init_tag=own, n_in_streams=1, n_out_streams=1))
            assert ends.out(address, sent).payload == sent
        for address, (own, peer) in reversed(tags.items()):
            sent = sctp(3868, 5000, own, SCTPChunkInitAck(init_tag=peer, n_in_streams=1, n_out_streams=1))
            assert ends.back(address, sent).payload == sent
        for address, (own, peer) in tags.items():
            sent = sctp(5000, 3868, peer, SCTPChunkCookieEcho(cookie=b"cook"))
            assert ends.out(address, sent).payload == sent
            sent = sctp(3868, 5000, own, SCTPChunkCookieAck())
            assert ends.back(address, sent).payload == sent
        for address, (own, peer) in tags.items():
            sent = sctp(5000, 3868, peer, SCTPChunkData(data=address.encode(), tsn=1))
            assert ends.out(address, sent).payload == sent
            sent = sctp(3868, 5000, own, SCTPChunkData(data=address.encode(), tsn=1))
            assert ends.back(address, sent).payload == sent
        assert states(net) == ["established", "established"]
        ends.back(CLIENT, sctp(3868, 5000, tags[CLIENT][0], SCTPChunkAbort()))
        assert states(net) == ["established", "transitory"]

    def test_dccp_of_two_clients_with_equal_ports(self, net):
        """5597-R1, 5597-R11: a port for each, checksums right where they cover, service code kept."""
        ends = Ends(net, DCCP)
        service = b"test"
        ports = {}
        for address in CLIENTS:
            got = ends.out(address, dccp(0, 5000, 5001, (address, SERVER), service))
            ports[address] = wire.number(got.payload, 0)
            assert covered_sum(got, 20) % 0xffff == 0 and got.payload[16:20] == service
        assert len(set(ports.values())) == 2
        for address, port in ports.items():
            got = ends.back(address, dccp(1, 5001, port, (SERVER, net.pool), bytes(8) + service))
            assert wire.number(got.payload, 2) == 5000 and covered_sum(got, 28) % 0xffff == 0
            # CsCov 1: the payload is not covered, and comes as it is.
            sent = dccp(2, 5000, 5001, (address, SERVER), cscov=1, payload=b"damage")
            got = ends.out(address, sent[:-1] + b"!")
            assert covered_sum(got, 16) % 0xffff == 0
            assert got.payload[5] == 1 and got.payload[16:] == b"damag!"

    def test_esp_of_two_clients(self, net):
        """OTH-ESP: IKE by its ports; the SPIs of each client are paired as they appear."""
        server = net.server.udp(SERVER, 500)
        for address in CLIENTS:
            exchange(net.client.udp(address, 500), (SERVER, 500), server)
        ends = Ends(net, ESP_NUMBER)
        for i, address in enumerate(CLIENTS):
            for keys in (0, 16):
                ends.out(address, raw(ESP(spi=0xa00 + i + keys, seq=1, data=b"sealed")))
                ends.back(address, raw(ESP(spi=0xb00 + i + keys, seq=1, data=b"sealed")))
        for i, address in reversed(list(enumerate(CLIENTS))):
            sent = raw(ESP(spi=0xb00 + i, seq=2, data=b"sealed"))
            assert ends.back(address, sent).payload == sent

    @pytest.mark.parametrize("protocol, payload", [
        (47, raw(GRE(proto=0x0800) / IP(src="10.1.1.1", dst="10.1.1.2") / UDP())),
        (41, raw(IPv6(src="2001:db8:a::1", dst="2001:db8:b::1") / UDP())),
        (4, raw(IP(src="10.1.1.1", dst="10.1.1.2") / UDP())),
    ], ids=["gre", "6in4", "ipip"])
    def test_tunnel(self, net, protocol, payload):
        """OTH-GRE, OTH-6IN4: the inner packet as it is; the second client is told 3/13."""
        ends = Ends(net, protocol)
        assert ends.out(CLIENT, payload).payload == payload
        assert ends.back(CLIENT, payload).payload == payload
        ends.client.put(IP(src=CLIENT_B, dst=SERVER, proto=protocol) / payload)
        told = net.inside.wait(type=3)
        assert (told.code, told.destination) == (13, CLIENT_B)
        # Too big on the way: the error is about what the client sent.
        quoted = IP(src=net.pool, dst=SERVER, proto=protocol) / payload
        ends.server.put(IP(src=SERVER, dst=net.pool) / ICMP(type=3, code=4, nexthopmtu=1400) / Raw(raw(quoted)))
        told = until(lambda: net.inside.received(type=3, code=4), "the error")[0]
        assert told.destination == told.inner.source == CLIENT

    def test_multicast_and_igmp_stay(self, net):
        """5135-M1, 5135-M2: what is for a group, and IGMP, does not cross."""
        ends = Ends(net, 2)
        for packet in (IP(src=CLIENT, dst="239.1.1.1", ttl=8) / UDP(sport=5000, dport=5000) / b"group",
                       IP(src=CLIENT, dst="224.0.0.22", ttl=1, proto=2) / bytes(16),
                       IP(src=CLIENT, dst="224.0.0.22", ttl=8, proto=2) / bytes(16),
                       IP(src=CLIENT, dst=SERVER, proto=2) / bytes(16)):
            ends.client.put(packet)
        exchange(net.client.udp(CLIENT, 5000), (SERVER, 6000), net.server.udp(SERVER, 6000))
        assert not net.outside.received(protocol=2)
        assert {p.destination for p in net.outside.received(version=4)} == {SERVER}
