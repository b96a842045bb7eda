// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are the shell's
// Ways past a block of a command: the command in every construct of a shell, and every one of these in every other.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CommandEntry, compileCommandRules, judgeCommand } from '../commands.ts';

const blocking = compileCommandRules([CommandEntry.parse({ block: ['rm *', 'shutdown*'] })]);
const allowing = compileCommandRules([CommandEntry.parse({ allow: ['ls *', 'echo *'] })]);
const decide = (line: string) => judgeCommand(blocking, { line });

/** Where `%` stands a command, whatever it is. */
const CONSTRUCTS = [
  '{ %; }',
  '( % )',
  '(%)',
  '! %',
  '! ! %',
  '% &',
  '% | cat',
  'true | %',
  'true |& %',
  'true && %',
  'false || %',
  'true; %',
  'true & %',
  'true\n%',
  'true &&\n\n%',
  '# comment\n%',
  'true # comment\n%',
  'echo a#b; %',
  'function f { %; }; f',
  'function f() { %; }\nf',
  'f() { %; }; f',
  'f ( )\n{ %; }\nf',
  'f() ( % ); f',
  'f() if true; then %; fi; f',
  'coproc { %; }',
  'time { %; }',
  'if true; then %; fi',
  'if %; then true; fi',
  'if false; then true; else %; fi',
  'if false; then true; elif true; then %; fi',
  'if false; then true; elif %; then true; fi',
  'while true; do %; break; done',
  'while %; do break; done',
  'until false; do %; break; done',
  'for x in a; do %; done',
  'for x\nin a b\ndo\n%\ndone',
  'for x do %; done',
  'for ((i=0;i<1;i++)); do %; done',
  'for x in $(%); do true; done',
  'select x in a; do %; break; done < /dev/null',
  'case a in a) %;; esac',
  'case a in (b|c) true;; (a) %; esac',
  'case a in *) %;& b) true;;& esac',
  'case $(%) in a) true;; esac',
  'case a in $(%)) true;; esac',
  '[[ -n a ]] && { %; }',
  '[[ -n $(%) ]]',
  '[[ $(%) =~ ^(a|b)$ ]]',
  '[ -n "$(%)" ]',
  'echo $(%)',
  'echo "$(%)"',
  'echo "a$(echo "b$(%)c")d"',
  'echo `%`',
  'echo "`%`"',
  'echo $(echo `%`)',
  'x=$(%)',
  'x=($(%))',
  'x=(a\n$(%) b)',
  'x+=$(%)',
  'x[$(%)]=1',
  'echo $(( $(%) + 1 ))',
  'echo "$((1 + `%`))"',
  '(( x = $(%) ))',
  'echo ${x:-$(%)}',
  'echo "${x:-$(%)}"',
  'echo ${x:-`%`}',
  'echo ${x:=a"$(%)"}',
  'echo ${x#$(%)}',
  'echo ${x//a/$(%)}',
  'echo ${x[$(%)]}',
  'echo ${x:$(%):1}',
  'echo ${x:-${y:-$(%)}}',
  'echo ${x:-{$(%)}}',
  'cat <(%)',
  'echo a<(%)',
  'cat < <(%)',
  'ls | tee >(%)',
  'ls > "$(%)"',
  'ls 2>$(%)',
  'cat <<< "$(%)"',
  'cat <<EOF\n$(%)\nEOF',
  'cat <<EOF\na "\n`%`\nEOF\n',
  'cat <<-EOF\n\tx\n\tEOF\n%',
  "cat <<'EOF'\nit's $(\nEOF\n%",
  'cat <<A <<B\na\nA\nb\nB\n%',
  'cat <<EOF && { %; }\n"\nEOF\n',
  '$(cat <<E\n)\nE\n%)',
  '{ %; } > f 2>&1',
  'true \\\n&& %',
  'echo {a,$(%)}',
  'declare x=$(%)',
  'echo "\\"$(%)"',
  "echo 'a'\"'\"'b' ; %",
  "echo \\' ; % ; echo \\'",
  'echo \\" ; % ; echo \\"',
  'echo \\# ; %',
  'echo "}" ${x:-"}"} ; %',
  'echo $# ; %',
  'echo ${#x} ; %',
  'echo ${x#"\'"} ; % ; echo \'"\'',
  ': "${x:-`%`}"',
];

/** Where `%` is a command of words alone: what launchers run, and what a shell is given. */
const LAUNCHED = [
  '%',
  'A=1 %',
  'A=1 B="x y" %',
  'A+=1 a[0]=2 %',
  '>f %',
  '</dev/null 2>&1 %',
  '2>/dev/null A=1 >>f %',
  'coproc %',
  'time %',
  'time -p %',
  '/usr/bin/time -f %%e -o f %',
  'sudo %',
  'sudo -n %',
  'sudo -u root -- %',
  'sudo -uroot -E %',
  'sudo --user=root A=1 %',
  'sudo -i %',
  'sudo -s -- %',
  'doas -u root %',
  'env %',
  'env -i A=1 %',
  'env -u X -C / %',
  'env - %',
  'nice %',
  'nice -n 5 %',
  'nice -5 %',
  'nice --adjustment=5 %',
  'nohup % &',
  'ionice -c 3 %',
  'ionice -c2 -n0 %',
  'timeout 5 %',
  'timeout -k 1 -s KILL 5s %',
  'timeout --signal=KILL --foreground 5 %',
  'setsid -w %',
  'stdbuf -oL -e 0 %',
  'chroot / %',
  'chroot --userspec=a:b / %',
  'unshare -r %',
  'unshare --fork --pid --mount-proc %',
  'nsenter -t 1 -m -u -i -n %',
  'nsenter --target 1 --mount -- %',
  'strace -f -o f %',
  'flock /tmp/l %',
  'flock -n -w 5 /tmp/l %',
  'chrt -f 10 %',
  'taskset -c 0,1 %',
  'xargs %',
  'xargs -0 -n1 -P 4 %',
  'xargs --max-args=1 --null %',
  'find . -exec % {} +',
  'find . -type f -execdir % {} \\;',
  'find . ( -name a -o -name b ) -ok % ;'.replaceAll('(', '\\(').replaceAll(')', '\\)').replace(' ;', ' \\;'),
  'exec %',
  'exec -a x %',
  'command %',
  'command -p %',
  'builtin command %',
  'busybox %',
  'toybox %',
  'watch -n 1 %',
  'ssh host %',
  'ssh -p 22 -o BatchMode=yes user@host %',
  'ssh host -l root %',
  'su - root -- -c "%"',
  'su -c "%" root',
  "su root -c '%'",
  'su --command="%"',
  'runuser -u root -- %',
  'runuser -l root -c "%"',
  'script -qc "%" /dev/null',
  'script /dev/null -c "%"',
  'flock f -c "%"',
  'sh -c "%"',
  'sh -ec "%"',
  'sh -c -e "%"',
  'sh -o errexit -c "%"',
  'bash --norc -lc "%"',
  'bash -O extglob +B -c "%" name arg',
  '/usr/bin/env bash -c "true; %"',
  'sudo -u a sh -c "cd / && %"',
  'find . -exec sh -c "%" {} \\;',
  'xargs -I{} sh -c "%"',
  'eval "%"',
  'eval %',
  'eval eval "%"',
  'trap "%" EXIT',
  'trap -- "%" 0',
  'sh <<EOF\n%\nEOF',
  "bash -s <<'EOF' a b\ntrue\n%\nEOF\n",
  'sh <<< "%"',
  'sudo bash <<EOF\n%\nEOF',
  '. /dev/stdin <<< "%"',
  'bash /dev/stdin <<X\n%\nX',
  '/lib64/ld-linux-x86-64.so.2 %',
  'repeat 3 %',
  'noglob %',
  'gosu root %',
  'fakeroot -- %',
];

/** The command, written in other ways. */
const SPELLINGS = [
  'rm -rf x',
  'rm',
  '/bin/rm x',
  './rm x',
  '../../bin/rm x',
  '\\rm x',
  'r\\m x',
  'r"m" x',
  "r'm' x",
  "''rm x",
  '"rm" x',
  'rm\tx',
  'r\\\nm x',
  'rm>f x',
  'rm<f x',
  '"/bin/"rm x',
  '"$x/bin/rm" x',
  'rm ${x}',
  'rm {a,b}',
  'rm *',
  'shutdown',
  'shutdown-now',
];
const OF_BASH = ["$'\\x72m' x", "$'\\162\\u006d' x", '$"rm" x', "r$'m' x"];

/** `$((` would begin an expression. */
const put = (construct: string, command: string): string =>
  construct.replace(/%+/g, (found, at: number) =>
    found !== '%' ? '%' : command.startsWith('(') && construct[at - 1] === '(' ? ` ${command}` : command,
  );
/** For one that stands between the quotes of another, backquotes too. */
const fitsIn = (construct: string, command: string): boolean => {
  if (/"%|%"|'%|%'/.test(construct)) return !/["'\\$`\n]/.test(command);
  if (construct.includes('`')) return !/[`"\\]/.test(command);
  return !(construct.includes('EOF') && command.includes('EOF'));
};

describe('a command that is blocked', () => {
  const lines = [
    ...[...SPELLINGS, ...OF_BASH].flatMap((spelling) => [spelling, `{ ${spelling}; }`, `ls; ${spelling}`]),
    ...CONSTRUCTS.flatMap((construct) => SPELLINGS.slice(0, 4).map((spelling) => put(construct, spelling))),
    ...LAUNCHED.flatMap((launched) =>
      SPELLINGS.filter((spelling) => fitsIn(launched, spelling)).map((spelling) => put(launched, spelling)),
    ),
  ];
  test.each(lines)('is found in %j', (line) => expect(decide(line)).toMatchObject({ verdict: 'block' }));

  test('is found by name, not for being unreadable, in every construct and launcher', () => {
    const missed = [...CONSTRUCTS, ...LAUNCHED]
      .map((construct) => put(construct, 'rm x'))
      .filter((line) => decide(line).pattern !== 'rm *');
    expect(missed).toEqual([]);
  });

  test('is found in every construct within every other', () => {
    const passed: string[] = [];
    let tried = 0;
    for (const outer of CONSTRUCTS)
      for (const inner of [...CONSTRUCTS, ...LAUNCHED]) {
        if (!fitsIn(outer, inner)) continue;
        const line = put(outer, put(inner, 'rm x'));
        tried++;
        if (decide(line).verdict !== 'block') passed.push(line);
      }
    for (const outer of LAUNCHED)
      for (const inner of LAUNCHED) {
        if (!fitsIn(outer, inner) || /^(?:[A-Z]|[<>2]|\.|coproc|time|eval)/.test(inner)) continue;
        const line = put(outer, put(inner, 'rm x'));
        tried++;
        if (decide(line).verdict !== 'block') passed.push(line);
      }
    expect(passed).toEqual([]);
    expect(tried).toBeGreaterThan(15_000);
  });
});

/** Around a whole line, and in the place of a blank or in front of a letter: what runs stays the same. */
const WRAPS = [
  '{ %\n}',
  '(%\n)',
  'if true; then\n%\nfi',
  'while :; do %\nbreak; done',
  'case a in a) %\nesac',
  'true && %',
  '! %',
  'cat <<E\n"\nE\n%',
  'f() { %\n}; f',
  '\n\n%\n',
  '%\n# x',
  'ls | %',
  'a=b; %',
  '$(%\n)',
];
const BLANKS = [' \\\n ', '\t', '  ', '$IFS', '${IFS}', ' \\\n\\\n'];
const MARKS = ["''", '""', '\\', '\\\n', '"$y"'];

describe('a line that is written in another way', () => {
  const plain = LAUNCHED.filter((one) => !/["'`\\\n#]|<<|[<>]|^(?:coproc|time|[A-Z])/.test(one)).map((one) =>
    put(one, 'rm x'),
  );
  const all = [...CONSTRUCTS, ...LAUNCHED].map((one) => put(one, 'rm x'));
  const at = (text: string, what: RegExp, nth: number, by: (found: string) => string): string => {
    const places = [...text.matchAll(what)];
    const place = places[nth % places.length];
    return place ? text.slice(0, place.index) + by(place[0]) + text.slice(place.index + place[0].length) : text;
  };
  const isStopped = (line: string) => decide(line).verdict === 'block';

  test('has no weaker verdict by quotes, blanks, continued lines and what stands around', () => {
    const blank = fc.tuple(fc.nat(), fc.constantFrom(...BLANKS));
    const mark = fc.tuple(fc.nat(), fc.constantFrom(...MARKS));
    fc.assert(
      fc.property(
        fc.constantFrom(...plain),
        fc.array(blank, { maxLength: 3 }),
        fc.option(mark),
        fc.constantFrom('%', ...WRAPS),
        (line, blanks, marked, wrap) => {
          let text = line;
          if (marked) text = at(text, /(?<=[\w/-])\w/g, marked[0], (letter) => marked[1] + letter);
          for (const [nth, by] of blanks) text = at(text, / /g, nth, () => by);
          return isStopped(wrap.replace('%', () => text));
        },
      ),
      { seed: 7, numRuns: 3_000 },
    );
  });

  test('and within others, twice', () => {
    fc.assert(
      fc.property(fc.constantFrom(...all), fc.constantFrom(...WRAPS), fc.constantFrom(...WRAPS), (line, inner, outer) =>
        isStopped(outer.replace('%', () => inner.replace('%', () => line))),
      ),
      { seed: 7, numRuns: 2_000 },
    );
  });
});

describe('under an allow list', () => {
  const all = [
    ...CONSTRUCTS.map((construct) => put(construct, 'rm x')),
    ...LAUNCHED.map((launched) => put(launched, 'rm x')),
    ...SPELLINGS,
    ...OF_BASH,
  ];
  test('none of these passes, whatever unparsable says', () => {
    const lax = compileCommandRules([CommandEntry.parse({ allow: ['ls *', 'echo *'] })], 'allow');
    expect(all.filter((line) => judgeCommand(allowing, { line }).verdict !== 'block')).toEqual([]);
    expect(all.filter((line) => judgeCommand(lax, { line }).verdict !== 'block')).toEqual([]);
  });

  test.each([
    'PATH=/tmp; ls',
    '>/etc/passwd; ls',
    '(ls) >/etc/passwd',
    '{ ls; } 2>f',
    'for PATH in /tmp; do ls; done',
    'echo ${PATH:=/tmp}',
    "$'ls' x",
  ])('nor does %j, which does more than its words', (line) =>
    expect(judgeCommand(allowing, { line }).verdict).toBe('block'),
  );

  test.each(['ls 2>&1', 'ls >/dev/null 2>/dev/null', 'ls < /dev/null', '{ ls; } 2>&1', 'ls | ls && ls; ls &'])(
    '%j passes',
    (line) => expect(judgeCommand(allowing, { line }).verdict).toBe('allow'),
  );
});
