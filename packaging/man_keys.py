#!/usr/bin/env python3
"""Makes the manual page of the configuration out of what the program says about its keys.

  eilpost config keys | packaging/man_keys.py > packaging/eilpost.toml.5

./dev test looks whether the page that is checked in is the one that this makes.
"""

import sys

HEAD = r""".\" Made by packaging/man_keys.py from `eilpost config keys`. Do not edit.
.TH EILPOST.TOML 5 "" "Eilpost" "File formats"
.SH NAME
eilpost.toml \- configuration of the Eilpost mail server
.SH SYNOPSIS
.I /etc/eilpost/eilpost.toml
.SH DESCRIPTION
One file in TOML. Every key has a default; an empty file is a configuration. A key that does not
exist, or a value that cannot be, keeps the server from starting;
.B eilpost config check
.I FILE
shows every such place with line and column.
.PP
Without any
.B [[listener]]
the server opens imap on port 143 and, if there is a certificate, imaps on 993, both on all addresses;
lmtp on port 24 and http on port 9143, both on 127.0.0.1.
.PP
SIGHUP reads the file again and takes over the sections
.BR [limits] ,
.BR [store] ,
.BR [abuse] ,
.BR [alerts] ,
.B [[alert]]
and all
.B [[policy]]
rules, which hold for sessions that are there already, too; quotas,
.BR [[accounts.mailbox]] ,
.BR [auth] ,
.BR [oauth] ,
.BR [kerberos] ,
.BR [ntlm] ,
.B subaddress_folder
and
.BR hostname ,
for sessions that begin afterwards, and loads the certificates anew. Everything else needs a restart.
If the file is wrong, what was in force stays in force, and the log says why.
"""
TAIL = r""".SH EXAMPLE
.nf
data_dir = "/var/lib/eilpost"

[[listener]]
protocol = "imap"

[[listener]]
protocol = "imaps"

[[listener]]
protocol = "lmtp"
address = "127.0.0.1"

[[tls.certificate]]
chain = "/etc/eilpost/tls/chain.pem"
key = "/etc/eilpost/tls/key.pem"
.fi
.SH SEE ALSO
.BR eilpost (1)
"""


def roff(text):
    """Plain text as roff: nothing in it is a request or an escape."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in (".", "'") else text


def page(keys):
    out = [HEAD, ".SH KEYS AT THE TOP\n"]
    for line in keys.splitlines():
        if line.startswith("["):
            out.append(f".SH {roff(line)}\n")
        elif line.startswith("    "):
            out.append(roff(line.strip()) + "\n.br\n")
        elif line:
            out.append(f".TP\n.B {roff(line)}\n")
    out.append(TAIL)
    return "".join(out).replace(".br\n.TP", ".TP").replace(".br\n.SH", ".SH")


if __name__ == "__main__":
    sys.stdout.write(page(sys.stdin.read()))
