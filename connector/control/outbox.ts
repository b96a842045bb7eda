// Reports that the edge has not acknowledged yet. All but refused attempts stand in a file too, so
// that witnessed heads and sessions' ends outlive a crash of the connector.
//
// The file is lines of JSON, appended: {"seq":7,"report":{...}} and {"acknowledged":7}. A crash can
// cut the last line; it is dropped on the next start, when the file is also written anew without
// what was acknowledged. An acknowledgement that is lost costs a repeated report, which the edge
// takes as idempotent.
//
// Numbers only grow, also across starts, although attempts take numbers and are not in the file:
// before numbers are given out, a line {"reserved":N} says that none up to N is free, and a start
// begins above it. The clock is a second guard, for a directory that was lost.

import { closeSync, fdatasync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { Reported, type Report } from '../../core/control.ts';
import { writeAtomically } from '../state/atomic-file.ts';

/** Refused attempts kept while the edge is away; then the oldest go first, and their number is reported. */
export const MAX_KEPT_ATTEMPTS = 1_000;
/** Lines no longer needed before the file is written anew. */
const COMPACT_AFTER_DEAD_LINES = 2_000;

/** Numbers reserved by one line, hence numbers that a start may leave unused. */
const RESERVED_AT_ONCE = 1_000_000;

const Line = z.union([
  z.strictObject({ reserved: z.number().int() }),
  Reported.pick({ seq: true, report: true }).strict(),
  z.strictObject({ acknowledged: z.number().int() }),
]);

interface KeptReport {
  readonly seq: number;
  readonly report: Report;
}

export interface Outbox {
  add(report: Report): KeptReport;
  acknowledge(seq: number): void;
  /** Unacknowledged reports with a number above `after`, in order, at most `limit`. */
  next(after: number, limit: number): readonly KeptReport[];
  readonly size: number;
  /** Attempts dropped since the last call; then zero again. */
  takeDropped(): number;
  close(): void;
}

interface OutboxOptions {
  /** The state directory. */
  readonly directory: string;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** The file could not be written, or was damaged: `message` is for the operator. Reports are kept in memory then. */
  readonly onFault: (message: string) => void;
}

export function openOutbox(options: OutboxOptions): Outbox {
  const path = join(options.directory, 'outbox.ndjson');
  const now = options.now ?? Date.now;
  // In order of seq, since numbers only grow and a Map keeps the order of insertion.
  const kept = new Map<number, KeptReport>();
  const attempts = new Set<number>();
  let dropped = 0;
  let deadLines = 0;
  let file: number | undefined;
  let syncing = false;
  let syncAgain = false;
  let failed = false;

  const found = readInto(path, kept);
  let lastSeq = Math.max(now() * 1000, found.reserved, ...[...kept.keys()].slice(-1));
  let reserved = lastSeq + RESERVED_AT_ONCE;
  if (found.damaged > 0) options.onFault(`${path}: ${found.damaged} damaged lines were dropped`);
  compact();

  function compact(): void {
    deadLines = 0;
    try {
      if (file !== undefined) closeSync(file);
      file = undefined;
      const lines = [...kept.values()].filter(isDurable).map(lineOf);
      writeAtomically(path, `{"reserved":${reserved}}\n${lines.join('')}`);
      file = openSync(path, 'a', 0o600);
      failed = false;
    } catch (error) {
      fault(error);
    }
  }

  function append(line: string): void {
    if (file === undefined) {
      compact();
      return;
    }
    try {
      writeSync(file, line);
      sync();
    } catch (error) {
      // A short write may have left half a line: write the whole anew at the next report.
      closeSync(file);
      file = undefined;
      fault(error);
    }
  }

  /** One fdatasync at a time, off the event loop: a power failure loses what the last moments reported. */
  function sync(): void {
    if (syncing || file === undefined) {
      syncAgain = true;
      return;
    }
    syncing = true;
    syncAgain = false;
    fdatasync(file, () => {
      syncing = false;
      if (syncAgain) sync();
    });
  }

  function fault(error: unknown): void {
    if (failed) return;
    failed = true;
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    options.onFault(`${path} cannot be written (${code}): reports are kept in memory until it can`);
  }

  return {
    add(report) {
      lastSeq++;
      if (lastSeq > reserved) {
        reserved = lastSeq + RESERVED_AT_ONCE;
        append(`{"reserved":${reserved}}\n`);
      }
      const entry = { seq: lastSeq, report };
      kept.set(entry.seq, entry);
      if (isDurable(entry)) append(lineOf(entry));
      else attempts.add(entry.seq);
      const [oldest] = attempts;
      if (attempts.size > MAX_KEPT_ATTEMPTS && oldest !== undefined) {
        attempts.delete(oldest);
        kept.delete(oldest);
        dropped++;
      }
      return entry;
    },
    acknowledge(seq) {
      const entry = kept.get(seq);
      if (entry === undefined) return;
      kept.delete(seq);
      if (attempts.delete(seq)) return;
      deadLines += 2;
      if (deadLines > COMPACT_AFTER_DEAD_LINES && deadLines > 2 * kept.size) compact();
      else append(`{"acknowledged":${seq}}\n`);
    },
    next(after, limit) {
      const out: KeptReport[] = [];
      for (const entry of kept.values()) {
        if (out.length === limit) break;
        if (entry.seq > after) out.push(entry);
      }
      return out;
    },
    get size() {
      return kept.size;
    },
    takeDropped() {
      const count = dropped;
      dropped = 0;
      return count;
    },
    close() {
      compact();
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };
}

const isDurable = (entry: KeptReport): boolean => entry.report.kind !== 'attempt.refused';
const lineOf = (entry: KeptReport): string => `${JSON.stringify(entry)}\n`;

/** Fills `kept` from the file; says how many whole lines could not be read, and the highest number reserved. */
function readInto(path: string, kept: Map<number, KeptReport>): { damaged: number; reserved: number } {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return { damaged: 0, reserved: 0 };
  }
  let damaged = 0;
  let reserved = 0;
  // What follows the last line ending was cut by a crash.
  for (const raw of text.split('\n').slice(0, -1)) {
    let json: unknown;
    try {
      json = JSON.parse(raw);
    } catch {
      damaged++;
      continue;
    }
    const line = Line.safeParse(json);
    if (!line.success) damaged++;
    else if ('reserved' in line.data) reserved = Math.max(reserved, line.data.reserved);
    else if ('acknowledged' in line.data) kept.delete(line.data.acknowledged);
    else kept.set(line.data.seq, line.data);
  }
  return { damaged, reserved };
}
