"""A provider of tokens for the tools' tests, on loopback: device codes, authorization codes with
PKCE, refresh tokens that are good once, introspection, revocation. Tokens are opaque."""

import base64
import hashlib
import http.server
import json
import secrets
import sys
import os
import threading
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from harness import free_ports  # noqa: E402

CODE = "urn:ietf:params:oauth:grant-type:device_code"


class Granter:
    """`lifetime`: of the next tokens, in seconds. `device_answers`: what polls are told before the
    user has said yes. `refused`: what the user's browser brings back instead of a code."""

    def __init__(self, user):
        self.port = free_ports([0], salt=7)
        self.issuer = f"http://127.0.0.1:{self.port}"
        self.user = user
        self.lifetime = 3600
        self.device_answers = []
        self.refused = None
        self.codes, self.active, self.refreshes = {}, {}, set()
        self.revoked, self.asked = [], []
        granter = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments):
                pass

            def do_GET(self):
                url = urllib.parse.urlsplit(self.path)
                fields = dict(urllib.parse.parse_qsl(url.query))
                if url.path == "/auth":
                    self.send_response(302)
                    self.send_header("Location", granter.authorize(fields))
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                documents = {"/.well-known/openid-configuration": granter.metadata(),
                             "/jwks": {"keys": []}}
                self.answer(200 if url.path in documents else 404, documents.get(url.path, {}))

            def do_POST(self):
                length = int(self.headers.get("Content-Length", 0))
                fields = dict(urllib.parse.parse_qsl(self.rfile.read(length).decode()))
                granter.asked.append((self.path, fields))
                self.answer(*getattr(granter, "post_" + self.path[1:])(fields))

            def answer(self, status, body):
                octets = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(octets)))
                self.end_headers()
                self.wfile.write(octets)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def metadata(self):
        at = self.issuer
        return {"issuer": at, "authorization_endpoint": at + "/auth",
                "token_endpoint": at + "/token", "jwks_uri": at + "/jwks",
                "device_authorization_endpoint": at + "/device",
                "introspection_endpoint": at + "/introspect",
                "revocation_endpoint": at + "/revoke",
                "authorization_response_iss_parameter_supported": True,
                "scopes_supported": ["openid", "offline_access"]}

    def tokens(self):
        access, refresh = secrets.token_hex(16), secrets.token_hex(16)
        self.active[access] = time.time() + self.lifetime
        self.refreshes.add(refresh)
        return 200, {"access_token": access, "token_type": "Bearer", "expires_in": self.lifetime,
                     "refresh_token": refresh, "scope": "mail.imap"}

    def authorize(self, fields):
        answer = {"state": fields["state"], "iss": self.issuer}
        if self.refused:
            answer["error"] = self.refused
        else:
            answer["code"] = secrets.token_hex(8)
            self.codes[answer["code"]] = fields
        return fields["redirect_uri"] + "/?" + urllib.parse.urlencode(answer)

    def post_device(self, fields):
        return 200, {"device_code": "device-1", "user_code": "ABCD-EFGH", "interval": 1,
                     "verification_uri": self.issuer + "/device", "expires_in": 60}

    def post_token(self, fields):
        grant = fields.get("grant_type")
        if grant == CODE:
            if self.device_answers:
                return 400, {"error": self.device_answers.pop(0)}
            return self.tokens()
        if grant == "authorization_code":
            asked = self.codes.pop(fields["code"], None)
            digest = hashlib.sha256(fields["code_verifier"].encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
            fits = asked and asked["code_challenge"] == challenge \
                and asked["redirect_uri"] == fields["redirect_uri"]
            return self.tokens() if fits else (400, {"error": "invalid_grant"})
        if fields.get("refresh_token") in self.refreshes:
            self.refreshes.discard(fields["refresh_token"])
            return self.tokens()
        return 400, {"error": "invalid_grant"}

    def post_introspect(self, fields):
        until = self.active.get(fields["token"], 0)
        if until <= time.time():
            return 200, {"active": False}
        return 200, {"active": True, "iss": self.issuer, "aud": "imap", "scope": "mail.imap",
                     "preferred_username": self.user, "client_id": "tool", "sub": "1",
                     "exp": int(until)}

    def post_revoke(self, fields):
        self.revoked.append(fields["token"])
        return 200, {}

    def close(self):
        self.server.shutdown()
        self.server.server_close()
