import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AskedCommand, CommandEntry, compileCommandRules, judgeCommand, parseCommandPattern } from './commands.ts';
import type { SectionEntry } from './entries.ts';
import { readCommandLine } from './shell/line/command-line.ts';
import { certain } from './shell/line/words.ts';

const entry = (given: object): SectionEntry => CommandEntry.parse(given);
const blocking = (...block: string[]) => compileCommandRules([entry({ block })], 'allow');
const allowing = (...allow: string[]) => compileCommandRules([entry({ allow })]);
const verdict = (rules: ReturnType<typeof blocking>, asked: AskedCommand | string) =>
  judgeCommand(
    rules,
    typeof asked === 'string' && asked !== 'interactive shell' ? { line: asked } : (asked as AskedCommand),
  ).verdict;

describe('a pattern', () => {
  test.each([
    ['', 'is empty'],
    ['rm -rf "x', 'has a quote that is not closed'],
    ['rm -rf *; ls', 'has ; outside of quotes: expected the words of one command, such as "rm -rf *"'],
    ['echo $(id)', 'has $( outside of quotes'],
    [`rm ${'x'.repeat(300)}`, 'is longer than 300 characters'],
  ])('%j: %s', (text, message) => {
    const parsed = parseCommandPattern(text);
    expect(parsed.ok ? 'fits' : parsed.error).toContain(message);
  });
});

describe('what is blocked', () => {
  test.each([
    ['rm -rf *', 'rm -rf /'],
    ['rm -rf *', 'rm -rf'],
    ['rm -rf *', '/bin/rm -rf /'],
    ['rm -rf *', 'ls && rm -rf /'],
    ['rm -rf *', 'ls; rm -rf / &'],
    ['rm -rf *', 'r"m" -\\rf /'],
    ['rm -rf *', 'echo "$(rm -rf /)"'],
    ['rm -rf *', 'echo `rm -rf /`'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell's
    ['rm -rf *', 'echo ${x:-$(rm -rf /)}'],
    ['rm -rf *', 'if true; then rm -rf /; fi'],
    ['rm -rf *', '(cd / && rm -rf *)'],
    ['rm -rf *', 'cat <(rm -rf /)'],
    ['rm -rf *', 'X=1 rm -rf / > log 2>&1'],
    ['rm -rf *', 'sudo -u root rm -rf /'],
    ['rm -rf *', 'find . -exec rm -rf {} +'],
    ['rm -rf *', 'bash -c "cd / && rm -rf *"'],
    ['rm -rf *', 'sh -c \'sh -c "rm -rf /"\''],
    ['rm -rf *', 'rm $FLAGS /'],
    ['rm -rf *', 'rm -* /'],
    ['reboot', 'reboot $X'],
    ['shutdown*', 'shutdown -h now'],
    ['interactive shell', 'sudo -i'],
    ['interactive shell', 'sh -c bash'],
    ['rm -rf *', 'sudo sh -c "rm -rf /"'],
    ['rm -rf *', 'rm -$F /'],
    ['rm -rf *', 'rm \\\n -rf /'],
    ['systemctl * nginx', 'systemctl stop nginx'],
    ['"my tool" *', "'my tool' go"],
    ['interactive shell', 'interactive shell'],
    ['*', 'anything at all'],
    ['*', 'interactive shell'],
    ['/usr/bin/passwd *', '/usr/bin/passwd root'],
    ['curl *.internal', 'curl db.internal'],
  ])('%j names %s', (pattern, line) => expect(verdict(blocking(pattern), line)).toBe('block'));

  test.each([
    ['rm -rf *', 'rm file'],
    ['rm -rf *', 'rm *.log'],
    ['rm -rf *', 'echo rm -rf /'],
    ['rm -rf *', 'echo "rm -rf /"'],
    ['rm -rf *', 'ls # rm -rf /'],
    ['rm -rf *', 'man rm'],
    ['rm -rf *', 'bash backup.sh'],
    ['rm -rf *', '[ -f x ] && echo yes'],
    ['git status', 'git status -s'],
    ['systemctl * nginx', 'systemctl stop now nginx'],
    ['/usr/bin/passwd *', 'passwd root'],
    ['rm *', 'echo "a;b" | grep rm'],
    ['rm *', 'env A=$B git pull'],
    ['rm *', 'sudo grep -r rm /etc'],
    ['shutdown*', 'sudo systemctl status shutdown.target'],
  ])('%j does not name %s', (pattern, line) => expect(verdict(blocking(pattern), line)).toBe('allow'));

  test('words that no shell takes apart are judged as they are', () => {
    expect(verdict(blocking('rm *'), { words: ['rm', '-rf', '/'] })).toBe('block');
    expect(verdict(blocking('rm *'), { words: ['echo', '; rm x'] })).toBe('allow');
    expect(verdict(blocking('interactive shell'), { words: [] })).toBe('block');
    expect(verdict(blocking('interactive shell'), { words: ['/bin/sh', '-i'] })).toBe('block');
  });
});

describe('an allow list', () => {
  test.each([
    ['git *', 'git pull'],
    ['git *', 'git'],
    ['git *', 'git log --format="$F"'],
    ['git status', 'git status'],
    ['interactive shell', 'interactive shell'],
    ['*', 'anything > at | all'],
  ])('with %j lets %s pass', (pattern, line) => expect(verdict(allowing(pattern), line)).toBe('allow'));

  test.each([
    ['git *', 'git pull; id'],
    ['git *', 'git log $(id)'],
    ['git *', 'git log > /etc/passwd'],
    ['git *', 'PATH=/tmp git pull'],
    ['git *', '/tmp/git pull'],
    ['git *', 'sudo git pull'],
    ['git *', '$GIT pull'],
    ['git *', 'GIT pull'],
    ['git *', 'interactive shell'],
    ['git *', 'cat <<X'],
    ['git *', ''],
    ['git status', 'git $X'],
    ['interactive shell', 'id'],
  ])('with %j does not let %s pass', (pattern, line) => expect(verdict(allowing(pattern), line)).toBe('block'));

  test('says what is not in it', () => {
    expect(judgeCommand(allowing('git *'), { line: 'id -u' }).why).toBe('the command id is not in the allow list');
    expect(judgeCommand(allowing('git *'), 'interactive shell').why).toBe(
      'an interactive shell is not in the allow list',
    );
  });

  test('beside a hold: what the hold names waits, and is not blocked', () => {
    const approval = { from: ['dba'], within: '5m' };
    const rules = compileCommandRules([entry({ allow: ['git *'] }), entry({ hold: ['systemctl *'], approval })]);
    expect(judgeCommand(rules, { line: 'systemctl stop nginx' })).toMatchObject({
      section: 'commands',
      verdict: 'hold',
      entry: 1,
      pattern: 'systemctl *',
      approval: { from: ['dba'], count: 1, within: 300_000 },
    });
  });
});

describe('what cannot be read', () => {
  const block = [entry({ block: ['rm *'] })];
  test.each([
    '$X y',
    'cat <<END',
    'sudo --unknown x',
    "perl -e 'x'",
    'echo "x',
    'echo $(ls',
    'bash -c "$X"',
    'interactive shell',
    'bash',
    'sh -i',
    'sh -c "`"',
  ])('%s follows unparsable, which is block where an entry blocks', (line) => {
    const asked = line === 'interactive shell' ? line : { line };
    expect(judgeCommand(compileCommandRules(block), asked)).toMatchObject({ verdict: 'block', unreadable: true });
    expect(judgeCommand(compileCommandRules(block, 'allow'), asked).verdict).toBe('allow');
    expect(judgeCommand(compileCommandRules([entry({ warn: ['rm *'] })]), asked).verdict).toBe('allow');
  });
});

describe('hostile lines', () => {
  test('any text is read or refused, and never more than once for each depth', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ab \'"\\$`(){}[]*?;&|<>\n#!=-') }), (line) => {
        const read = readCommandLine(line);
        if (read.ok) for (const { words, does } of read.value) expect(does || words.length > 0).toBe(true);
        judgeCommand(blocking('rm *', '* x', '"a b" *'), { line });
        judgeCommand(allowing('rm *'), { line });
      }),
      { numRuns: 2_000 },
    );
  });

  test('whatever stands around it, a command that is certain is found', () => {
    const noise = fc.constantFrom('ls', 'echo "a b"', "echo 'x;y'", 'cat f | sort', 'A=1 true', 'echo $X', 'x=$(date)');
    const between = fc.constantFrom(';', '&&', '||', '|', '\n', ' & ');
    fc.assert(
      fc.property(fc.array(fc.tuple(noise, between)), fc.array(fc.tuple(between, noise)), (before, after) => {
        const line = `${before.flat().join(' ')} rm -rf / ${after.flat().join(' ')}`;
        expect(verdict(blocking('rm -rf *'), line)).toBe('block');
      }),
    );
  });

  test('a quoted text is one word, whatever is in it', () => {
    fc.assert(
      fc.property(
        fc.string().filter((text) => !/['\0\uFFFD]/.test(text)),
        (text) => {
          expect(readCommandLine(`echo '${text}'`)).toMatchObject({
            ok: true,
            value: [{ words: [certain('echo'), certain(text)], does: false, sets: [], input: undefined }],
          });
        },
      ),
    );
  });

  test.each([
    ['deep', `${'$('.repeat(5_000)}x`],
    ['many', 'a;'.repeat(30_000)],
    ['long', `echo ${'x'.repeat(140_000)}`],
  ])('what is too %s is not read', (_, line) => expect(readCommandLine(line).ok).toBe(false));
});

describe('what cannot be seen of a command', () => {
  const approval = { from: ['dba'] };
  const rules = compileCommandRules([
    entry({ block: ['rm *'] }),
    entry({ hold: ['perl *', 'sudo *'], approval }),
    entry({ warn: ['python3 *'] }),
  ]);
  test.each([
    ["perl -e 'unlink 1'", 'hold'],
    ['sudo sh -c "$X"', 'hold'],
    ['sudo -i', 'hold'],
    ['sudo rm x', 'block'],
    ['perl $X', 'hold'],
    ["python3 -c 'x'", 'block'],
    ["ruby -e 'x'", 'block'],
  ])('is part of what an entry names for certain: %s', (line, expected) => expect(verdict(rules, line)).toBe(expected));
  test('and of what an allow list names', () => {
    expect(verdict(allowing('perl *'), "perl -e 'x'")).toBe('allow');
    expect(verdict(allowing('bash -c *'), 'bash -c "$X"')).toBe('allow');
    expect(verdict(allowing('*'), '$X y')).toBe('block');
  });
});

describe('time and room', () => {
  const MiB = 1024 * 1024;
  test.each([
    '$(',
    '`',
    '"$(',
    '${x:-',
    '$((',
    '(',
    '((',
    '{ ',
    'f() ',
    'function f ',
    '! ',
    '<(',
    'if ',
    '[[ ',
    'a=(',
  ])('a MiB of %j is refused', (piece) => expect(readCommandLine(piece.repeat(MiB / piece.length)).ok).toBe(false));

  // Whatever costs more than its share takes minutes here, and the test does not end.
  const HARD = [
    '$(',
    '"$(',
    '${x:-',
    '((',
    '(',
    '! ',
    '{ ',
    'a[',
    '\\',
    "'",
    '"',
    '<<a ',
    'a=(',
    '[[ a',
    'case a in ',
    '$',
  ];
  const LAUNCHING = [
    'env ',
    'eval ',
    'sudo sh -c ',
    'xargs -I{} ',
    'find -exec ',
    'A=$A ',
    'awk print',
    'a ',
    'env valgrind ',
  ];
  // Each may run any of the others: as many ways as there are orders.
  test.each(['parallel ', 'env valgrind ', 'parallel "a b" '])(
    '%j, many times, is judged, and not let pass',
    (piece) => {
      const stops = compileCommandRules([entry({ block: ['rm *'] })]);
      for (const times of [20, 200, 2_000])
        expect(judgeCommand(stops, { line: piece.repeat(times) })).toMatchObject({
          verdict: 'block',
          unreadable: true,
        });
    },
  );

  test.each([...HARD, ...LAUNCHING])('128 KiB of %j are judged', (piece) => {
    const rules = blocking('rm -rf *', 'x * y');
    const lines = [piece.repeat((128 * 1024) / piece.length), `${piece.repeat((64 * 1024) / piece.length)};a`];
    for (const line of lines) expect(judgeCommand(rules, { line }).section).toBe('commands');
  });
});

// Found by running them in bash and dash: each runs `marker`.
test.each([
  "set -x; PS4='$(marker)'; :",
  "PS4='$(marker)'",
  "printf -v 'a[$''(marker)]' x",
  "test -v 'a[$(marker)]'",
  "[ -v 'a[$(marker)]' ]",
  "declare -i y='a[$''(marker)]'",
  "let 'a[$''(marker)]++'",
  'export GIT_SSH_COMMAND=marker; git ls-remote ssh://x/y',
  'git ls-remote --upload-pa=marker DIR',
])('%s is no line that anything is known of', (line) => {
  const blocks = compileCommandRules([entry({ block: ['marker *'] })]);
  const allows = compileCommandRules([
    entry({ allow: ['printf *', 'test *', '[ *', 'let *', 'declare *', 'set *', ': *'] }),
  ]);
  expect([judgeCommand(blocks, { line }).verdict, judgeCommand(allows, { line }).verdict]).toEqual(['block', 'block']);
});
