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
