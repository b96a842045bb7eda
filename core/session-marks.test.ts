import { expect, test } from 'vitest';
import type { SessionEntry } from './catalogue.ts';
import { sessionMarks } from './session-marks.ts';

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
