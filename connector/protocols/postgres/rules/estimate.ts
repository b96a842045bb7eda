// What the target expects of a statement that waits for an approval: rows and cost of a plain EXPLAIN,
// asked over a connection of its own. Never ANALYZE: nothing is run.
//
// EXPLAIN plans, and a planner evaluates immutable functions of constants and inlines others. So only
// texts are sent whose functions are all known to be cheap and to do nothing else; in a transaction
// that is read only, short, waits for no lock, and is rolled back. What stays: operators, types and
// views of the database's own may hide functions of its own, which planning may evaluate too.
//
// Every failure is no estimate, and never a reason for anything else. Names are looked up on the
// search path of that connection, so under another path the plan may be of another table, or fail.

import { z } from 'zod';
import type { Refusal } from '../../../../core/refusal.ts';
import type { Result } from '../../../../core/result.ts';
import { CONFORMING, type PgParser, summarizePostgres } from '../../../../core/sql/postgres/postgres.ts';
import { everyStatement } from '../../../../core/sql/statement.ts';
import { ByteReader } from '../../../net/byte-reader.ts';
import type { ActionToHold } from '../../../action.ts';
import { message } from '../wire/messages.ts';
import type { UpstreamConnection } from '../login/upstream.ts';

export type Estimate = NonNullable<ActionToHold['estimate']>;

/** Dials the target as the session did and logs in; `parameters` are added to the start-up packet. */
export type OpenUpstream = (
  parameters: ReadonlyMap<string, string>,
) => Promise<Result<Pick<UpstreamConnection, 'socket' | 'early'>, Refusal>>;

const STATEMENT_TIMEOUT_MS = 500;
/** The session's own transaction may hold what planning needs: then there is no estimate. */
const LOCK_TIMEOUT_MS = 100;
/** Login included: an approver's notice waits for this. */
const DEADLINE_MS = 2_000;
const MAX_TEXT_CHARACTERS = 100_000;
/** A plan of a thousand nodes has a few hundred kilobytes. */
const MAX_ANSWER_BYTES = 2 * 1024 * 1024;

const ESTIMABLE: ReadonlySet<string> = new Set(['select', 'insert', 'update', 'delete', 'merge']);
/** Cheap whatever their arguments: none makes much of little, as repeat and generate_series do. */
const HARMLESS: ReadonlySet<string> = new Set(
  `abs any_value array_agg array_length avg bool_and bool_or cardinality ceil ceiling char_length character_length coalesce
   count current_date current_time current_timestamp current_user date date_part date_trunc dense_rank every extract
   first_value floor greatest json_agg jsonb_agg lag last_value lead least left length localtime localtimestamp lower
   max min mod now nullif position rank right round row_number session_user sign split_part starts_with
   statement_timestamp string_agg strpos substr substring sum transaction_timestamp trim trunc upper`.split(/\s+/),
);

/** Whether asking is harmless: one plain statement that calls nothing but what is known. */
export function isEstimable(text: string, parse: PgParser): boolean {
  if (text.length > MAX_TEXT_CHARACTERS || text.includes('\0')) return false;
  const summaries = summarizePostgres(parse, text, CONFORMING);
  if (!summaries.ok || summaries.value.length !== 1) return false;
  const [summary] = summaries.value;
  if (!summary || !ESTIMABLE.has(summary.kind)) return false;
  for (const { kind, opaque, acts, prepares, executes } of everyStatement(summary)) {
    if (!ESTIMABLE.has(kind) || opaque.length > 0 || prepares !== undefined || executes !== undefined) return false;
    for (const { function: called } of acts) {
      if (!called) continue;
      if (called.schema !== undefined && called.schema !== 'pg_catalog') return false;
      if (!HARMLESS.has(called.name)) return false;
    }
  }
  return true;
}

/** undefined: not asked, or not answered in time. Never throws; the connection is closed when it resolves. */
export async function estimate(text: string, parse: PgParser, open: OpenUpstream): Promise<Estimate | undefined> {
  if (!isEstimable(text, parse)) return undefined;
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  const opening = open(
    new Map([
      ['client_encoding', 'UTF8'],
      ['application_name', 'gatehouse estimate'],
    ]),
  );
  try {
    const opened = await beforeAbort(opening, deadline);
    if (!opened?.ok) {
      // It may still come: nobody would close it.
      if (!opened) void opening.then((late) => late.ok && late.value.socket.destroy()).catch(() => undefined);
      return undefined;
    }
    const { socket, early } = opened.value;
    try {
      if (early.length > 0) return undefined;
      socket.on('error', () => undefined);
      socket.write(questionOf(text));
      return estimateOf(await readPlan(new ByteReader(socket, deadline)));
    } finally {
      socket.destroy();
    }
  } catch {
    return undefined;
  }
}

/**
 * One write: the transaction, the question, its end. The question goes by the extended protocol, where
 * the server itself takes one statement and no more, whatever its text is.
 */
function questionOf(text: string): Buffer {
  const begin = [
    'BEGIN READ ONLY',
    `SET LOCAL statement_timeout = ${STATEMENT_TIMEOUT_MS}`,
    `SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`,
    // As it was judged.
    'SET LOCAL standard_conforming_strings = on',
  ].join('; ');
  return Buffer.concat([
    message('Q', `${begin}\0`),
    message('P', '\0', `EXPLAIN (FORMAT JSON)\n${text}\0`, Buffer.alloc(2)),
    // Portal and statement without a name; no parameters, all columns as text.
    message('B', '\0\0', Buffer.alloc(6)),
    message('E', '\0', 0),
    message('S'),
    message('Q', 'ROLLBACK\0'),
    message('X'),
  ]);
}

/** The one cell of the answer, or undefined when the server refused anything. */
async function readPlan(reader: ByteReader): Promise<string | undefined> {
  let plan: string | undefined;
  let taken = 0;
  for (let ready = 0; ready < 2; ) {
    const header = await reader.take(5);
    const type = header.toString('latin1', 0, 1);
    const length = header.readInt32BE(1);
    taken += length;
    if (length < 4 || taken > MAX_ANSWER_BYTES) return undefined;
    const body = await reader.take(length - 4);
    if (type === 'E') return undefined;
    if (type === 'Z') ready++;
    // int16 columns | int32 length | bytes
    if (type === 'D' && body.readInt16BE(0) === 1) plan = body.toString('utf8', 6, 6 + body.readInt32BE(2));
  }
  return plan;
}

const PlanNode = z.object({
  'Node Type': z.string(),
  'Plan Rows': z.number(),
  'Total Cost': z.number(),
  Plans: z.array(z.object({ 'Plan Rows': z.number(), 'Parent Relationship': z.string().optional() })).optional(),
});
const Answer = z.tuple([z.object({ Plan: PlanNode })]);

function estimateOf(plan: string | undefined): Estimate | undefined {
  if (plan === undefined) return undefined;
  const parsed = Answer.safeParse(JSON.parse(plan));
  if (!parsed.success) return undefined;
  const { 'Node Type': type, 'Plan Rows': rows, 'Total Cost': cost, Plans: below = [] } = parsed.data[0].Plan;
  if (type !== 'ModifyTable') return { rows, cost };
  // It gives out no rows of its own; what it changes is what comes from below. CTEs stand there too.
  const changed = below.filter(({ 'Parent Relationship': relation }) => relation !== 'InitPlan');
  return { rows: changed.reduce((sum, each) => sum + each['Plan Rows'], 0), cost };
}

async function beforeAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  let stop: (() => void) | undefined;
  const aborted = new Promise<undefined>((resolve) => {
    stop = () => resolve(undefined);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (stop) signal.removeEventListener('abort', stop);
  }
}
