// The ssh client with a person at its terminal, of 80 by 24.

import { type RanBytes, runBytes, type SshGateway } from './ssh-gateway.ts';

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

/** Typed once the step before it was answered; `until`: what is shown then, after it was typed. */
export interface Keys {
  readonly type?: string;
  /** Rows and columns from then on. */
  readonly size?: readonly [number, number];
  readonly until: string;
}

export const atTerminal = (
  through: SshGateway,
  login: string,
  script: readonly Keys[],
  command: readonly string[],
): Promise<RanBytes> => {
  const to = ['-p', String(through.port), `${login}@web@127.0.0.1`];
  const ssh = ['ssh', '-tt', ...through.options, ...to, ...command];
  return runBytes('python3', ['-c', AT_A_TERMINAL, JSON.stringify(ssh), JSON.stringify(script)], {
    ...through.environment,
    PYENV_VERSION: 'system',
  });
};
