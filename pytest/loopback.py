"""A page at 127.0.0.1 for one run of drywire, in the network namespace this is started in:

    unshare -rn python3 pytest/loopback.py PORT SCENARIO ARGUMENT...

The page is the body= of the scenario's `serve http` line; the arguments are drywire's.
"""

import fcntl
import os
import re
import socket
import struct
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = struct.pack("16sh22x", b"lo", 0)
        flags = struct.unpack("16sh22x", fcntl.ioctl(s, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | IFF_UP))


def handler(path, body):
    class Page(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.send_response(200 if self.path == path else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            print("served", self.client_address[0], file=sys.stderr)

    return Page


def main(port, scenario, *arguments):
    build = Path(__file__).resolve().parent.parent / os.environ.get("O", "build")
    line = re.search(r'^serve\s+http\s.*path=(\S+) body="(.*)"', Path(scenario).read_text(), re.M)
    body = line[2].encode().decode("unicode_escape").encode()
    loopback_up()
    server = HTTPServer(("127.0.0.1", int(port)), handler(line[1], body))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return subprocess.run([str(build / "drywire"), *arguments]).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
