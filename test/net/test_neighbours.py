"""Neighbours of packet interfaces, as the kernel knows them and as they change."""

import pytest

from netns import until
from peers import exchange
from rig import CLIENT, SERVER, Setup

SETUPS = [Setup("shared", 2), Setup("xdp", 1)]


def state(net):
    return net.gateway.ask_ip(f"neighbour show {SERVER} dev wan0")[0]["state"]


@pytest.mark.parametrize("setup", SETUPS, ids=str, indirect=True)
def test_operators_entries_stay_permanent(net):
    """They are used, and not made to grow old by that."""
    exchange(net.client.udp(CLIENT), (SERVER, 53), net.server.udp(SERVER, 53))
    assert state(net) == ["PERMANENT"]


@pytest.mark.parametrize("setup", SETUPS, ids=str, indirect=True)
def test_another_address_is_followed_at_once(net):
    """What was found a moment ago is not used until it would grow old."""
    a, b = net.client.udp(CLIENT), net.server.udp(SERVER, 53)
    b.settimeout(0.01)
    soon = 0
    for number in range(5):  # what grows old does so a second after the one before has arrived
        until(lambda: arrives(a, b), "a datagram to arrive")
        mac = f"02:00:00:00:00:6{number}"
        net.server.ip(f"link set wan0 address {mac}")
        net.gateway.ip(f"neighbour replace {SERVER} lladdr {mac} dev wan0 nud permanent")
        soon += any(arrives(a, b) for _ in range(40))
    assert soon >= 3, "40 datagrams in a row to the address of before, again and again"


def arrives(a, b):
    a.sendto(b"?", (SERVER, 53))
    try:
        return b.recv(64)
    except TimeoutError:
        return None
