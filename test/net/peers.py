"""What two hosts say to each other in the tests. Both ends are sockets of this process."""

import hashlib
import os
import socket
import threading

from netns import PATIENCE


def exchange(a, address, b):
    """A question from UDP socket a to b's address, and the answer back. Returns where the question
    seemed to come from."""
    question, answer = os.urandom(40), os.urandom(400)
    a.sendto(question, address)
    heard, source = b.recvfrom(65536)
    assert heard == question
    b.sendto(answer, source)
    heard, answerer = a.recvfrom(65536)
    assert heard == answer and answerer[:2] == address
    return source[:2]


def connect(a, address, listener):
    """Connect TCP socket a to the listener's address; returns the other end and who it sees."""
    a.connect(address)
    b, peer = listener.accept()
    b.settimeout(PATIENCE)
    return b, peer[:2]


def _digest_of_all(s, found):
    digest = hashlib.sha256()
    while octets := s.recv(1 << 18):
        digest.update(octets)
    found.append(digest.hexdigest())


def transfer(a, b, size):
    """Send octets from TCP socket a to b and close a for sending: all must arrive, unchanged."""
    octets = os.urandom(size)
    found = []
    reader = threading.Thread(target=_digest_of_all, args=(b, found))
    reader.start()
    a.sendall(octets)
    a.shutdown(socket.SHUT_WR)
    reader.join()
    assert found == [hashlib.sha256(octets).hexdigest()]


def silent(s, seconds=0.3):
    """Nothing comes within this time, neither a message nor an error."""
    s.settimeout(seconds)
    try:
        heard = s.recv(65536)
    except TimeoutError:
        return True
    else:
        raise AssertionError(f"unexpected: {heard!r}")
    finally:
        s.settimeout(PATIENCE)
