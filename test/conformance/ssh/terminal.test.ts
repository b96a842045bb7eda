// A person at a terminal: what is seen and recorded of it.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../harness/run.ts';
import { runBytes, type SshGateway, startSshGateway } from '../../harness/ssh/ssh-gateway.ts';
import { hasSshd, startSshd, type Sshd } from '../../harness/ssh/sshd.ts';

/** Runs ssh at a terminal of 80 by 24, types each text once the one before it was answered, and prints what it saw. */
const AT_A_TERMINAL = `
import fcntl, json, os, pty, select, signal, struct, sys, termios, time
arguments, script = json.loads(sys.argv[1]), json.loads(sys.argv[2])
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
    os.execvp('ssh', arguments)
seen = b''
def read_until(text, seconds=30):
    global seen
    end = time.time() + seconds
    mark = len(seen)
    while text not in seen[mark:] and time.time() < end:
        if select.select([terminal], [], [], 0.1)[0]:
            try: seen += os.read(terminal, 65536)
            except OSError: return
for step in script:
    if 'size' in step:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', *step['size'], 0, 0))
        os.kill(pid, signal.SIGWINCH)
    if 'type' in step: os.write(terminal, step['type'].encode())
    read_until(step['until'].encode())
read_until(b'never said', 3)
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(status))
`;

describe.skipIf(!hasSshd)('SSH: at a terminal', () => {
  let sshd: Sshd;
  let gateway: SshGateway;
  const atTerminal = (script: readonly object[], command: readonly string[] = []) => {
    const ssh = [
      'ssh',
      '-tt',
      ...gateway.options,
      '-p',
      String(gateway.port),
      `${sshd.login}@web@127.0.0.1`,
      ...command,
    ];
    return runBytes('python3', ['-c', AT_A_TERMINAL, JSON.stringify(ssh), JSON.stringify(script)], {
      ...gateway.environment,
      PYENV_VERSION: 'system',
    });
  };

  beforeAll(async () => {
    sshd = await startSshd();
    gateway = await startSshGateway(sshd.upstream);
  });
  afterAll(async () => {
    expect(gateway.bugs).toEqual([]);
    await gateway.close();
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
