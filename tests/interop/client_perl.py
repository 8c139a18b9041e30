"""Perl's Mail::IMAPClient, on which imapsync and many scripts stand: folders, flags, searches,
COMPRESS, IDLE, SORT and THREAD."""

import subprocess

from cases import Skipped, by_subject, case, converse
from harness import check_equal, message

SCRIPT = r"""
use strict; use warnings; use Mail::IMAPClient;
my ($port, $user, $mode) = @ARGV;
my %tls = $mode eq 'plain' ? () : (Starttls => [SSL_verify_mode => 0]);
my $imap = Mail::IMAPClient->new(Server => '127.0.0.1', Port => $port, User => $user,
    Password => 'pass', Uid => 1, Timeout => 20, Keepalive => 0, %tls)
    or die "login: $@";
sub ok { my ($got, $what) = @_; defined $got or die "$what: " . ($imap->LastError // '?'); $got }
if ($mode eq 'compress') {
    ok($imap->has_capability('COMPRESS=DEFLATE') || undef, 'COMPRESS offered');
    ok($imap->compress, 'compress');
}
ok($imap->create('Perl'), 'create');
ok($imap->select('INBOX'), 'select');
ok($imap->append_string('INBOX', "Subject: appended\r\n\r\nLine.\r\n", '\Flagged'), 'append');
print "count ", ok($imap->message_count, 'count'), "\n";
my @found = @{ ok(scalar $imap->search('SUBJECT', $imap->Quote('one')), 'search') };
print "found @found\n";
print "subject ", ok($imap->subject($found[0]), 'subject'), "\n";
print "text ", ok($imap->body_string($found[0]), 'body');
ok($imap->set_flag('Answered', $found[0]), 'flag');
ok($imap->move('Perl', $found[0]), 'move');
ok($imap->expunge, 'expunge');
my @sorted = $imap->sort('REVERSE SUBJECT', 'UTF-8', 'ALL');
print "sorted @sorted\n";
my $threads = ok($imap->thread('REFERENCES', 'UTF-8', 'ALL'), 'thread');
print "threads ", scalar(@$threads), "\n";
my $tag = ok($imap->idle, 'idle');
$| = 1; print "idling\n";
my @lines = $imap->idle_data(20) or die "nothing in IDLE";
print "pushed ", join('', map { s/\r\n//r . ';' } @lines), "\n";
ok($imap->done($tag), 'done');
ok($imap->logout, 'logout');
"""


def run(ctx, mode):
    client = ctx.imap()
    for name in ("one", "two"):
        client.append("INBOX", message(name, body=f"body of {name}\r\n"))
    script = ctx.write("client.pl", SCRIPT)
    process = subprocess.Popen(
        ["perl", script, str(ctx.server.port("imap")), ctx.user, mode],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ctx.directory,
    )
    arrives = {"idling\n": lambda: ctx.server.deliver(ctx.number, message("meanwhile"))}
    said = converse(process, arrives)
    for wanted in ("count 3\n", "found 1\n", "subject one\n", "text body of one", "sorted 2 3\n",
                   "threads 2\n", "EXISTS"):
        check_equal(wanted in said, True, f"{wanted!r} in\n{said}")
    moved = by_subject(client, "Perl")
    # body_string() is a FETCH of BODY[TEXT].
    check_equal(moved["one"][1], {"\\Answered", "\\Seen"}, "flags of what was moved")
    check_equal(sorted(by_subject(client, "INBOX")), ["appended", "meanwhile", "two"], "INBOX")
    client.close()


def prepared():
    try:
        subprocess.run(["perl", "-MMail::IMAPClient", "-e1"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        raise Skipped("there is no libmail-imapclient-perl") from None


@case("perl Mail::IMAPClient", "perl")
def plain(ctx):
    prepared()
    run(ctx, "plain")


@case("perl Mail::IMAPClient, STARTTLS and COMPRESS", "perl")
def compress(ctx):
    prepared()
    run(ctx, "compress")
