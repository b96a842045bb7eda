import { expect, it } from 'vitest';
import { exportedBy } from './exports.ts';

it('tells two exports apart by all that changes a byte of them, and by nothing else', () => {
  for (const format of ['text', 'markdown'] as const) {
    const asked = { format, statement: 3, through: 7, all: 'true' as const };
    expect(exportedBy({ ...asked, part: 2, exact: 'true', lane: 1 })).toEqual(asked);
  }
  expect(exportedBy({ format: 'csv', statement: 3, through: 7, all: 'true' })).toEqual({ format: 'csv', statement: 3 });
});
