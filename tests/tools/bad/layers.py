"""STARTTLS (RFC 9051 6.2.1) and COMPRESS (RFC 4978) for bad_server.py: what is listed when, and
what begins behind the OK."""

from wire import Bad, Hangup, No


class Layers:
    """A part of Commands."""

    def is_clear(self):
        """STARTTLS has to come first: nothing that matters is said."""
        return self.server.carrier.scheme == "imap" and not self.channel.is_tls

    def listed(self):
        """As the profile and the layers have it, without the defect."""
        names = list(self.server.capabilities)
        if self.is_clear():
            names = [name for name in names if not name.startswith("AUTH=")]
            names += ["STARTTLS", "LOGINDISABLED"]
        return names

    def do_starttls(self, _):
        if not self.is_clear():
            raise Bad("STARTTLS is not for here")
        return "OK", "", "begin"

    def do_compress(self, _):
        if self.channel.is_deflated:
            raise No("it is on", "COMPRESSIONACTIVE")
        return "OK", "", "from here on"

    def behind_ok(self, command):
        """What the OK of a command begins or ends."""
        if command.name == "STARTTLS":
            self.flush()
            self.defect.before_tls(self)
            self.input = b""  # what came with the command was not said under TLS
            self.channel.start_tls(self.server.context(self.defect.certificate))
        elif command.name == "COMPRESS":
            self.flush()
            self.channel.start_deflate()
            self.defect.deflating(self)
        elif command.name == "LOGOUT":
            self.flush()
            raise Hangup()
