// A person at a terminal: what is seen and recorded of it.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SessionRules } from '../../../core/policy/session-rules.ts';
import { expectSameInCuts } from '../../harness/session/cut-recorded.ts';
import { until } from '../../harness/run.ts';
import { atTerminal as typeAt, type Keys } from '../../harness/ssh/at-terminal.ts';
import { type SshGateway, startSshGateway } from '../../harness/ssh/ssh-gateway.ts';
import { hasSshd, startSshd, type Sshd } from '../../harness/ssh/sshd.ts';

const FOLLOWED: SessionRules['commands'] = [
  { block: ['rm *'], hint: 'Use the runbook.' },
  { hold: ['deploy *'], approval: { from: ['dba'], count: 1, within: 300_000 } },
];
/** A line editor, with a prompt and a name that completes. */
const SHELL = ['bash --norc --noprofile -i'];
const READY = { type: `PS1='re''ady> '; deploy() { echo "deployed $*"; }; echo ok\r`, until: 'ready> ' };

describe.skipIf(!hasSshd)('SSH: at a terminal', () => {
  let sshd: Sshd;
  let gateway: SshGateway;
  let followed: SshGateway;
  const atTerminal = (script: readonly Keys[], command: readonly string[] = [], through = gateway) =>
    typeAt(through, sshd.login, script, command);

  beforeAll(async () => {
    sshd = await startSshd();
    gateway = await startSshGateway(sshd.upstream);
    followed = await startSshGateway(sshd.upstream, { rules: { commands: FOLLOWED, interactiveShell: 'follow' } });
  });
  afterAll(async () => {
    for (const one of [gateway, followed]) {
      expect(one.bugs).toEqual([]);
      await one.close();
    }
    sshd.close();
  });

  it('a shell works, with sizes, exit status, and no letter of what was typed among the recorded input', async () => {
    const ran = await atTerminal(
      [
        { type: 'PS1=; stty size; echo $((40+2))\r', until: '42\r\n' },
        { size: [30, 100], type: 'stty size\r', until: '30 100' },
        // It is told once nothing is echoed any more, in letters that the line itself does not hold.
        {
          type: `stty -echo; echo un''seen; read secret; stty echo; echo "got $(echo -n "$secret" | wc -c)"\r`,
          until: 'unseen',
        },
        { type: 'sesame\r', until: 'got 6' },
        { type: 'exit 3\r', until: 'exit' },
      ],
      ['bash --norc --noprofile -i'],
    );
    expect(ran.code).toBe(3);
    const { last } = gateway.log;
    await until('it is over', () => last.ended !== undefined);
    const sizes = last.facts('terminal.resized', 1).map(({ columns, rows }) => [columns, rows]);
    expect([sizes[0], sizes.at(-1)]).toEqual([
      [80, 24],
      [100, 30],
    ]);
    expect(last.facts('command.finished')).toMatchObject([{ exit: 3 }]);
    const typed = last.wire('client', 1).toString();
    expect(typed).toMatch(/^[*\r\n]+$/);
    // As long as what was typed; the letters that were echoed stand in the output.
    expect(typed).toContain('******\r');
    const output = last.wire('target', 1).toString();
    expect(output).toContain('stty size');
    expect(output + typed).not.toContain('sesame');
    expect(last.facts('values.hidden')).toMatchObject([{ hidden: [{ by: 'typed' }] }]);
    expect(ran.stdout.toString()).toContain('30 100');
    const lines = last.facts('command.typed').map(({ line }) => line);
    expect(lines).toEqual([
      'PS1=; stty size; echo $((40+2))',
      'stty size',
      expect.stringContaining('stty -echo; echo'),
      'exit 3',
    ]);
    // Its exports, made by runs that are cut short and killed.
    const formats = await expectSameInCuts(last);
    expect(formats).toEqual(['ndjson', 'text', 'markdown', 'html', 'asciicast']);
  });

  it('lines are told as the shell showed them: completed, recalled, edited; and nothing typed in an editor', async () => {
    const editor = `printf '\\033[?1049h'; read x; printf '\\033[?1049l'; echo ba''ck`;
    const ran = await atTerminal(
      [
        READY,
        { type: 'echo /etc/host', until: '/etc/host' },
        { type: 'nam\t', until: 'name ' },
        { type: '\r', until: 'ready> ' },
        { type: '\x1b[A', until: 'echo /etc/hostname' },
        { type: '\x7f\x7f x\r', until: 'ready> ' },
        { type: `${editor}\r`, until: '\x1b[?1049h' },
        { type: 'shown\r', until: 'ready> ' },
        { type: 'exit\r', until: 'exit' },
      ],
      SHELL,
    );
    expect(ran.code).toBe(0);
    const lines = gateway.log.last.facts('command.typed').map(({ line }) => line);
    expect(lines.slice(1)).toEqual(['echo /etc/hostname', 'echo /etc/hostnam x', editor, 'exit']);
    expect(gateway.log.last.facts('command.typed')[0]).toMatchObject({ action: 2, reconstructed: true });
  });

  it('Enter does not go on with a line that a rule blocks, and the person clears it', async () => {
    const ran = await atTerminal(
      [
        READY,
        { type: 'rm -i nothing', until: 'rm -i nothing' },
        // What is pasted behind it is not sent to what it was not meant for.
        { type: '\recho behind\r', until: 'clear it with Ctrl-C' },
        { type: '\x03', until: 'ready> ' },
        { type: 'echo after\r', until: 'ready> ' },
        { type: 'exit\r', until: 'exit' },
      ],
      SHELL,
      followed,
    );
    expect(ran.code).toBe(0);
    const seen = ran.stdout.toString();
    expect(seen).toContain(
      'Gatehouse: Blocked by rule test: it is what "rm *" names. Use the runbook. The line did not run',
    );
    expect(seen).not.toMatch(/No such file|behind/);
    const { last } = followed.log;
    const refused = last.facts('action.refused');
    expect(refused).toMatchObject([{ reason: 'blocked', pattern: 'rm *' }]);
    expect(last.facts('command.typed').find(({ action }) => action === refused[0]?.action)?.line).toBe('rm -i nothing');
    expect(
      last
        .facts('command.typed')
        .map(({ line }) => line)
        .slice(1),
    ).toEqual(['rm -i nothing', 'echo after', 'exit']);
  });

  it('Enter waits for an approval, also of a recalled line, and Ctrl-C gives it up', async () => {
    followed.edge.held.length = 0;
    const deciding = (async () => {
      await until('it is held', () => followed.edge.held.length === 1);
      expect(followed.edge.held[0]?.asked.action).toMatchObject({ kind: 'command', text: 'deploy shop' });
      followed.edge.held[0]?.decide({ kind: 'approved', by: ['bob@example.com'], comment: '' });
      await until('it is held', () => followed.edge.held.length === 2);
    })();
    const ran = await atTerminal(
      [
        READY,
        { type: 'deploy shop\r', until: 'ready> ' },
        { type: '\x1b[A', until: 'deploy shop' },
        { type: '\r', until: 'https://gatehouse.test/requests/' },
        { type: 'echo meantwhile\r\x03', until: 'clear it with Ctrl-C' },
        { until: 'ready> ' },
        { type: 'read -s secret; echo "got $secret" | wc -c\r', until: '\r\n' },
        { type: 'deploy secret\r', until: 'ready> ' },
        { type: 'exit 4\r', until: 'exit' },
      ],
      SHELL,
      followed,
    );
    await deciding;
    expect(ran.code).toBe(4);
    expect(ran.stdout.toString()).not.toContain('meantwhile');
    const { last } = followed.log;
    expect(last.facts('hold.resolved')).toMatchObject([{ outcome: 'approved' }, { outcome: 'withdrawn' }]);
    expect(JSON.stringify(last.facts('command.typed'))).not.toContain('deploy secret');
  });

  it('Ctrl-C reaches what runs', async () => {
    const ran = await atTerminal(
      [{ until: 'ready' }, { type: '\x03', until: 'stopped' }],
      [`trap 'echo stopped; exit 5' INT; echo ready; while :; do sleep 0.1; done`],
    );
    expect(ran.code).toBe(5);
    expect(gateway.log.last.wire('client', 1).toString()).toBe('\x03');
  });
});
