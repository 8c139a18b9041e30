"""npm's imapflow, as mail services in JavaScript use it: COMPRESS, CONDSTORE and IDLE on without
being asked. The module is looked for where EILPOST_NODE_MODULES says, in build/npm and where node
finds it; `./dev` installs it into build/npm."""

import os
import subprocess

from cases import Skipped, by_subject, case, converse, find_program
from harness import check, check_equal, message

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

SCRIPT = r"""
const { ImapFlow } = require('imapflow');
const [port, user] = process.argv.slice(2);
const lines = [];
const client = new ImapFlow({
  host: '127.0.0.1', port: Number(port), secure: true, auth: { user, pass: 'pass' },
  tls: { rejectUnauthorized: false }, qresync: true,
  logger: { trace() {}, debug(o) { if (o.src) lines.push(o.src + ' ' + o.msg); }, info() {},
            warn(o) { console.log('warn', JSON.stringify(o)); },
            error(o) { console.log('error', JSON.stringify(o)); } } });
(async () => {
  await client.connect();
  await client.mailboxCreate('Flow');
  let lock = await client.getMailboxLock('INBOX');
  try {
    const found = await client.search({ subject: 'one' }, { uid: true });
    for await (const m of client.fetch(found, { uid: true, envelope: true, bodyStructure: true,
        flags: true, source: true, internalDate: true, size: true }, { uid: true })) {
      console.log('subject', m.envelope.subject, m.bodyStructure.type, m.source.length == m.size);
    }
    const part = await client.download(found[0], '1', { uid: true });
    let text = ''; for await (const chunk of part.content) text += chunk;
    console.log('text', text.trim());
    await client.messageFlagsAdd(found, ['\\Answered'], { uid: true });
    await client.messageMove(found, 'Flow', { uid: true });
    await client.append('INBOX', 'Subject: appended\r\n\r\nLine.\r\n', ['\\Flagged']);
    console.log('list', (await client.list()).map(b => b.path).sort().join(','));
    console.log('status', JSON.stringify(await client.status('Flow', { messages: true })));
    // The first EXISTS may be of the message that was appended.
    const pushed = new Promise(done => client.on('exists', e => { if (e.count == 3) done(e); }));
    client.idle();
    console.log('idling');
    console.log('pushed', (await pushed).count);
  } finally { lock.release(); }
  await client.logout();
  console.log('compressed', lines.some(line => /^c \S+ COMPRESS DEFLATE/.test(line)));
})().catch(e => { console.log('failed', e, e.responseText); process.exit(1); });
"""


def node_modules(ctx):
    script = ctx.write("look.js", "require('imapflow');")
    own = [os.environ.get("EILPOST_NODE_MODULES", ""), os.path.join(ROOT, "build/npm/node_modules")]
    for path in [*own, ""]:
        env = dict(os.environ, NODE_PATH=path)
        done = subprocess.run(["node", script], env=env, capture_output=True, check=False)
        if done.returncode == 0:
            return env
    raise Skipped("npm's imapflow is not installed (npm install --prefix build/npm imapflow)")


@case("imapflow", "node")
def imapflow(ctx):
    env = node_modules(ctx)
    client = ctx.imap()
    for name in ("one", "two"):
        client.append("INBOX", message(name, body=f"body of {name}\r\n"))
    script = ctx.write("client.js", SCRIPT)
    process = subprocess.Popen(
        [find_program("node"), script, str(ctx.server.port("imaps")), ctx.user],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ctx.directory, env=env,
    )
    arrives = {"idling\n": lambda: ctx.server.deliver(ctx.number, message("meanwhile"))}
    said = converse(process, arrives)
    for text in ("subject one text/plain true\n", "text body of one\n", "list Flow,INBOX\n",
                 '"messages":1', "pushed 3\n", "compressed true\n"):
        check(text in said, f"{text!r} is not in\n{said}")
    check("error" not in said, said)
    check_equal(by_subject(client, "Flow")["one"][1], {"\\Answered"}, "flags of what was moved")
    check_equal(sorted(by_subject(client, "INBOX")), ["appended", "meanwhile", "two"], "INBOX")
    client.close()
