import { expect, it } from 'vitest';
import type { ReplayEvent } from '../catalogue.ts';
import { byStatement } from './by-statement.ts';

const statement = (n: number): ReplayEvent => ({ kind: 'statement', timeUs: n, statement: n, text: `s${n}` });
const rows = (n: number): ReplayEvent => ({ kind: 'rows', timeUs: n, statement: n, columns: [], rows: [], omitted: 0 });
const result = (n: number, suspended = false): ReplayEvent => ({
  ...{ kind: 'result', timeUs: n, statement: n, tags: [], rows: 0, bytes: 0, durationUs: 0 },
  ...(suspended && { suspended }),
});
const notice = (n?: number): ReplayEvent => ({
  ...{ kind: 'notice', timeUs: 0, severity: 'NOTICE', message: '' },
  ...(n !== undefined && { statement: n }),
});
const ended: ReplayEvent = { kind: 'ended', timeUs: 9, reason: 'client_closed', message: '' };

async function shown(...events: ReplayEvent[]): Promise<string[]> {
  async function* all() {
    yield* events;
  }
  const seen: string[] = [];
  for await (const event of byStatement(all()))
    seen.push(`${event.kind}${'statement' in event && event.statement !== undefined ? ` ${event.statement}` : ''}`);
  return seen;
}

it('puts the answers of a pipeline below their own statements', async () => {
  expect(
    await shown(statement(1), statement(2), notice(2), statement(3), rows(1), result(1), rows(2), result(2), result(3)),
  ).toEqual([
    ...['statement 1', 'rows 1', 'result 1', 'statement 2', 'notice 2', 'rows 2', 'result 2'],
    ...['statement 3', 'result 3'],
  ]);
});

it('leaves what is in order as it is, at once', async () => {
  const events = [statement(1), notice(), rows(1), result(1), notice(), statement(2), result(2), notice(1), ended];
  expect(await shown(...events)).toEqual([
    ...['statement 1', 'notice', 'rows 1', 'result 1', 'notice', 'statement 2', 'result 2', 'notice 1', 'ended'],
  ]);
});

it('shows a later part of a statement by itself', async () => {
  expect(
    await shown(statement(1), result(1, true), statement(2), statement(3), result(2), rows(1), result(3), result(1)),
  ).toEqual([
    ...['statement 1', 'result 1', 'statement 2', 'result 2', 'statement 3', 'result 3', 'rows 1', 'result 1'],
  ]);
});

it('holds nothing back for good', async () => {
  expect(await shown(statement(1), statement(2), result(2), notice(), ended)).toEqual([
    ...['statement 1', 'statement 2', 'result 2', 'notice', 'ended'],
  ]);
  expect(await shown(statement(1), statement(2))).toEqual(['statement 1', 'statement 2']);
  const many = Array.from({ length: 3_000 }, (_, index) => statement(index + 1));
  expect(await shown(...many)).toHaveLength(3_000);
});

it('holds nothing back behind rows that were fetched after their statement was answered', async () => {
  const fetched = { ...rows(1), fetched: true } as ReplayEvent;
  // A notice of nobody's shows what waits.
  expect(await shown(statement(1), result(1), fetched, notice(), statement(2), result(2), ended)).toEqual([
    ...['statement 1', 'result 1', 'rows 1', 'notice', 'statement 2', 'result 2', 'ended'],
  ]);
  // In the middle of another's answer they wait for its end.
  expect(await shown(statement(1), result(1), statement(2), fetched, rows(2), result(2), statement(3))).toEqual([
    ...['statement 1', 'result 1', 'statement 2', 'rows 2', 'result 2', 'rows 1', 'statement 3'],
  ]);
  const order: string[] = [];
  async function* live() {
    for (const event of [statement(1), result(1), fetched, statement(2), result(2)]) {
      order.push('came');
      yield event;
    }
  }
  for await (const event of byStatement(live())) order.push(event.kind);
  expect(order).toEqual(['came', 'statement', 'came', 'result', 'came', 'rows', 'came', 'statement', 'came', 'result']);
});
