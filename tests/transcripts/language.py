"""The transcript language: reading a transcript into steps, and matching what a server says.

A transcript shows a dialogue. Octets are handled as latin-1 strings throughout, so that one
character is one octet; the transcript file itself is UTF-8.

  # comment                     a line that begins with '#', or is blank, says nothing
  login A [USER]                connects A to the IMAP port and logs in (as %user unless told)
  connect A imap|imaps|lmtp     connects; the greeting has to be expected. Behind that may stand
                                  from ADDRESS (of loopback) and tls1.2
  A> . NOOP                     A sends a line; '.' becomes a fresh tag
  A>raw "a1 NOOP\\r"             A sends exactly these octets (\\r \\n \\t \\0 \\\\ \\" \\xNN)
  A>data %mail                  A sends a message as SMTP DATA, dots stuffed, with the final dot
  A< . OK <>                    A has to get this; '.' is the tag last sent by A
  A<< . OK <>                   the same, with any untagged responses (IMAP) or lines (LMTP) before
  A<? * 1 RECENT                A may get this next
  A< any:                       A has to get all of the indented responses, in any order;
      * 1 EXISTS                  '? ' in front: may come; '...': other untagged ones, too
  starttls A                    the TLS handshake, after the server's OK
  deflate A [FLUSH]             after the server's OK to COMPRESS: both sides compress (RFC 4978);
                                  FLUSH, how A ends what it sends: sync (if nothing is said),
                                  partial or full
  deflate A end                 A stops, behind its last command; the server behind its tagged OK
  A>wire "octets"               octets as they travel, although A compresses; escapes of >raw
  scram A USER PASSWORD [HOW]   a whole AUTHENTICATE SCRAM-SHA-256 up to the tagged reply; HOW:
                                  plus (bound to TLS by tls-server-end-point), wrong (bound to
                                  another certificate), unaware (the client could bind and has
                                  seen no -PLUS offered), stripped (bound, but by the plain name)
  closed A                      the server has to close the connection
  close A                       A closes it
  deliver USER %mail            one LMTP delivery, which has to succeed
  admin ARGUMENTS               the eilpost command ARGUMENTS on the server, which has to succeed
  text mail:                    the indented lines that follow, each ended by CRLF, as %mail
  set name "octets"             a variable, with the escapes of >raw
  file name PATH                a variable: the octets of tests/corpus/PATH
  check %a > %b                 two numbers compared: < > =
  include FILE                  the steps of another file of this folder

Between two expectations of A nothing else may arrive: an unexpected untagged response is a failure.

In what is sent and expected:
  %name %{name} %{name+1} %%    a variable; its value and a number; a percent sign
  {{octets}}                    a literal, with the escapes of >raw. Sent as a synchronizing
                                  literal, {{+octets}} as a non-synchronizing one, {{~octets}} as
                                  literal8; expected: a literal, literal8 or quoted string
  %b64{octets} %repeat{N,text}  base64; N times the text
Only in what is expected, where every other character stands for itself:
  <>  <n>  </regex/>            anything; a number; a regular expression
  <name=> <name=n> <name=/re/>  the same, kept as %name
  <"text">                      the string as atom, quoted string or literal
  <(a b c)>                     a parenthesized list in any order; <(a ...)>: at least these
  <set 1:3,7>                   a set of numbers, however it is written
  \\<                            a less-than sign
The items of FETCH, STATUS and ESEARCH responses, the numbers of SEARCH, the words of CAPABILITY
and ENABLED may come in any order; '...' among them allows others; '!WORD' forbids a capability.

Variables that are there: %user %user2 (accounts nobody else uses; %local is what stands before
the "@" of %user), %pass, %tag (A's last tag).
"""

import base64
import os
import re

NAME = r"[A-Z][A-Za-z0-9]*"


class Failure(Exception):
    """What a transcript expected did not happen."""


class Step:
    """One line of a transcript (or an `any:` group with its lines)."""

    def __init__(self, kind, where, **fields):
        self.kind = kind
        self.where = where  # (file, line)
        self.__dict__.update(fields)


# --- reading a transcript ---

_LINES = [
    ("raw", re.compile(rf'({NAME})>raw "(.*)"$')),
    ("wire", re.compile(rf'({NAME})>wire "(.*)"$')),
    ("data", re.compile(rf"({NAME})>data (.+)$")),
    ("send", re.compile(rf"({NAME})> (.*)$")),
    ("any", re.compile(rf"({NAME})< any:()$")),
    ("optional", re.compile(rf"({NAME})<\? (.*)$")),
    ("lenient", re.compile(rf"({NAME})<< (.*)$")),
    ("expect", re.compile(rf"({NAME})< (.*)$")),
    ("login", re.compile(rf"login ({NAME})(?: (\S+))?$")),
    ("connect", re.compile(
        rf"connect ({NAME}) ((?:imap|imaps|lmtp)(?: from [0-9.]+)?(?: tls1.2)?)$")),
    ("starttls", re.compile(rf"starttls ({NAME})()$")),
    ("deflate", re.compile(rf"deflate ({NAME})(?: (sync|partial|full|end))?$")),
    ("scram", re.compile(rf"scram ({NAME}) (\S+ \S+(?: (?:plus|wrong|unaware|stripped))?)$")),
    ("closed", re.compile(rf"closed ({NAME})()$")),
    ("close", re.compile(rf"close ({NAME})()$")),
    ("deliver", re.compile(r"deliver (\S+) (\S+)$")),
    ("admin", re.compile(r"admin (\S+) (.+)$")),
    ("text", re.compile(r"text ([a-z]\w*):()$")),
    ("set", re.compile(r'set ([a-z]\w*) "(.*)"$')),
    ("file", re.compile(r"file ([a-z]\w*) (\S+)$")),
    ("check", re.compile(r"check (\S+) ([<>=] \S+)$")),
    ("include", re.compile(r"include (\S+)()$")),
]


def _classify(line, where):
    for kind, form in _LINES:
        match = form.match(line)
        if match:
            return Step(kind, where, name=match.group(1), text=match.group(2) or "")
    raise Failure(f"{where[0]}:{where[1]}: not a line of a transcript: {line}")


def read_transcript(path):
    """The steps of a file, with includes put in their places."""
    with open(path, "rb") as file:
        lines = file.read().decode("latin-1").split("\n")
    steps = []
    block = None  # the step that indented lines belong to
    for number, line in enumerate(lines, 1):
        where = (os.path.basename(path), number)
        if block is not None and (line.startswith("  ") or (block.kind == "text" and not line)):
            block.lines.append(line.lstrip() if block.kind == "any" else line)
            continue
        block = None
        if not line.strip() or line.startswith("#"):
            continue
        step = _classify(line, where)
        if step.kind == "include":
            steps += read_transcript(os.path.join(os.path.dirname(path), step.name))
            continue
        if step.kind in ("any", "text"):
            step.lines = []
            block = step
        steps.append(step)
    for step in steps:
        if step.kind == "text" and isinstance(step.lines, list):
            step.lines = _dedent(step.lines)
    return steps


def _dedent(lines):
    """The lines of a text block without their common indentation, each ended by CRLF."""
    while lines and not lines[-1]:
        lines.pop()
    depth = min((len(x) - len(x.lstrip(" ")) for x in lines if x.strip()), default=0)
    return "".join(line[depth:] + "\r\n" for line in lines)


# --- octets ---

_ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\", '"': '"', "}": "}"}


def unescape(text):
    def one(match):
        if match.group(1):
            return chr(int(match.group(1), 16))
        if match.group(2) not in _ESCAPES:
            raise Failure(f"unknown escape \\{match.group(2)}")
        return _ESCAPES[match.group(2)]

    return re.sub(r"\\(?:x([0-9a-fA-F]{2})|(.))", one, text, flags=re.DOTALL)


_VARIABLE = re.compile(
    r"%%|%(b64|repeat)\{((?:[^{}%]|%\w+|%\{\w+\})*)\}|%\{(\w+)([+-]\d+)?\}|%([a-z][a-z0-9_]*)"
)


def expand(text, variables):
    """Replaces %name and its like."""

    def one(match):
        if match.group(0) == "%%":
            return "%"
        if match.group(1) == "b64":
            octets = expand(unescape(match.group(2)), variables).encode("latin-1")
            return base64.b64encode(octets).decode()
        if match.group(1) == "repeat":
            count, unit = match.group(2).split(",", 1)
            return unescape(unit) * int(count)
        name = match.group(3) or match.group(5)
        if name not in variables:
            raise Failure(f"no variable %{name}")
        if match.group(4):
            return str(int(variables[name]) + int(match.group(4)))
        return variables[name]

    return _VARIABLE.sub(one, text)


def split_literals(text, variables):
    """A line to send as pieces (octets, mark). The mark says what follows: "" nothing (the last
    piece), "{" a synchronizing literal, "+" and "~" as in the transcript; "literal" marks the
    octets of the literal itself."""
    out = []
    while True:
        open_at = text.find("{{")
        if open_at < 0:
            out.append((expand(text, variables), ""))
            return out
        end = text.index("}}", open_at)
        inner = text[open_at + 2 : end]
        mark = "{"
        if inner[:1] in "+~" and inner:
            mark, inner = inner[0], inner[1:]
        octets = expand(unescape(inner), variables)
        head = expand(text[:open_at], variables)
        sign = "+" if mark == "+" else ""
        tilde = "~" if mark == "~" else ""
        out.append((f"{head}{tilde}{{{len(octets)}{sign}}}\r\n", mark))
        out.append((octets, "literal"))
        text = text[end + 2 :]


# --- patterns ---


def _any_string(value, atom):
    quoted = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    forms = [re.escape(f"{{{len(value)}}}\r\n{value}"), re.escape(f"~{{{len(value)}}}\r\n{value}")]
    if not re.search(r"[\r\n\0]", value):
        forms.append(re.escape(quoted))
    if atom and re.fullmatch(r'[^\x00-\x20(){%*"\\\x7f-\xff]+', value):
        forms.append(re.escape(value))
    return "(?:" + "|".join(forms) + ")"


def numbers_of(text):
    """The numbers of a sequence set without '*'."""
    out = set()
    for part in text.split(","):
        first, _, last = part.partition(":")
        if not first.isdigit() or (last and not last.isdigit()):
            raise Failure(f"not a set of numbers: {text}")
        low, high = sorted((int(first), int(last or first)))
        if high - low > 1000000:
            raise Failure(f"a set too large to compare: {text}")
        out.update(range(low, high + 1))
    return out


def _same_list(want, got):
    """Whether two lists of words are the same in any order; '...' allows more."""
    more = "..." in want
    want = sorted(w.lower() if w.startswith("\\") else w for w in want if w != "...")
    got = sorted(g.lower() if g.startswith("\\") else g for g in got)
    if not more:
        return want == got
    return all(got.count(w) >= want.count(w) for w in want)


class Pattern:
    """A compiled pattern: a regular expression and checks that it cannot say."""

    def __init__(self, text, variables):
        self.variables = variables
        self.checks = []  # (group, function of the group's text)
        self.captures = []
        self.regex = re.compile(self._translate(text), re.DOTALL)

    def match(self, text):
        """The captured variables, or None."""
        match = self.regex.fullmatch(text)
        if not match:
            return None
        for group, check in self.checks:
            if not check(match.group(group)):
                return None
        return {name: match.group("v_" + name) for name in self.captures}

    def _translate(self, text):
        out = ""
        at = 0
        while at < len(text):
            if text.startswith("\\<", at):
                out += "<"
                at += 2
            elif text.startswith("{{", at):
                end = text.index("}}", at)
                inner = text[at + 2 : end]
                out += _any_string(expand(unescape(inner), self.variables), atom=False)
                at = end + 2
            elif text[at] == "<":
                length = piece_length(text[at:])
                out += self._piece(text[at + 1 : at + length - 1])
                at += length
            elif text[at] == "%" and (match := _VARIABLE.match(text, at)):
                out += re.escape(expand(match.group(0), self.variables))
                at = match.end()
            else:
                out += re.escape(text[at])
                at += 1
        return out

    def _piece(self, inner):
        """The regular expression of what stands between < and >."""
        if inner == "":
            return ".*?"
        if inner == "n":
            return r"\d+"
        if inner.startswith("/"):
            return f"(?:{inner[1:-1]})"
        if inner.startswith('"'):
            return _any_string(expand(inner[1:-1], self.variables), atom=True)
        if inner.startswith("("):
            words = expand(inner[1:-1], self.variables).split()
            group = self._check(lambda got: _same_list(words, got.split()))
            return rf"\((?P<{group}>[^()]*)\)"
        if inner.startswith("set "):
            numbers = numbers_of(expand(inner[4:], self.variables))
            group = self._check(lambda got: numbers_of(got) == numbers)
            return rf"(?P<{group}>[0-9:,]+)"
        name, equals, rest = inner.partition("=")
        if not equals or not re.fullmatch(r"[a-z]\w*", name):
            raise Failure(f"not a piece of a pattern: <{inner}>")
        self.captures.append(name)
        return f"(?P<v_{name}>{self._piece(rest)})"

    def _check(self, function):
        group = f"c{len(self.checks)}"
        self.checks.append((group, function))
        return group


def piece_length(text):
    """How long the <...> at the front of the text is, brackets included."""
    for form in (r"<(?:\w+=)?/.*?/>", r'<".*?">', r"<\(.*?\)>", r"<[^<>]*>"):
        match = re.match(form, text, re.DOTALL)
        if match:
            return match.end()
    raise Failure(f"a piece that does not end: {text}")


# --- responses whose parts come in any order ---


def tokens_of(text, pattern):
    """Splits at the spaces outside lists, brackets, strings, literals and a pattern's pieces."""
    out = []
    at = start = depth = 0
    while at < len(text):
        literal = re.compile(r"~?\{(\d+)\}\r\n").match(text, at)
        if pattern and text.startswith("{{", at):
            at = text.index("}}", at) + 2
        elif pattern and text.startswith("\\<", at):
            at += 2
        elif pattern and text[at] == "<":
            at += piece_length(text[at:])
        elif literal:
            at = literal.end() + int(literal.group(1))
        elif text[at] == '"':
            match = re.compile(r'"(?:[^"\\]|\\.)*"').match(text, at)
            at = match.end() if match else at + 1
        else:
            depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(text[at], 0)
            if text[at] == " " and depth == 0:
                out.append(text[start:at])
                start = at + 1
            at += 1
    out.append(text[start:])
    return [token for token in out if token]


def _match_all(pairs, variables):
    """Matches every (pattern, text); the captures together, or None."""
    captured = {}
    for want, got in pairs:
        found = Pattern(want, variables).match(got)
        if found is None:
            return None
        captured.update(found)
    return captured


def _match_pairs(want, got, variables):
    """Matches "NAME value NAME value" in any order."""
    want_tokens = tokens_of(want, True)
    more = "..." in want_tokens
    want_tokens = [token for token in want_tokens if token != "..."]
    got_tokens = tokens_of(got, False)
    if len(want_tokens) % 2 or len(got_tokens) % 2:
        return None
    got_pairs = dict(zip(got_tokens[::2], got_tokens[1::2]))
    if len(got_pairs) * 2 != len(got_tokens):
        return None  # an item came twice
    found = []
    for name, value in zip(want_tokens[::2], want_tokens[1::2]):
        form = Pattern(name, variables)
        name = next((key for key in got_pairs if form.regex.fullmatch(key)), None)
        if name is None:
            return None
        found.append((value, got_pairs.pop(name)))
    if got_pairs and not more:
        return None
    return _match_all(found, variables)


def _match_words(want, got):
    forbidden = {word[1:] for word in want if word.startswith("!")}
    want = [word for word in want if not word.startswith("!")]
    return {} if _same_list(want, got) and not forbidden & set(got) else None


_GROUPED = re.compile(r"(\* \S+ (?:UID)?FETCH |\* STATUS .+? )\((.*)\)$", re.DOTALL)
_ESEARCH = re.compile(r"(\* ESEARCH(?: \(TAG \S+\))?(?: UID)?)((?: .*)?)$", re.DOTALL)
_WORDS = re.compile(r"(\* (?:CAPABILITY|ENABLED|SEARCH))((?: .*)?)$", re.DOTALL)


def match_response(pattern, response, variables):
    """The variables that a matching response sets, or None when it does not match."""
    want, got = _GROUPED.match(pattern), _GROUPED.match(response)
    if want:
        if not got:
            return None
        head = _match_all([(want.group(1), got.group(1))], variables)
        rest = _match_pairs(want.group(2), got.group(2), variables)
        return None if head is None or rest is None else {**head, **rest}
    want, got = _ESEARCH.match(pattern), _ESEARCH.match(response)
    if want:
        if not got or _match_all([(want.group(1), got.group(1))], variables) is None:
            return None
        return _match_pairs(want.group(2), got.group(2), variables)
    want, got = _WORDS.match(pattern), _WORDS.match(response)
    if want and "<" not in pattern:
        if not got or want.group(1) != got.group(1):
            return None
        wanted = expand(want.group(2), variables)
        return _match_words(tokens_of(wanted, False), tokens_of(got.group(2), False))
    return Pattern(pattern, variables).match(response)
