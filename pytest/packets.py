"""Packets and captures by hand, for tests of what reads captures."""

import struct

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
CLIENT, SERVER = "192.0.2.1", "192.0.2.2"
ETHERNET = bytes.fromhex("020000000001 020000000002 0800")


def checksum(data):
    words = struct.unpack(f">{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2))
    total = sum(words)
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def address(text):
    return bytes(int(n) for n in text.split("."))


def ip(source, to, payload, protocol=6, fragment=0x4000):
    head = struct.pack(">BBHHHBB", 0x45, 0, 20 + len(payload), 1, fragment, 64, protocol)
    ends = address(source) + address(to)
    return head + struct.pack(">H", checksum(head + b"\0\0" + ends)) + ends + payload


def segment(source, to, source_port, port, seq, ack, flags, payload=b"", options=b""):
    head = struct.pack(">HHIIBBH", source_port, port, seq % 2**32, ack % 2**32, (20 + len(options)) * 4, flags,
                       65535)
    ends = address(source) + address(to) + struct.pack(">BBH", 0, 6, 20 + len(options) + len(payload))
    total = checksum(ends + head + b"\0\0\0\0" + options + payload)
    return ip(source, to, head + struct.pack(">HH", total, 0) + options + payload)


def ethernet(packet):
    return ETHERNET + packet


def tagged(packet):
    return ETHERNET[:12] + b"\x88\xa8\0\7\x81\0\0\5" + ETHERNET[12:] + packet


class Talk:
    """A connection, as IP packets with their times in nanoseconds."""

    def __init__(self, port=80, seq=(1000, 5000)):
        self.packets, self.port, self.seq, self.now = [], port, list(seq), 1_700_000_000 * 10**9
        self.options = bytes.fromhex("020405b4")

    def add(self, packet, pause=1_000_000):
        self.now += pause
        self.packets.append((self.now, packet))

    def say(self, who, payload=b"", flags=PSH | ACK, pause=1_000_000):
        """Side 0 is the client, 1 the server."""
        ends = [(CLIENT, 40000), (SERVER, self.port)]
        (source, source_port), (to, port) = ends[who], ends[1 - who]
        ack = self.seq[1 - who] if flags & ACK else 0
        self.add(segment(source, to, source_port, port, self.seq[who], ack, flags, payload,
                         self.options if flags & SYN else b""), pause)
        self.seq[who] += len(payload) + bool(flags & (SYN | FIN))

    def open(self):
        self.say(0, flags=SYN)
        self.say(1, flags=SYN | ACK)
        self.say(0, flags=ACK)
        return self

    def close(self):
        self.say(1, flags=FIN | ACK)
        self.say(0, flags=FIN | ACK)
        self.say(1, flags=ACK)
        return self

    def web(self, body):
        self.open()
        self.say(0, b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
        self.say(1, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        return self.close()


def pcap(path, packets, wrap=ethernet, link=1):
    """Write (time, packet) as a capture of the packets, each passed through `wrap`."""
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 262144, link))
        for now, packet in packets:
            data = wrap(packet)
            f.write(struct.pack("<IIII", now // 10**9, now % 10**9, len(data), len(data)) + data)
    return path
