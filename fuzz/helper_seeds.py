"""Connections that helpers read; numbers of texts as in fuzz_helper.c."""

from datagrams import u8

TEXTS = ["ready", "port", "low", "eprt", "pasv_reply", "epsv_reply", "pasv", "epsv", "auth", "secured", "noop", "more", "last",
         "request", "start", "started", "dial", "dialled", "epsv_all", "eprt_six", "soon", "port_wrong", "port_other", "port_begins",
         "port_ends", "called_reply", "call_reply", "clear", "disconnected", "read_short"]
INSIDE, OUTSIDE, FIN, SYN, ACK, OWN = 0, 1, 1, 2, 16, 255
SACK, URGENT, PARTIAL, SUPER, PIECE, ERROR, TUNNEL = (2 << n for n in range(7))
FTP, TFTP, PPTP = 0, 2, 3


def say(side, text=None, flags=ACK, seq=0, acknowledged=0, room=0, step=0, octets=b"", rare=0, more=()):
    """text: a name, or octets of one's own; more: what is rare asks for."""
    body = u8(TEXTS.index(text), 0) if isinstance(text, str) else u8(OWN, len(octets)) + octets
    return u8(side | rare) + body + u8(flags, seq, acknowledged, *more, room, step)


def tunnel(side, call):
    return u8(side | TUNNEL, call, 0, 0)


def error(side, quoted=200):
    return u8(side | ERROR, quoted, 0, 0)


def opened(port, filtering, serves=0, data=b""):
    first, second = (OUTSIDE, INSIDE) if serves else (INSIDE, OUTSIDE)
    return (u8(port) + (u8(serves) if port < TFTP else b"") + u8(filtering, filtering)
            + say(first, flags=SYN, octets=data) + say(second, flags=SYN | ACK) + say(first))


def helper_seeds():
    yield from ftp_seeds()
    yield from served_seeds()
    yield from other_seeds()


def ftp_seeds():
    piece = [say(INSIDE, octets=p) for p in (b"PO", b"RT 10,0,0,1", b"1,19,137\r", b"\nNOOP\r\n")]
    greeted = opened(FTP, 2) + say(OUTSIDE, "ready")
    port, noop, heard = say(INSIDE, "port"), say(INSIDE, "noop"), say(OUTSIDE, "noop")
    for name in ("port", "low", "eprt"):
        yield name, greeted + say(INSIDE, name) + heard + noop
    yield "pieces", greeted + b"".join(piece)
    yield "again", greeted + port + say(INSIDE, "port", seq=252 - 24) + noop
    yield "ahead", greeted + say(INSIDE, "port", seq=253) + port
    yield "no-room", greeted + say(INSIDE, "port", room=255) + port
    yield "end", greeted + piece[0] + say(INSIDE, flags=ACK | FIN)
    yield "tls", greeted + say(INSIDE, "auth") + say(OUTSIDE, "secured") + port
    yield "late", greeted + port + say(INSIDE, "noop", step=255)
    for name in ("epsv_all", "eprt_six", "port_wrong", "port_other"):
        yield name, greeted + say(INSIDE, name) + heard + port + noop
    yield "soon", opened(FTP, 1) + say(OUTSIDE, "soon") + port + say(OUTSIDE, "ready") + port + noop
    yield "ungreeted", opened(FTP, 1) + say(OUTSIDE, "last") + port
    yield "with-syn", opened(FTP, 1, data=b"PORT 10,0,0,11,19,137\r\n") + say(OUTSIDE, "ready") + port
    yield "again-after", greeted + port + port + port + port + heard + port + noop + say(INSIDE, "noop", seq=252 - 24)
    # The list of edits is cleared when they are acknowledged, by number of the outside's.
    yield "acknowledged", greeted + b"".join(port + say(OUTSIDE, "noop", acknowledged=254) + noop for _ in range(6))
    for name, rare, more in (("sack", SACK, (30, 9)), ("urgent", URGENT, (9,)), ("partial", PARTIAL, ()),
                             ("super", PARTIAL | SUPER, ()), ("piece", PIECE, ()), ("partial-urgent", PARTIAL | URGENT, (3,))):
        yield f"{name}", greeted + port + say(OUTSIDE, "noop", rare=rare, more=more) + say(INSIDE, "noop", rare=rare, more=more) + \
            say(INSIDE, "port", rare=rare, more=more) + say(OUTSIDE, "noop", rare=rare, more=more) + noop + port
        yield f"{name}-held", greeted + say(INSIDE, "port_begins") + say(INSIDE, "port_ends", rare=rare, more=more) + heard + \
            say(INSIDE, "port_begins", rare=rare, more=more) + say(INSIDE, "noop", rare=rare, more=more) + heard + noop
    yield "held-no-port", greeted + say(INSIDE, "port_begins") + noop + heard + say(INSIDE, octets=b"PORT 10,0,") + say(
        INSIDE, octets=b"nothing at all\r\n") + heard + noop
    yield "held-no-room", greeted + say(INSIDE, "port_begins") + say(INSIDE, "port_ends", room=255) + noop + heard
    yield "held-long", greeted + say(INSIDE, "port_begins") + say(INSIDE, octets=b"1" * 79) + heard + noop
    for quoted in (0, 4, 12, 200):
        yield f"errors-{quoted}", greeted + port + error(OUTSIDE, quoted) + noop + error(OUTSIDE, quoted) + heard + error(INSIDE, quoted)
    yield "reset", greeted + port + say(INSIDE, "noop", flags=ACK | FIN) + say(OUTSIDE, flags=ACK | FIN) + say(INSIDE, flags=SYN) + \
        say(OUTSIDE, flags=SYN | ACK) + say(INSIDE) + say(OUTSIDE, "ready") + port + heard
    yield "gap", greeted + say(OUTSIDE, "noop", seq=255) + say(OUTSIDE, "noop", seq=250) + port + heard
    lines = (b"PORT 10,0,0,11,19\r\n", b"PORT 10,0,0,11,19,137,1\r\n", b"PORT 1000,0,0,11,1,1\r\n", b"PORT \r\n", b"PORT\r\n",
             b"port 10,0,0,11,19,137 \r\n", b"EPRT |1|10.0.0.11|99999|\r\n", b"EPRT |1|10.0.0|5001|\r\n", b"EPRT |1|10.0.0.11|5001\r\n",
             b"EPRT |1|10.0.0.11||\r\n", b"EPRT ,1,10.0.0.11,5001,\r\n", b"EPRT |3|10.0.0.11|5001|\r\n", b"EPRT \r\n", b"EPRT 1111\r\n",
             b"XYZZY 1\r\n", b"\xff\xf4PORT 10,0,0,11,19,137\r\n", b"PORT 10,0,0,11,19,\r\n", b"PORT 10,0,0,11,a,b\r\n",
             b"EPRT |1|10.0.0.11x|5001|\r\n", b"EPRT |1|10.0.0.300|5001|\r\n", b"PORT 10,0,0,11, 19,137\r\n", b"P\r\n", b"\r\n")
    for place in range(0, len(lines), 4):
        yield f"lines-{place}", greeted + \
            b"".join(say(INSIDE, octets=line) for line in lines[place:place + 4]) + heard


def served_seeds():
    served = opened(FTP, 1, 1) + say(INSIDE, "ready")
    pasv, more, last = say(OUTSIDE, "pasv"), say(INSIDE, "more"), say(INSIDE, "last")
    yield "passive", served + pasv + say(INSIDE, "pasv_reply") + say(OUTSIDE, "epsv") + say(INSIDE, "epsv_reply")
    yield "long-reply", served + pasv + more + say(INSIDE, "pasv_reply") + last
    yield "passive-pieces", served + pasv + say(INSIDE, octets=b"227 (10,0") + say(INSIDE, octets=b",0,11,19,137)\r\n") + pasv + say(
        INSIDE, octets=b"229 (|||50") + say(INSIDE, octets=b"01|)\r\n") + last
    replies = (b"227 Entering Passive Mode (10,0,0,11,19,137).\r\n", b"227 10,0,0,11,19,137\r\n", b"227 none\r\n", b"229 (|||0|)\r\n",
               b"229 (||5001|)\r\n", b"229 none\r\n", b"229 (!!!5001!)\r\n", b"227-x\r\n227 (10,0,0,11,19,137)\r\n", b"22\r\n", b"abc\r\n",
               b"229 (|||5001)\r\n", b"229 (|1||5001|)\r\n")
    for place, reply in enumerate(replies):
        yield f"reply-{place}", served + pasv + say(INSIDE, octets=reply) + last
    yield "served-secured", served + say(OUTSIDE, "auth") + say(INSIDE, "secured") + pasv + say(INSIDE, "pasv_reply")
    for code in (b"334 x\r\n", b"335 x\r\n", b"235 x\r\n"):
        yield f"served-secured-{code[:3].decode()}", served + say(OUTSIDE, "auth") + say(INSIDE, octets=code) + pasv + say(INSIDE, "pasv_reply")


def other_seeds():
    yield "tftp", u8(TFTP, 2, 2) + say(INSIDE, "request") + say(OUTSIDE) + say(INSIDE, "request", step=200)
    yield "tftp-short", u8(TFTP, 2, 2) + say(INSIDE) + say(INSIDE, octets=b"\0") + say(INSIDE, "read_short") + say(
        INSIDE, octets=b"\0\5x\0octet\0") + say(INSIDE, "request", rare=PARTIAL) + say(INSIDE, "request", rare=PIECE)
    called = opened(PPTP, 2) + say(INSIDE, "start") + say(OUTSIDE, "started")
    dial, dialled = say(INSIDE, "dial"), say(OUTSIDE, "dialled")
    yield "pptp", called + dial + dialled + say(INSIDE, "dial", seq=252 - 14)
    both = b"".join(tunnel(side, call) for side in (INSIDE, OUTSIDE) for call in range(4))
    yield "pptp-tunnel", called + both + dial + both + dialled + both + error(INSIDE) + error(OUTSIDE) + say(INSIDE, "clear") + \
        say(OUTSIDE, "disconnected") + both
    yield "pptp-incoming", called + say(OUTSIDE, "called_reply") + say(INSIDE, "call_reply") + both + say(OUTSIDE, "call_reply") + \
        say(INSIDE, "called_reply") + both
    yield "pptp-calls", called + b"".join(say(INSIDE, octets=b"\0\16\0\1\x1a\x2b\x3c\x4d\0\7\0\0" + u8(n, 7)) for n in range(12)) + dialled
    yield "pptp-unstarted", opened(PPTP, 1) + dial + dialled + both
    wrong = (b"\0\14\0\2\x1a\x2b\x3c\x4d\0\1\0\0", b"\0\14\0\1\x1a\x2b\x3c\x4e\0\1\0\0", b"\0\4", b"\0\14\0\1\x1a\x2b\x3c\x4d\0\0\0\0",
             b"\0\14\0\1\x1a\x2b\x3c\x4d\0\x63\0\0", b"\0\14\0\1\x1a\x2b\x3c\x4d\0\7\0\0", b"\x7f\xff\0\1\x1a\x2b\x3c\x4d\0\1\0\0")
    for place, octets in enumerate(wrong):
        yield f"pptp-wrong-{place}", called + say(INSIDE, octets=octets) + dial
    yield "pptp-rare", called + say(INSIDE, "dial", rare=PARTIAL) + say(OUTSIDE, "dialled", rare=PARTIAL) + say(INSIDE, "clear", rare=PIECE) + both
    yield "pptp-refused", called + dial + say(OUTSIDE, octets=b"\0\22\0\1\x1a\x2b\x3c\x4d\0\10\0\0\0\11\0\7\2\0") + both + \
        say(OUTSIDE, octets=b"\0\22\0\1\x1a\x2b\x3c\x4d\0\10\0\0\0\11\0\77\1\0") + both
    yield "pptp-anew", called + dial + dialled + say(INSIDE, flags=ACK | FIN) + say(OUTSIDE, flags=ACK | FIN) + say(INSIDE, flags=SYN) + \
        say(OUTSIDE, flags=SYN | ACK) + say(INSIDE, "start") + say(OUTSIDE, "started") + dial + both
    yield "pptp-expired", called + dial + dialled + b"".join(say(INSIDE, step=255) for _ in range(14)) + both
