import { expect, it } from 'vitest';
import type { ActionEntry } from '../catalogue.ts';
import { actionDocument } from './action-document.ts';

const failed = (code: string) =>
  actionDocument({
    ...{ kind: 'statement', action: 1, lane: 0, timeUs: 0, title: 'x' },
    detail: { text: 'select 1', error: { code, message: 'no such table', severity: 'ERROR' } },
  } as unknown as ActionEntry).errors;

it.each([
  ['1146 (42S02)', ['1146 (42S02)', '1146', '42S02']],
  ['42P01', ['42P01']],
])('%s is found as %j', (code, found) => {
  expect(failed(code)).toEqual(found);
});

it('of a failed statement finds what the target said beside the message', () => {
  const { texts } = actionDocument({
    ...{ kind: 'statement', action: 1, lane: 0, timeUs: 0, title: 'x' },
    detail: {
      text: 'select 1',
      error: {
        ...{ code: '23505', message: 'duplicate', severity: 'ERROR', detail: 'Key (id)=(7) already exists.' },
        ...{ hint: 'Use another.', context: 'PL/pgSQL function f() line 3' },
      },
    },
  } as unknown as ActionEntry);
  for (const words of ['Key (id)=(7) already exists.', 'Use another.', 'PL/pgSQL function f() line 3'])
    expect(texts).toContain(words);
});
