import { expect, test } from 'vitest';
import type { SessionEntry } from './catalogue.ts';
import { NOTHING_COUNTED } from './recording/manifest.ts';
import { errorCount, errorWords, sessionMarks } from './session-marks.ts';

const NOW = Date.parse('2026-11-20T10:00:00.000Z');
const marks = (session: Partial<SessionEntry>) => sessionMarks(session as SessionEntry, NOW);

test.each<[Partial<SessionEntry>, string[]]>([
  [{ state: 'sealed', endedAt: '2026-11-19T10:00:00.000Z' }, []],
  [{ state: 'live' }, []],
  [{ state: 'ended', endedAt: '2026-11-20T09:59:00.000Z' }, []],
  [{ state: 'ended', endedAt: '2026-11-20T09:00:00.000Z' }, ['not proven yet']],
  [{ state: 'broken' }, ['incomplete or altered']],
  [{ state: 'broken', fault: 'segment 2 is missing' }, ['incomplete or altered: segment 2 is missing']],
  [
    { state: 'sealed', contradicted: ['email'], breakGlass: true, exempt: 'dumps' },
    ['row changed', 'glass broken', 'not recorded'],
  ],
])('%j is marked %j', (session, expected) => expect(marks(session)).toEqual(expected));

test.each<[Partial<SessionEntry>, errors: number, string, string[]]>([
  [{ protocol: 'postgres', state: 'sealed' }, 0, '0', []],
  [{ protocol: 'mysql', state: 'sealed' }, 2, '2', ['2 failed']],
  // An earlier release indexed it: a database's sessions have no commands to be counted.
  [{ protocol: 'postgres', state: 'live', failedCommands: 0 }, 1, '1', ['1 failed']],
  [{ protocol: 'ssh', state: 'sealed', failedCommands: 0 }, 0, '0', []],
  [{ protocol: 'ssh', state: 'sealed', failedCommands: 3 }, 0, '3', ['3 failed']],
  [{ protocol: 'ssh', state: 'live', failedCommands: 1200 }, 1, '1201', ['1,200 failed', '1 refused']],
  [{ protocol: 'ssh', state: 'sealed' }, 1, '1+', ['0+ failed', '1 refused']],
  // What is damaged is never counted through, and the list says that it is damaged.
  [{ protocol: 'ssh', state: 'broken' }, 1, '1', ['1 refused']],
])('of %j with %d errors counted: %s', (session, errors, number, words) => {
  const whole = { ...session, counts: { ...NOTHING_COUNTED, errors } } as SessionEntry;
  expect(errorCount(whole)).toBe(number);
  expect(errorWords(whole)).toEqual(words);
});
