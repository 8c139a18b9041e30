"""Ruby's net-imap: TLS, folders, FETCH of every kind that it parses, IDLE, SORT and THREAD."""

import subprocess

from cases import Skipped, by_subject, case, converse
from harness import check_equal, message

SCRIPT = r"""
require 'net/imap'
port, user = ARGV
imap = Net::IMAP.new('127.0.0.1', port: port.to_i,
                     ssl: {verify_mode: OpenSSL::SSL::VERIFY_NONE})
imap.login(user, 'pass')
caps = imap.capability
imap.create('Ruby')
imap.select('INBOX')
imap.append('INBOX', "Subject: appended\r\n\r\nLine.\r\n", [:Flagged], Time.now)
imap.noop
found = imap.uid_search(['SUBJECT', 'one'])
data = imap.uid_fetch(found, ['ENVELOPE', 'BODYSTRUCTURE', 'FLAGS', 'INTERNALDATE', 'RFC822.SIZE',
                              'BODY.PEEK[TEXT]']).first
puts "subject #{data.attr['ENVELOPE'].subject}"
puts "text #{data.attr['BODY[TEXT]']}"
puts "type #{data.attr['BODYSTRUCTURE'].media_type}"
imap.uid_store(found, '+FLAGS', [:Answered])
imap.uid_copy(found, 'Ruby')
imap.uid_store(found, '+FLAGS.SILENT', [:Deleted])
imap.expunge
puts "status #{imap.status('Ruby', ['MESSAGES', 'UNSEEN']).inspect}"
puts "list #{imap.list('', '*').map(&:name).sort.join(',')}"
puts "offered #{(%w[SORT THREAD=REFERENCES IMAP4REV2] - caps.map(&:upcase)).inspect}"
puts "sorted #{imap.uid_sort(['REVERSE', 'SUBJECT'], ['ALL'], 'UTF-8').join(' ')}"
puts "threads #{imap.uid_thread('REFERENCES', ['ALL'], 'UTF-8').length}"
puts 'idling'
STDOUT.flush
imap.idle(20) do |response|
  if response.is_a?(Net::IMAP::UntaggedResponse) && response.name == 'EXISTS'
    puts "pushed #{response.data}"
    imap.idle_done
  end
end
imap.logout
imap.disconnect
"""


@case("ruby net-imap", "ruby")
def ruby(ctx):
    try:
        subprocess.run(["ruby", "-e", "require 'net/imap'"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        raise Skipped("this ruby has no net-imap") from None
    client = ctx.imap()
    for name in ("one", "two"):
        client.append("INBOX", message(name, body=f"body of {name}\r\n"))
    script = ctx.write("client.rb", SCRIPT)
    process = subprocess.Popen(
        ["ruby", script, str(ctx.server.port("imaps")), ctx.user],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ctx.directory,
    )
    arrives = {"idling\n": lambda: ctx.server.deliver(ctx.number, message("meanwhile"))}
    said = converse(process, arrives)
    wanted = ("subject one\n", "text body of one", "type TEXT", "list INBOX,Ruby\n", "offered []\n",
              'status {"MESSAGES"=>1, "UNSEEN"=>1}\n', "sorted 2 3\n", "threads 2\n", "pushed 3\n")
    for text in wanted:
        check_equal(text in said, True, f"{text!r} in\n{said}")
    check_equal(by_subject(client, "Ruby")["one"][1], {"\\Answered"}, "flags of what was copied")
    check_equal(sorted(by_subject(client, "INBOX")), ["appended", "meanwhile", "two"], "INBOX")
    client.close()
