"""A client's side of NTLM, version 2 (MS-NLMP), with integrity code and channel binding, either of
which it can leave out. What Python has no more (MD4, RC4) is here."""

import hashlib
import hmac
import os
import struct

SIGNATURE = b"NTLMSSP\0"
FLAGS = 0xE0088215
KEY_EXCHANGE = 0x40000000
FIXED = 88  # octets of the last message before its payload
MASK = 0xFFFFFFFF


def rotated(value, count):
    return ((value << count) | (value >> (32 - count))) & MASK


def md4(message):
    """RFC 1320."""
    state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476]
    length = 8 * len(message)
    message += b"\x80"
    message += bytes((56 - len(message)) % 64) + struct.pack("<Q", length)
    rounds = [
        (lambda b, c, d: (b & c) | (~b & d), range(16), (3, 7, 11, 19), 0),
        (lambda b, c, d: (b & c) | (b & d) | (c & d),
         [4 * (i % 4) + i // 4 for i in range(16)], (3, 5, 9, 13), 0x5A827999),
        (lambda b, c, d: b ^ c ^ d, (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15),
         (3, 9, 11, 15), 0x6ED9EBA1),
    ]
    for at in range(0, len(message), 64):
        words = struct.unpack("<16I", message[at : at + 64])
        a, b, c, d = state
        for mix, order, shifts, constant in rounds:
            for step, index in enumerate(order):
                mixed = (a + mix(b, c, d) + words[index] + constant) & MASK
                a, b, c, d = d, rotated(mixed, shifts[step % 4]), b, c
        state = [(x + y) & MASK for x, y in zip(state, (a, b, c, d))]
    return struct.pack("<4I", *state)


def rc4(key, data):
    table = list(range(256))
    j = 0
    for i in range(256):
        j = (j + table[i] + key[i % len(key)]) & 255
        table[i], table[j] = table[j], table[i]
    out = bytearray()
    i = j = 0
    for octet in data:
        i = (i + 1) & 255
        j = (j + table[i]) & 255
        table[i], table[j] = table[j], table[i]
        out.append(octet ^ table[(table[i] + table[j]) & 255])
    return bytes(out)


def keyed(key, data):
    return hmac.digest(key, data, "md5")


def wide(text):
    return text.encode("utf-16le")


class NtlmClient:
    """respond(challenge) for Login.authenticate; `binding` is the hash of a certificate."""

    def __init__(self, domain, user, password, binding=None, mic=True):
        self.domain, self.user, self.password = domain, user, password
        self.binding, self.mic = binding, mic
        self.first = SIGNATURE + struct.pack("<II", 1, FLAGS) + bytes(16)

    def __call__(self, challenge):
        if not challenge:
            return self.first
        flags = struct.unpack("<I", challenge[20:24])[0]
        attributes, time = self.attributes(challenge)
        owf = keyed(md4(wide(self.password)), wide(self.user.upper() + self.domain))
        blob = b"\1\1" + bytes(6) + time + os.urandom(8) + bytes(4) + attributes + bytes(4)
        proof = keyed(owf, challenge[24:32] + blob)
        exported = os.urandom(16)
        encrypted = rc4(keyed(owf, proof), exported)
        head, payload = SIGNATURE + struct.pack("<I", 3), b""
        for field in (bytes(24), proof + blob, wide(self.domain), wide(self.user), b"", encrypted):
            head += struct.pack("<HHI", len(field), len(field), FIXED + len(payload))
            payload += field
        head += struct.pack("<I", FLAGS & flags | KEY_EXCHANGE) + bytes(8)
        code = bytes(16)
        if self.mic:
            code = keyed(exported, self.first + challenge + head + code + payload)
        return head + code + payload

    def attributes(self, challenge):
        """The server's, and ours behind them; and the time."""
        length, _, offset = struct.unpack("<HHI", challenge[40:48])
        info, out, time = challenge[offset : offset + length], b"", bytes(8)
        while struct.unpack("<H", info[:2])[0] != 0:
            kind, size = struct.unpack("<HH", info[:4])
            if kind == 7:
                time = info[4 : 4 + size]
            out, info = out + info[: 4 + size], info[4 + size :]
        if self.mic:
            out += struct.pack("<HHI", 6, 4, 2)
        if self.binding is not None:
            data = b"tls-server-end-point:" + self.binding
            bound = bytes(16) + struct.pack("<I", len(data)) + data
            out += struct.pack("<HH", 10, 16) + hashlib.md5(bound).digest()
        return out + bytes(4), time
