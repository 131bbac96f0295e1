"""Those who keep the gateway's log: syslog (RFC 5424) and IPFIX (RFC 7011), read as their
specifications say and by nothing of the gateway's."""

import datetime
import ipaddress
import re
import socket
import struct
import time

from netns import PATIENCE

MESSAGE = re.compile(r"<(\d+)>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (\S+) router (\d+) (\S+) "
                     r"\[nat@32473((?: [a-z-]+=\"[^\"]*\")+)\]")


def parse(octets):
    """One syslog message as a dictionary of its parameters, with time as seconds."""
    found = MESSAGE.fullmatch(octets.decode("ascii"))
    assert found, octets
    values = dict(re.findall(r'([a-z-]+)="([^"]*)"', found[6]))
    assert found[5] == values["event"]
    stamp = datetime.datetime.strptime(found[2], "%Y-%m-%dT%H:%M:%S.%fZ")
    return values | {"time": stamp.replace(tzinfo=datetime.timezone.utc).timestamp()}


class Collector:
    """Reads a socket until something is there."""

    def __init__(self, s):
        self.socket = s
        self.records = []

    def take(self, octets):
        raise NotImplementedError

    def read(self):
        """What is there now."""
        self.socket.setblocking(False)
        try:
            while True:
                self.take(self.socket.recv(65536))
        except BlockingIOError:
            return self.records

    def until(self, event, count=1, patience=PATIENCE):
        """All records of a kind, once there are so many."""
        end = time.monotonic() + patience
        while len(found := [r for r in self.read() if r["event"] == event]) < count:
            assert time.monotonic() < end, f"waited for {count} of {event}: {self.records}"
            time.sleep(0.01)
        return found


class Syslog(Collector):
    def take(self, octets):
        self.records.append(parse(octets))


def syslog_at(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(path)
    return Syslog(s)


# IANA, "IPFIX Information Elements": number to name and octets.
ELEMENTS = {4: ("protocolIdentifier", 1), 7: ("sourceTransportPort", 2), 8: ("sourceIPv4Address", 4),
            11: ("destinationTransportPort", 2), 12: ("destinationIPv4Address", 4),
            27: ("sourceIPv6Address", 16), 28: ("destinationIPv6Address", 16),
            281: ("postNATSourceIPv6Address", 16), 282: ("postNATDestinationIPv6Address", 16),
            133: ("droppedPacketDeltaCount", 8), 225: ("postNATSourceIPv4Address", 4),
            226: ("postNATDestinationIPv4Address", 4), 228: ("postNAPTDestinationTransportPort", 2),
            227: ("postNAPTSourceTransportPort", 2), 230: ("natEvent", 1),
            323: ("observationTimeMilliseconds", 8), 361: ("portRangeStart", 2),
            362: ("portRangeEnd", 2), 466: ("natQuotaExceededEvent", 4),
            471: ("maxSessionEntries", 4), 473: ("maxEntriesPerUser", 4)}


class Ipfix(Collector):
    """Knows no template but those it was sent; sequence numbers must have no gap."""

    def __init__(self, s):
        super().__init__(s)
        self.templates, self.sequence = {}, None

    def take(self, octets):
        version, length, _, sequence, domain = struct.unpack_from("!HHIII", octets)
        assert (version, length, domain) == (10, len(octets), 1)
        assert length <= 512 - 48
        assert sequence == (self.sequence if self.sequence is not None else sequence)
        before, at = len(self.records), 16
        while at < length:
            number, size = struct.unpack_from("!HH", octets, at)
            body = octets[at + 4:at + size]
            self._templates(body) if number == 2 else self._records(number, body)
            at += size
        assert at == length
        self.sequence = sequence + len(self.records) - before

    def _templates(self, body):
        while body:
            number, count = struct.unpack_from("!HH", body)
            fields = list(struct.iter_unpack("!HH", body[4:4 + 4 * count]))
            assert all(ELEMENTS[element][1] == size for element, size in fields)
            self.templates[number] = [ELEMENTS[element] for element, _ in fields]
            body = body[4 + 4 * count:]

    def _records(self, number, body):
        while body:
            record = {}
            for name, size in self.templates[number]:
                value, body = int.from_bytes(body[:size], "big"), body[size:]
                kind = ipaddress.IPv6Address if "IPv6Address" in name else ipaddress.IPv4Address
                record[name] = str(kind(value)) if "Address" in name else value
            self.records.append(record | {"event": record["natEvent"]})
