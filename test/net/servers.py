"""The servers of the demonstration, and FTP's.

python3 servers.py dns ADDRESS          every name has the address that the question came from
python3 servers.py web ADDRESS FOLDER   the files of a folder
python3 servers.py ftp ADDRESS FOLDER   the same, to be read and written
"""

import functools
import http.server
import socket
import socketserver
import sys


def answer(question, asker):
    """RFC 1035 section 4: the question back, with one record of type A behind it."""
    header = question[:2] + b"\x84\x00" + b"\0\1\0\1\0\0\0\0"
    name_end = question.index(b"\0", 12) + 1
    record = b"\xc0\x0c" + b"\0\1\0\1" + b"\0\0\0\0" + b"\0\4" + socket.inet_aton(asker)
    return header + question[12:name_end + 4] + record


def dns(address):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, 53))
    while True:
        question, asker = s.recvfrom(512)
        s.sendto(answer(question, asker[0]), asker)


def web(address, folder):
    """Not http.server's own class: that one looks up names, which do not exist here."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    socketserver.ThreadingTCPServer((address, 80), handler).serve_forever()


def ftp(address, folder):
    """Of Debian's package; it connects to nobody but its client, and not below port 1024."""
    from pyftpdlib import authorizers, handlers, servers
    everybody = authorizers.DummyAuthorizer()
    everybody.add_anonymous(folder, perm="elradfmw")
    handler = type("Handler", (handlers.FTPHandler,), {"authorizer": everybody})
    servers.FTPServer((address, 21), handler).serve_forever()


if __name__ == "__main__":
    {"dns": dns, "web": web, "ftp": ftp}[sys.argv[1]](*sys.argv[2:])
