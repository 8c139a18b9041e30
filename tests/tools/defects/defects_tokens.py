"""OAuth tokens that are refused, expire, or are asked for in odd ways (defects.py). Whatever
happens, no password goes where a token was meant."""

from carriers import TOKEN
from defects import Defect
from harness import check
from wire import Hangup, No

# One run with its second tries, and each connection of migrate and sync.
ATTEMPTS_MAX = 8


class TokenDefect(Defect):
    carrier = "token"

    def check(self, server, outcome):
        others = [one for one in server.attempts
                  if one.mechanism not in ("OAUTHBEARER", "XOAUTH2") or one.secret != TOKEN
                  or not one.tls]
        check(not others, f"the server was given {others}")
        count = len(server.attempts)
        check(count <= ATTEMPTS_MAX, f"{count} times: it may lock the account")


class TokenRefused(TokenDefect):
    name = "token: refused, with the error of RFC 7628"
    where = "RFC 7628 3.2.2"

    def repair(self, server):
        server.tokens = {TOKEN}

    def greeting(self, session, line):
        session.server.tokens = set()
        return line

    def check(self, server, outcome):
        super().check(server, outcome)
        if outcome.command[1] != "doctor":
            check(outcome.status == 1 and "invalid_token" in outcome.out + outcome.err,
                  f"it does not say why: {outcome}")


class TokenRefusedByXoauth2(TokenRefused):
    name = "token: refused by XOAUTH2, which alone is offered"
    where = "Gmail, Exchange Online"

    def capabilities(self, session, names):
        return [name for name in names if name != "AUTH=OAUTHBEARER"]


class TokenChallenges(TokenDefect):
    name = "token: refused by challenge after challenge"
    where = "broken proxies"
    CHALLENGES = (b'{"status":"400"}', b"", b"no JSON \xff", b"{}", b'{"status":5}')

    def signing_in(self, session):
        at = 0
        while True:
            session.challenge(self.CHALLENGES[at % len(self.CHALLENGES)])
            at += 1


class TokenBadBase64(TokenDefect):
    name = "token: refused by a challenge that is no base64"
    where = "broken proxies"

    def signing_in(self, session):
        session.write(b"+ {\"status\":\"401\"}\r\n")
        session.flush()
        session.read_line()
        raise No("no", "AUTHENTICATIONFAILED")


class Expires(TokenDefect):
    """After some commands the token is of no more use."""

    COMMANDS = 5

    def __init__(self):
        self.over = False

    def signing_in(self, session):
        if self.over:
            raise No("the token has expired", "EXPIRED")


class TokenExpiresBye(Expires):
    name = "token: expires in the middle, BYE"
    where = "Gmail, Exchange Online: an hour"

    def command(self, session, command):
        self.over |= session.signed_in and session.counted > self.COMMANDS
        if self.over and session.signed_in:
            session.write(b"* BYE [EXPIRED] Session expired, please log in again\r\n")
            session.flush()
            raise Hangup()
        return False


class TokenExpiresNo(Expires):
    name = "token: expires in the middle, NO to everything"
    where = "RFC 5530 3: EXPIRED"

    def command(self, session, command):
        self.over |= session.signed_in and session.counted > self.COMMANDS
        if self.over and session.signed_in and command.name != "LOGOUT":
            raise No("the token has expired", "EXPIRED")
        return False


class NoTokenMechanism(TokenDefect):
    name = "token: PLAIN and LOGIN alone are offered"
    where = "servers without OAuth; somebody on the way"

    def capabilities(self, session, names):
        return [name for name in names if name not in ("AUTH=OAUTHBEARER", "AUTH=XOAUTH2")]


class Xoauth2Only(TokenDefect):
    name = "token: XOAUTH2 alone is offered"
    where = "Gmail before 2023, Exchange Online"
    harmless = True

    def capabilities(self, session, names):
        return [name for name in names if name != "AUTH=OAUTHBEARER"]
