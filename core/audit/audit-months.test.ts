import { expect, test } from 'vitest';
import { AUDIT_GENESIS, type AuditEntry, chainAuditEntry } from './audit.ts';
import { encodeAuditPiece } from './audit-archive.ts';
import { type AuditMonth, calendarMonth, monthClosed, monthIn, monthRoot, wrongWithMonth } from './audit-months.ts';
import { verifyAuditCopy } from './audit-proof.ts';

const AT = '2026-11-30T23:59:59.999Z';

/** Two months of three entries, each closed by a line. `change` is what the second line says instead. */
async function twoMonths(
  change: Partial<AuditMonth> = {},
  details?: (line: AuditEntry['details']) => AuditEntry['details'],
) {
  const entries: AuditEntry[] = [];
  const months: AuditMonth[] = [];
  for (const name of ['2026-10', '2026-11']) {
    const first = (months.at(-1)?.last ?? 0) + 1;
    while (entries.length < first + 3)
      entries.push(
        await chainAuditEntry(entries.at(-1), { kind: 'grant.issued', actor: 'a', object: 'o', details: {} }, AT),
      );
    const last = entries.at(-1)?.sequence ?? 0;
    const line = {
      ...{ name, first, last, head: entries[last - 1]?.digest ?? '' },
      ...{ previous: entries[first - 1]?.previous ?? '', before: months.at(-1)?.root ?? AUDIT_GENESIS },
      ...(months.length > 0 && change),
    };
    const month = { ...line, root: change.root && months.length > 0 ? change.root : await monthRoot(line) };
    const closed = monthClosed(month, '');
    const said = months.length > 0 && details ? { ...closed, details: details(closed.details) } : closed;
    months.push(month);
    entries.push(await chainAuditEntry(entries.at(-1), said, AT));
  }
  const { name, bytes } = encodeAuditPiece(entries);
  return { months, entries, report: await verifyAuditCopy({ names: [name], read: async () => bytes }) };
}

test('lines of the root chain follow each other, and end with entries that are there', async () => {
  const { months, entries, report } = await twoMonths();
  expect(await wrongWithMonth(months[0] as AuditMonth, undefined)).toBeUndefined();
  expect(await wrongWithMonth(months[1] as AuditMonth, months[0])).toBeUndefined();
  expect(report).toMatchObject({ proven: true, closed: { month: '2026-11', through: months[1]?.last, signed: false } });
  expect(entries.filter((entry) => monthIn(entry)).length).toBe(2);
  expect(calendarMonth(AT)).toBe('2026-11');
});

test.each<[string, Partial<AuditMonth>]>([
  ['another first entry', { first: 2 }],
  ['another last entry', { last: 7 }],
  ['another head', { head: 'a'.repeat(64) }],
  ['another entry before', { previous: 'b'.repeat(64) }],
  ['another root before', { before: 'c'.repeat(64) }],
  ['another root', { root: 'd'.repeat(64) }],
])('a line with %s is a fault', async (_what, change) => {
  expect((await twoMonths(change)).report.faults).toMatchObject([{ reason: 'month_differs' }]);
});

test('a line that is none is a fault', async () => {
  const { report } = await twoMonths({}, ({ head: _, ...rest }) => rest);
  expect(report.faults).toMatchObject([{ reason: 'month_differs' }]);
});
