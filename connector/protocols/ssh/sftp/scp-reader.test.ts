import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fact } from '../../../../core/recording/facts/fact.ts';
import type { FileFact } from './file-facts.ts';
import { SpokenFiles } from './spoken-files.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** In turn: `source` and `sink` say, whichever side they are. */
type Said = readonly (readonly ['source' | 'sink', string])[];

function hear(said: Said, { uploads = true, cut = 1_000_000, digests = false, masked = false } = {}) {
  const facts: FileFact[] = [];
  let action = 1;
  const files = new SpokenFiles({
    ...{ subsystem: false, terminal: false, masked, digestsAlone: () => digests },
    ...{ tell: (fact: FileFact) => void facts.push(fact), nextAction: () => ++action, elapsedUs: () => 0 },
  });
  let recorded = '';
  const faults: string[] = [];
  for (const [who, words] of said)
    for (let at = 0; at < words.length; at += cut) {
      const part = Buffer.from(words.slice(at, at + cut), 'latin1');
      const client = (who === 'source') === uploads;
      const fault = client ? files.fromClient(part) : files.fromTarget(part);
      if (fault !== undefined) faults.push(fault);
      recorded += files.recordable(part).toString('latin1');
      part.fill(0xee);
    }
  files.end();
  return { facts, recorded, faults, note: files.note, leftOut: files.leftOut };
}

const TREE: Said = [
  ['sink', '\0'],
  ['source', 'T1700000000 0 1700000001 0\n'],
  ['sink', '\0'],
  ['source', 'D0755 0 tree\n'],
  ['sink', '\0'],
  ['source', 'C0644 5 one two\n'],
  ['sink', '\0'],
  ['source', 'hello\0'],
  ['sink', '\0'],
  ['source', '\x01scp: secret: Permission denied\n'],
  ['source', 'C0644 0 empty\n'],
  ['sink', '\0'],
  ['source', '\0'],
  ['sink', '\0'],
  ['source', 'C0600 9 refused\n'],
  ['sink', '\x01scp: refused: No space left\n'],
  ['source', 'E\n'],
  ['sink', '\0'],
];
const one = (...more: Said): Said => [['sink', '\0'], ['source', 'C0644 5 f\n'], ['sink', '\0'], ...more];

describe('the old scp', () => {
  it('is told file by file, however it is cut', () => {
    for (const cut of [1, 2, 3, 7, 1_000_000]) {
      const { facts, note, recorded } = hear(TREE, { cut });
      expect(facts).toMatchObject([
        { operation: 'make_directory', path: 'tree', attributes: { permissions: 0o755, modified: 1_700_000_000 } },
        { operation: 'open', path: 'tree/one two', flags: ['write', 'create', 'truncate'] },
        { action: 3, path: 'tree/one two', direction: 'upload', size: 5, sha256: sha256('hello') },
        { operation: 'open', path: 'tree/empty' },
        { path: 'tree/empty', size: 0, sha256: sha256('') },
        { operation: 'open', path: 'tree/refused', error: { code: 1, message: 'scp: refused: No space left' } },
      ]);
      for (const fact of facts) {
        expect(Fact.parse(JSON.parse(JSON.stringify(fact)))).toEqual(fact);
        expect(fact).not.toHaveProperty('partial');
      }
      expect(note).toBeUndefined();
      expect(recorded).toBe(TREE.map(([, words]) => words).join(''));
    }
    expect(hear(TREE, { uploads: false }).facts).toMatchObject([
      { operation: 'list', path: 'tree' },
      { operation: 'open', flags: ['read'] },
      { direction: 'download', size: 5, sha256: sha256('hello') },
      { operation: 'open', path: 'tree/empty' },
      { size: 0 },
      // The target had it open, and the client did not want it.
      { operation: 'open', path: 'tree/refused' },
    ]);
  });

  it('of which digests alone are kept is recorded without the content', () => {
    const { recorded, leftOut } = hear(TREE, { digests: true, cut: 3 });
    expect(recorded).toBe(TREE.map(([, words]) => words.replace('hello', '*****')).join(''));
    expect(leftOut).toContain('5 bytes');
  });

  it.each<[string, Said, boolean, object]>([
    ['cut off within', one(['source', 'hel']), true, { size: 0, partial: ['not_closed', 'unanswered'] }],
    [
      'cut off before it was acknowledged',
      one(['source', 'hello\0']),
      true,
      { size: 0, partial: ['not_closed', 'unanswered'] },
    ],
    [
      'cut off on its way here',
      one(['source', 'hel']),
      false,
      { size: 3, sha256: sha256('hel'), partial: ['not_closed', 'end_not_seen'] },
    ],
    [
      'that could not be read',
      one(['source', 'hel\0\0\x01scp: f: I/O error\n'], ['sink', '\0']),
      false,
      { partial: ['read_failed'] },
    ],
    [
      'that could not be written',
      one(['source', 'hello\0'], ['sink', '\x01scp: f: No space left\n']),
      true,
      { size: 0, partial: ['write_failed'] },
    ],
  ])('a file %s is told as that', (_, said, uploads, told) => {
    const { facts } = hear(said, { uploads });
    expect(facts.at(-1)).toMatchObject({ kind: 'file.transferred', path: 'f', ...told });
  });

  it('that does not wait, or says something else, is noted and goes on', () => {
    for (const [said, words] of [
      [
        [
          ['sink', '\0'],
          ['source', `C0644 5 f\n${'x'.repeat(70_000)}`],
        ],
        'does not wait',
      ],
      [one(['source', `hello\0C0644 5 g\n${'x'.repeat(70_000)}`]), 'does not wait'],
      [one(['source', 'hello\0'], ['sink', '\0'], ['source', 'rm -rf /\n']), 'not understood'],
      [one(['source', 'hello\0'], ['sink', 'what?']), 'not understood'],
      [
        [
          ['sink', '\0'],
          ['source', 'C0644 5 ..\n'],
        ],
        'none may be named',
      ],
      [one(['source', 'hello\0'], ['sink', '\0'], ['source', `C${'0'.repeat(9000)}`]), 'longer than any'],
    ] as const)
      expect(hear(said).note).toContain(words);
  });

  it('is none where the sides do not both begin so', () => {
    for (const said of [
      [
        ['source', 'C0644 5 f\n'],
        ['sink', 'what is that?\n'],
      ],
      [
        ['sink', '\0'],
        ['source', 'Connected\n'],
      ],
      [
        ['source', 'hello'],
        ['sink', '\0'],
      ],
    ] satisfies Said[])
      expect(hear(said)).toMatchObject({ facts: [], note: undefined });
  });

  it('ends under masks, whoever sends', () => {
    for (const uploads of [true, false])
      expect(hear(TREE, { uploads, masked: true }).faults).toEqual([expect.stringContaining('under masks')]);
  });

  it('whatever is said, nothing is thrown', () => {
    const words = fc.oneof(
      fc.constantFrom(...TREE.map(([, said]) => said), 'hel', '\0\0', '\x02over\n', 'C0644 99999999999999999999 f\n'),
      fc.string({ maxLength: 20 }),
    );
    const said = fc.array(fc.tuple(fc.constantFrom('source' as const, 'sink' as const), words), { maxLength: 30 });
    fc.assert(
      fc.property(said, fc.nat(9), (all, cut) => {
        for (const fact of hear([['sink', '\0'], ...all], { cut: cut + 1, digests: cut % 2 === 0 }).facts)
          expect(Fact.parse(JSON.parse(JSON.stringify(fact)))).toEqual(fact);
      }),
      { numRuns: 500 },
    );
  });
});
