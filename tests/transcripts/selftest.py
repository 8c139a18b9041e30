#!/usr/bin/env python3
"""Tests the transcript runner itself: the language's pieces one by one, and whole transcripts
against a tiny server that answers from a script. Ends with "N passed, N failed"."""

import os
import socket
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import language  # noqa: E402
import run  # noqa: E402


def match(pattern, response, **variables):
    return language.match_response(pattern, response, variables)


class Patterns(unittest.TestCase):
    def test_text_stands_for_itself(self):
        self.assertEqual(match("* 1 EXISTS", "* 1 EXISTS"), {})
        self.assertIsNone(match("* 1 EXISTS", "* 11 EXISTS"))
        self.assertIsNone(match("a.c", "abc"))
        self.assertEqual(match(r"BODY[]\<0>", "BODY[]<0>"), {})

    def test_pieces(self):
        self.assertEqual(match("* OK <>", "* OK anything"), {})
        self.assertEqual(match("* <n> EXISTS", "* 12 EXISTS"), {})
        self.assertIsNone(match("* <n> EXISTS", "* x EXISTS"))
        self.assertEqual(match("* OK [UIDNEXT <next=n>] <>", "* OK [UIDNEXT 7] x"), {"next": "7"})
        self.assertEqual(match("x <id=/[a-z]+/>", "x ab"), {"id": "ab"})
        self.assertIsNone(match("x </[a-z]+/>", "x 1"))

    def test_variables(self):
        self.assertEqual(match("x %uid", "x 7", uid="7"), {})
        self.assertEqual(match("x %{uid+1}", "x 8", uid="7"), {})
        self.assertIsNone(match("x %uid", "x 8", uid="7"))
        self.assertEqual(match("x %%", "x %"), {})
        with self.assertRaises(language.Failure):
            match("x %nobody", "x")

    def test_strings(self):
        for form in ("foo", '"foo"', "{3}\r\nfoo"):
            self.assertEqual(match('x <"foo">', "x " + form), {})
        self.assertIsNone(match('x <"foo">', "x bar"))
        self.assertIsNone(match('x <"a b">', "x a b"))
        self.assertEqual(match("x {{a\\r\\nb}} y", "x {4}\r\na\r\nb y"), {})
        self.assertEqual(match('x {{a"b}}', 'x "a\\"b"'), {})
        self.assertIsNone(match("x {{abc}}", "x {3}\r\nabd"))

    def test_lists_and_sets(self):
        self.assertEqual(match(r"x <(\Seen b)>", r"x (b \SEEN)"), {})
        self.assertIsNone(match(r"x <(\Seen b)>", r"x (\Seen b c)"))
        self.assertEqual(match(r"x <(\Seen ...)>", r"x (\Seen b c)"), {})
        self.assertIsNone(match(r"x <(\Seen ...)>", r"x (b c)"))
        self.assertEqual(match("x <set 1:3,5>", "x 5,1,2,3"), {})
        self.assertIsNone(match("x <set 1:3>", "x 1:4"))

    def test_fetch_items_in_any_order(self):
        pattern = r"* 1 FETCH (UID <uid=n> FLAGS <(\Seen a)> BODY[TEXT]\<0> {{x y}})"
        response = '* 1 FETCH (BODY[TEXT]<0> {3}\r\nx y FLAGS (a \\Seen) UID 9)'
        self.assertEqual(match(pattern, response), {"uid": "9"})
        self.assertIsNone(match("* 1 FETCH (UID <n>)", "* 1 FETCH (UID 3 FLAGS ())"))
        self.assertEqual(match("* 1 FETCH (UID <n> ...)", "* 1 FETCH (UID 3 FLAGS ())"), {})
        self.assertIsNone(match("* 1 FETCH (UID <n>)", "* 2 FETCH (UID 3)"))
        self.assertIsNone(match("* 1 FETCH (UID 3)", "* 1 FETCH (UID 3 UID 3)"))
        named = "* 1 FETCH (BODY[</a|b/>] x)"
        self.assertEqual(match(named, "* 1 FETCH (BODY[b] x)"), {})
        nested = "* 1 FETCH (BODY[HEADER.FIELDS (A B)] {{}})"
        self.assertEqual(match(nested, '* 1 FETCH (BODY[HEADER.FIELDS (A B)] "")'), {})

    def test_other_unordered_responses(self):
        pattern = '* STATUS <"a b"> (MESSAGES 1 UIDNEXT <n>)'
        self.assertEqual(match(pattern, '* STATUS "a b" (UIDNEXT 4 MESSAGES 1)'), {})
        pattern = '* ESEARCH (TAG "%tag") UID COUNT 2 ALL <set 1:2>'
        self.assertEqual(match(pattern, '* ESEARCH (TAG "t1") UID ALL 1,2 COUNT 2', tag="t1"), {})
        self.assertIsNone(match(pattern, '* ESEARCH (TAG "t2") UID ALL 1,2 COUNT 2', tag="t1"))
        self.assertEqual(match("* ESEARCH (TAG <>)", '* ESEARCH (TAG "t1")'), {})
        self.assertEqual(match("* SEARCH 1 2 3", "* SEARCH 3 1 2"), {})
        self.assertIsNone(match("* SEARCH 1 2 3", "* SEARCH 3 1 2 4"))
        self.assertEqual(match("* SEARCH", "* SEARCH"), {})
        self.assertIsNone(match("* SEARCH", "* SEARCH 1"))
        pattern = "* CAPABILITY IMAP4rev2 !LOGINDISABLED ..."
        self.assertEqual(match(pattern, "* CAPABILITY IDLE IMAP4rev2"), {})
        self.assertIsNone(match(pattern, "* CAPABILITY IMAP4rev2 LOGINDISABLED"))

    def test_sending(self):
        pieces = language.split_literals("a {{x\\r\\n}} {{+y}}", {})
        wanted = [("a {3}\r\n", "{"), ("x\r\n", "literal")]
        wanted += [(" {1+}\r\n", "+"), ("y", "literal"), ("", "")]
        self.assertEqual(pieces, wanted)
        self.assertEqual(language.expand("%b64{\\0a\\0b} %repeat{3,ab}", {}), "AGEAYg== ababab")
        self.assertEqual(language.expand('LIST "" "%"', {}), 'LIST "" "%"')


# --- whole transcripts ---

LOGIN = ["* OK hello", ("t1 LOGIN", "t1 OK done")]


class FakeServer(threading.Thread):
    """Serves one connection: strings are sent, (expected line, answer) pairs are a dialogue."""

    def __init__(self, script):
        super().__init__(daemon=True)
        self.script = script
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def run(self):
        connection, _ = self.listener.accept()
        with connection, self.listener:
            lines = connection.makefile("rb")
            for entry in self.script:
                if isinstance(entry, tuple):
                    line = lines.readline().decode("latin-1")
                    if not line.startswith(entry[0]):
                        connection.sendall(f"* BAD not expected: {line}\r\n".encode())
                        return
                    entry = entry[1]
                if entry:
                    connection.sendall((entry + "\r\n").encode("latin-1"))
            connection.shutdown(socket.SHUT_WR)
            lines.read()


def run_transcript(text, script, timeout=5):
    """What the runner says of the transcript: None, or the failure."""
    server = FakeServer(script)
    server.start()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "case.imap")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        base = server.port - run.PORTS["imap"]
        transcript = run.Transcript(path, "127.0.0.1", base, ["u1", "u2"], timeout)
        result = transcript.run()
    return result


class Dialogues(unittest.TestCase):
    def test_passes(self):
        text = "login A\nA> . NOOP\nA< * 1 EXISTS\nA<? * 1 RECENT\nA< . OK <>\n"
        script = LOGIN + [("t2 NOOP", "* 1 EXISTS\r\nt2 OK x")]
        self.assertIsNone(run_transcript(text, script))

    def test_unexpected_untagged_response_fails(self):
        text = "login A\nA> . NOOP\nA< . OK <>\n"
        script = LOGIN + [("t2 NOOP", "* 1 EXISTS\r\nt2 OK x")]
        self.assertIn("case.imap:3", run_transcript(text, script))

    def test_lenient(self):
        text = "login A\nA> . NOOP\nA<< . OK <>\n"
        script = LOGIN + [("t2 NOOP", "* 1 EXISTS\r\nt2 OK x")]
        self.assertIsNone(run_transcript(text, script))

    def test_leftover_fails(self):
        text = "login A\nA> . NOOP\nA< . OK <>\n"
        script = LOGIN + [("t2 NOOP", "t2 OK x\r\n* 1 EXISTS")]
        self.assertIn("more than the transcript has", run_transcript(text, script))

    def test_any_order(self):
        text = "login A\nA> . X\nA< any:\n    * 1 EXISTS\n    ? * 1 RECENT\n    * FLAGS <()>\n"
        text += "A< . OK <>\n"
        for answer in ("* FLAGS ()\r\n* 1 EXISTS", "* 1 EXISTS\r\n* FLAGS ()\r\n* 1 RECENT"):
            self.assertIsNone(run_transcript(text, LOGIN + [("t2 X", answer + "\r\nt2 OK x")]))
        script = LOGIN + [("t2 X", "* FLAGS ()\r\nt2 OK x")]
        self.assertIn("any of    * 1 EXISTS", run_transcript(text, script))

    def test_literals(self):
        text = "text m:\n  a\n\n  b\nlogin A\nA> . APPEND {{%m}} x\nA< * X {{%m}}\nA< . OK <>\n"
        script = LOGIN + [("t2 APPEND {8}", "+ go"), ("a", ""), ("", ""), ("b", "")]
        script += [(" x", "* X {8}\r\na\r\n\r\nb\r\n\r\nt2 OK x")]
        self.assertIsNone(run_transcript(text, script))

    def test_refused_literal(self):
        text = "login A\nA> . APPEND {{abc}}\nA< . NO <>\nA> . NOOP\nA< . OK <>\n"
        script = LOGIN + [("t2 APPEND {3}", "t2 NO too big"), ("t3 NOOP", "t3 OK x")]
        self.assertIsNone(run_transcript(text, script))

    def test_silence_fails(self):
        text = "login A\nA> . NOOP\nA< . OK <>\n"
        self.assertIn("nothing came", run_transcript(text, LOGIN + [("t2", ""), ("t3", "")], 0.2))

    def test_close(self):
        text = "login A\nA> . LOGOUT\nA< * BYE <>\nA< . OK <>\nclosed A\n"
        script = LOGIN + [("t2 LOGOUT", "* BYE x\r\nt2 OK x")]
        self.assertIsNone(run_transcript(text, script))
        text = text.replace("A< . OK <>\n", "")
        self.assertIn("the end", run_transcript(text, script))

    def test_bad_line(self):
        self.assertIn("case.imap:2: not a line", run_transcript("login A\nA says hello\n", LOGIN))

    def test_scram(self):
        # RFC 7677 3: the example exchange.
        scram = run.Scram("user", "pencil", ("n,,", ""), "rOprNGfwEbeRWgbNEkqO")
        self.assertEqual(scram.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO")
        server = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        server += "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
        proof = "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        self.assertTrue(scram.final(server).endswith(proof))
        self.assertEqual(scram.signature, "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


SCRIPT = """#!/bin/sh
# A stand-in for the server: gets ready, and ends as it is told.
echo something; echo {word}
trap 'exit {status}' TERM
while {condition}; do sleep 0.02; done
exit 3
"""


class Servers(unittest.TestCase):
    def start(self, **words):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, "server")
        with open(path, "w", encoding="utf-8") as file:
            file.write(SCRIPT.format(**words))
        os.chmod(path, 0o755)
        server = run.Server(path, "memory", 4, keep=False)
        self.addCleanup(server.remove)
        return server

    def test_ready_and_stop(self):
        server = self.start(word="ready", status=0, condition="true")
        self.assertTrue(server.wait_ready(10))
        self.assertIsNone(server.stop())
        self.assertIn("something", server.tail())

    def test_a_bad_end_is_told(self):
        server = self.start(word="ready", status=7, condition="true")
        self.assertTrue(server.wait_ready(10))
        self.assertIn("status 7", server.stop())

    def test_a_server_that_ends_by_itself(self):
        server = self.start(word="nothing", status=0, condition="false")
        self.assertFalse(server.wait_ready(10))
        self.assertIn("status 3", server.stop())


class Whatever(dict):
    """Variables of which every name exists."""

    def __contains__(self, name):
        return True

    def __getitem__(self, name):
        return "1"


def check_step(step):
    """Raises when what a step sends or expects cannot be read."""
    if step.kind in ("expect", "lenient", "optional"):
        language.match_response(step.text, step.text, Whatever())
        language.Pattern(step.text, Whatever())
    elif step.kind == "any":
        for line in step.lines:
            language.match_response(line.removeprefix("? "), line, Whatever())
    elif step.kind == "send":
        language.split_literals(step.text, Whatever())
    elif step.kind in ("raw", "set"):
        language.expand(language.unescape(step.text), Whatever())


class Transcripts(unittest.TestCase):
    def test_every_transcript_reads(self):
        for path in run.find([], run.HERE) + run.find([], os.path.join(run.HERE, "policy")):
            for step in language.read_transcript(path):
                with self.subTest(where=step.where):
                    check_step(step)


if __name__ == "__main__":
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    outcome = unittest.TextTestRunner(verbosity=1).run(suite)
    bad = len(outcome.failures) + len(outcome.errors)
    print(f"{outcome.testsRun - bad} passed, {bad} failed")
    sys.exit(1 if bad else 0)
