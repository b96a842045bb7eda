// Shells in which anything can be typed, and interpreters that read what they run: what a rule's `interactiveShell` says.

import { describe, expect, test } from 'vitest';
import { type AskedCommand, CommandEntry, compileCommandRules, judgeCommand, judgeTypedLine } from './commands.ts';
import type { UnparsableVerdict } from './entries.ts';

const block = [CommandEntry.parse({ block: ['rm *'] })];
const hold = [...block, CommandEntry.parse({ hold: ['reboot'], approval: { from: ['dba'] } })];
const under = (interactiveShell?: UnparsableVerdict, unparsable?: UnparsableVerdict) =>
  compileCommandRules(interactiveShell === 'hold' ? hold : block, unparsable, interactiveShell);
const asked = (line: string): AskedCommand => (line === 'interactive shell' ? line : { line });

/** What they run comes from the client, and is in the recording. */
const TYPED = [
  'interactive shell',
  'bash',
  'bash -s',
  "bash -s -- a 'b c'",
  'bash -l',
  'sh -s',
  '/bin/sh -i',
  'sudo -i',
  'sudo -u postgres bash',
  'su - postgres',
  "sh -c 'exec bash'",
  'cd /srv && bash -es',
  'env LANG=C bash --noprofile --norc',
  // Ansible with pipelining
  "/bin/sh -c '/usr/bin/python3 && sleep 0'",
  "/bin/sh -c 'sudo -H -S -n  -u root /bin/sh -c '\"'\"'echo BECOME-SUCCESS-x ; /usr/bin/python3'\"'\"' && sleep 0'",
  // VS Code, and others that send a script
  'bash --login -s',
  "sh -c 'bash || sh'",
  'python3 -',
  'python3',
  'perl',
  'docker exec -it web bash',
  'kubectl exec -it web -- sh',
  'ssh web1',
  'nsenter -t 1 -a',
];

/** What they run is in no recording. */
const FED = [
  'curl -s http://x | bash',
  'curl -s http://x | sudo bash -s -- a',
  'echo x | python3',
  'cat f | { bash; }',
  'cat f | while true; do sh; done',
  'bash < f',
  'tee >(sh) < f',
  'curl x > >(sudo bash -s)',
  'sudo sh < f',
  '{ bash; } < f',
  '(cd /; python3) < f',
  'f() { sh; }; curl x | f',
  "curl x | sh -c 'sh'",
  'find . -exec sh \\; < f',
  'tar -I bash -xf a',
  'exec < f; bash',
  'exec 0< f && sh',
];

describe('a shell whose commands come from the client', () => {
  test.each(TYPED)('%j follows interactiveShell', (line) => {
    const verdict = (...settings: Parameters<typeof under>) => judgeCommand(under(...settings), asked(line)).verdict;
    expect(verdict('allow')).toBe('allow');
    expect(verdict('block', 'allow')).toBe('block');
    expect(judgeCommand(under('hold'), asked(line))).toMatchObject({ verdict: 'hold', approval: { from: ['dba'] } });
    expect([verdict(), verdict(undefined, 'allow')]).toEqual(['block', 'allow']);
  });

  test('stands under what else is in its line', () => {
    for (const line of ['rm x; bash', 'bash -c "rm x; bash"', 'rm x | bash', 'sudo rm x && sudo -i'])
      expect(judgeCommand(under('allow'), { line })).toMatchObject({ verdict: 'block', pattern: 'rm *' });
  });

  test('is stopped by an entry that names it, whatever the setting', () => {
    const named = [CommandEntry.parse({ block: ['interactive shell'] })];
    for (const line of [...TYPED, ...FED])
      expect(judgeCommand(compileCommandRules(named, 'allow', 'allow'), asked(line)).verdict).toBe('block');
  });

  test('has to be in an allow list', () => {
    const rules = compileCommandRules([CommandEntry.parse({ allow: ['ls *'] })], 'allow', 'allow');
    for (const line of [...TYPED, ...FED]) expect(judgeCommand(rules, asked(line)).verdict).toBe('block');
  });
});

test.each(FED)('%j reads elsewhere, and follows the stricter of both settings', (line) => {
  expect(judgeCommand(under('allow'), { line })).toMatchObject({ verdict: 'block', unreadable: true });
  expect(judgeCommand(under('block', 'allow'), { line }).verdict).toBe('block');
  expect(judgeCommand(under('allow', 'allow'), { line }).verdict).toBe('allow');
});

test.each([
  "python3 -c 'x'",
  'perl -e x',
  'sh -c "$X"',
  '$X y',
  'python3 <<E\nx\nE',
  'echo "x',
  'crontab f',
  'xargs sh',
])('%j is no shell, and follows unparsable', (line) => {
  expect(judgeCommand(under('allow'), { line }).verdict).toBe('block');
  expect(judgeCommand(under('block', 'allow'), { line }).verdict).toBe('allow');
});

describe('interactiveShell: follow', () => {
  const entries = [{ block: ['rm *'] }, { hold: ['deploy *'], approval: { from: ['dba'] } }, { warn: ['reboot'] }];
  const rules = compileCommandRules(
    entries.map((entry) => CommandEntry.parse(entry)),
    undefined,
    'follow',
  );

  test('lets shells in, says that it is an aid, and leaves what is fed to them to unparsable', () => {
    expect(judgeCommand(rules, 'interactive shell')).toMatchObject({
      verdict: 'allow',
      why: expect.stringMatching(/no guard/),
    });
    expect(judgeCommand(rules, { line: 'sudo -i' }).verdict).toBe('allow');
    expect(judgeCommand(rules, { line: 'curl https://x | bash' }).verdict).toBe('block');
  });

  test('judges lines by what entries name, and stops none for being unread', () => {
    const verdicts = [
      'cd x && sudo rm -rf y',
      'deploy shop',
      'reboot',
      'ls',
      '',
      'select (1;',
      'perl -e 1',
      'bash',
      '$X y',
    ];
    expect(verdicts.map((line) => judgeTypedLine(rules, line)?.verdict)).toEqual([
      ...['block', 'hold', 'warn'],
      ...Array.from({ length: 6 }, () => undefined),
    ]);
    const others = compileCommandRules(block, undefined, 'allow');
    expect(judgeTypedLine(others, 'rm x')).toBeUndefined();
  });
});
