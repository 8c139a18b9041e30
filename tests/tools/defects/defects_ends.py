"""Connections that end, fall silent, or are throttled; alerts (defects.py)."""

from defects import Defect, body_item
from wire import Hangup, No, Silence

# --- ends, silence, alerts, throttling ---


class ByeAtGreeting(Defect):
    name = "bye: instead of a greeting, three times"
    where = "servers that start"

    def __init__(self):
        self.left = 3

    def greeting(self, session, line):
        if self.left:
            self.left -= 1
            session.write(b"* BYE Temporary problem, please try again later\r\n")
            session.flush()
            raise Hangup()
        return line


class ByeAlways(Defect):
    name = "bye: instead of a greeting"
    where = "servers in maintenance"

    def greeting(self, session, line):
        session.write(b"* BYE [UNAVAILABLE] maintenance\r\n")
        session.flush()
        raise Hangup()


class ByeAfterSome(Defect):
    name = "bye: after a few commands of every connection"
    where = "Exchange: 10 errors; load balancers"

    def command(self, session, command):
        if session.counted > 9:
            session.write(b"* BYE Session is closed\r\n")
            session.flush()
            raise Hangup()
        return False


class ByeInFetch(Defect):
    name = "bye: in the middle of FETCH, once"
    where = "Exchange: throttling"

    def __init__(self):
        self.count = 0

    def untagged(self, session, kind, line):
        self.count += kind == "fetch"
        if self.count == 4 and kind == "fetch":
            session.write(b"* BYE Connection is closed. 13\r\n")
            session.flush()
            raise Hangup()
        return [line]


class ByeAndOn(Defect):
    name = "bye: said, and the session goes on"
    where = "proxies"

    def tagged(self, session, command, condition, code, text):
        if command.name == "FETCH":
            session.write(b"* BYE not really\r\n")
        return condition, code, text


class EndAfterSome(Defect):
    name = "end: without a word after a few commands, twice"
    where = "load balancers; thunderbird-android #1701"

    def __init__(self):
        self.left = 2

    def command(self, session, command):
        if session.counted > 7 and self.left:
            self.left -= 1
            raise Hangup(reset=self.left == 1)
        return False


class SilentGreeting(Defect):
    name = "silence: from the beginning"
    where = "angus-mail #176"

    def greeting(self, session, line):
        raise Silence()


class SilentFetch(Defect):
    name = "silence: in FETCH"
    where = "angus-mail #176, nmail #112"

    def command(self, session, command):
        if command.name in ("FETCH", "APPEND"):
            raise Silence()
        return False


class SilentIdle(Defect):
    name = "silence: IDLE tells nothing"
    where = "Exchange: angus-mail #176, imapclient #349"
    tools = ("watch", "doctor")

    def idle_tells(self, session):
        return False


class Alert(Defect):
    name = "alert: at login"
    where = "RFC 9051 7.1"
    harmless = True

    def tagged(self, session, command, condition, code, text):
        if command.name in ("LOGIN", "AUTHENTICATE"):
            session.write(b"* OK [ALERT] Your mailbox is nearly full\r\n")
        return condition, code, text


class TooManyConnections(Defect):
    name = "alert: too many simultaneous connections"
    where = "Gmail: wildduck #35, MailKit #377"

    def __init__(self):
        self.left = 2

    def signing_in(self, session):
        if self.left:
            self.left -= 1
            raise No("Too many simultaneous connections. (Failure)", "ALERT")


class OneConnection(Defect):
    name = "limit: one connection at a time"
    where = "small providers; docker-mailserver #1165"

    def signing_in(self, session):
        if len(session.server.open) > 1:
            raise No("Maximum number of connections from user+IP exceeded", "LIMIT")


class WebLogin(Defect):
    name = "alert: a login in the browser is asked for"
    where = "Gmail: S22.Imap #116"

    def signing_in(self, session):
        session.write(b"* NO [WEBALERT https://example.com/login] Web login required.\r\n")
        raise No("Please log in via your web browser: https://example.com/ (Failure)", "ALERT")


class ThrottledOk(Defect):
    name = "throttle: OK Success [THROTTLED]"
    where = "Gmail: MailKit #1396"
    harmless = True

    def tagged(self, session, command, condition, code, text):
        if command.name == "FETCH":
            return condition, code, "Success [THROTTLED]"
        return condition, code, text


class ThrottledBad(Defect):
    name = "throttle: Suggested Backoff Time"
    where = "Exchange Online: imapsync #272"

    def __init__(self):
        self.count = 0

    def command(self, session, command):
        self.count += command.name in ("FETCH", "APPEND", "STORE")
        if self.count in (2, 5):
            self.count += 1
            session.write(f"{command.tag} BAD Request is throttled. Suggested Backoff Time: 700 "
                          "milliseconds\r\n".encode())
            return True
        return False


class ThrottledBye(Defect):
    name = "throttle: BYE, then a refusal"
    where = "Gmail: ha-email-sensor #16"

    def __init__(self):
        self.state = 0

    def command(self, session, command):
        if command.name == "FETCH" and self.state == 0:
            self.state = 1
            session.write(b"* BYE [UNAVAILABLE] Temporary System Error\r\n")
            session.flush()
            raise Hangup()
        return False

    def signing_in(self, session):
        if self.state == 1:
            self.state = 2
            raise No("Lookup failed, temporarily unavailable", "UNAVAILABLE")


class DailyLimit(Defect):
    name = "throttle: bandwidth limits of the day"
    where = "Gmail: ha-email-sensor #16"
    tools = ("migrate", "sync", "doctor")

    def fetch(self, session, message, values):
        if body_item(values):
            raise No("Account exceeded command or bandwidth limits. (Failure)", "OVERQUOTA")
        return values


class TenErrors(Defect):
    name = "limit: BYE after three errors"
    where = "Exchange: imapsync FAQ"

    def __init__(self):
        self.errors = {}

    def tagged(self, session, command, condition, code, text):
        if condition != "OK":
            self.errors[session] = self.errors.get(session, 0) + 1
            if self.errors[session] >= 3:
                session.write(b"* BYE Connection closed. 14\r\n")
                session.flush()
                raise Hangup()
        return condition, code, text


class Slow(Defect):
    name = "slow: every answer comes octet by octet"
    where = "satellite lines; slow loris"
    harmless = True

    def octets_out(self, session, octets):
        for at in range(min(len(octets), 60)):
            session.channel.send(octets[at : at + 1])
        return octets[60:]
