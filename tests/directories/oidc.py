"""The OpenID provider of the tests: npm's oidc-provider with provider.mjs, in a directory of its
own. missing() says why there can be none on this machine."""

import base64
import json
import os
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from harness import Failure, free_ports  # noqa: E402

MODULES = os.path.join(os.path.dirname(os.path.dirname(HERE)), "build", "directories", "oidc")
PACKAGES = ["oidc-provider@9.1.1", "jose@6"]


def missing():
    """Installs the provider when needed; the reason when it cannot be had."""
    if not shutil.which("npm"):
        return "npm is not installed"
    if os.path.isdir(os.path.join(MODULES, "node_modules", "oidc-provider")):
        return None
    os.makedirs(MODULES, exist_ok=True)
    done = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--prefix", MODULES, *PACKAGES],
        capture_output=True, text=True, check=False, timeout=180,
    )
    return None if done.returncode == 0 else f"npm install: {done.stderr.strip()[-300:]}"


class Provider:
    """One running provider; close() ends it."""

    def __init__(self):
        self.port = free_ports([0], salt=3)
        script = os.path.join(MODULES, "provider.mjs")
        shutil.copy(os.path.join(HERE, "provider.mjs"), script)
        self.process = subprocess.Popen(
            ["node", script, str(self.port)], cwd=MODULES, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        for line in self.process.stdout:
            if line.strip() == "ready":
                return
        raise Failure("the OpenID provider did not start")

    @property
    def issuer(self):
        return f"http://127.0.0.1:{self.port}"

    def _post(self, fields, headers):
        request = urllib.request.Request(
            self.issuer + "/token", urllib.parse.urlencode(fields).encode(), headers
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)["access_token"]

    def by_password(self, user, resource="urn:imap", scope="mail.imap", **headers):
        fields = {"grant_type": "password", "client_id": "mail-client", "username": user,
                  "password": user.split("@")[0] + "-pw", "resource": resource, "scope": scope}
        return self._post(fields, {f"x-test-{name}": value for name, value in headers.items()})

    def for_application(self, client, resource="urn:imap", scope="mail.app"):
        secret = base64.b64encode(f"{client}:{client}-secret".encode()).decode()
        fields = {"grant_type": "client_credentials", "resource": resource, "scope": scope}
        return self._post(fields, {"Authorization": f"Basic {secret}"})

    def close(self):
        self.process.kill()
        self.process.wait()
