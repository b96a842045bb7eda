// The connection over which a target's catalogue is read: the session's own target and database, logged
// in like a session. One query at a time; each row is handed over as it comes, so that a large
// catalogue is not in memory twice. Holds nothing of a session and shows nothing to one.

import type { Socket } from 'node:net';
import { err, ok, type Result } from '../../../../core/result.ts';
import type { UpstreamTarget } from '../../../net/dial.ts';
import { type ErrorFields, message, readErrorFields } from '../wire/messages.ts';
import { logIn } from '../login/upstream.ts';
import type { CatalogueRow } from './catalogue-contents.ts';

/** One row is one relation: 1,600 columns with names of 63 letters are far less. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
/** All answers of one query. */
const MAX_ANSWER_BYTES = 512 * 1024 * 1024;

const PARAMETERS: ReadonlyMap<string, string> = new Map([
  ['application_name', 'gatehouse'],
  ['client_encoding', 'UTF8'],
]);

export interface CatalogueConnection {
  /** `row` gets each row with the number of its result, from 0. An error names no data. The connection is of no use after one. */
  query(
    text: string,
    row: (result: number, row: CatalogueRow) => void,
    deadlineMs: number,
  ): Promise<Result<undefined, string>>;
  readonly usable: boolean;
  /** What the target said of the query that failed: for operators, and for no client. */
  readonly refused: ErrorFields | undefined;
  close(): void;
}

export async function openCatalogueConnection(
  target: UpstreamTarget,
  database: string | undefined,
): Promise<Result<CatalogueConnection, string>> {
  // It outlives the session that asked for it.
  const upstream = await logIn(target, database, PARAMETERS, undefined);
  if (!upstream.ok) return err(upstream.error.message);
  return ok(connectionOver(upstream.value.socket));
}

interface Query {
  readonly row: (result: number, row: CatalogueRow) => void;
  readonly settle: (result: Result<undefined, string>) => void;
  result: number;
  bytes: number;
  fault: string | undefined;
}

function connectionOver(socket: Socket): CatalogueConnection {
  let held: Buffer = Buffer.alloc(0);
  let query: Query | undefined;
  let usable = true;
  let refused: ErrorFields | undefined;

  function lose(why: string): void {
    usable = false;
    socket.destroy();
    held = Buffer.alloc(0);
    const lost = query;
    query = undefined;
    lost?.settle(err(why));
  }

  function take(type: number, body: Buffer): void {
    if (!query) return;
    switch (type) {
      case 0x44: // D DataRow
        query.row(query.result, readRow(body));
        return;
      case 0x43: // C CommandComplete: rows belong to the SELECTs alone
        if (body.toString('latin1', 0, 7) === 'SELECT ') query.result++;
        return;
      case 0x45: {
        // E ErrorResponse. Its code alone: the words may name things.
        refused ??= readErrorFields(body);
        query.fault ??= refused.code;
        return;
      }
      case 0x5a: {
        // Z ReadyForQuery
        const done = query;
        query = undefined;
        if (done.fault === undefined) done.settle(ok(undefined));
        else {
          usable = false;
          socket.destroy();
          done.settle(err(`the catalogue could not be read (${done.fault})`));
        }
      }
    }
  }

  socket.on('data', (chunk: Buffer) => {
    try {
      if (query) query.bytes += chunk.length;
      if (query && query.bytes > MAX_ANSWER_BYTES) throw new Error('the catalogue is too large');
      const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      let at = 0;
      while (bytes.length - at >= 5) {
        const length = bytes.readInt32BE(at + 1);
        if (length < 4 || length > MAX_MESSAGE_BYTES) throw new Error('the catalogue could not be read');
        if (bytes.length - at < 1 + length) break;
        take(bytes[at] as number, bytes.subarray(at + 5, at + 1 + length));
        at += 1 + length;
      }
      held = at === bytes.length ? Buffer.alloc(0) : Buffer.from(bytes.subarray(at));
    } catch {
      lose('the catalogue could not be read');
    }
  });
  const onEnd = () => lose('the database closed the connection');
  socket.on('end', onEnd);
  socket.on('close', onEnd);
  socket.on('error', onEnd);
  socket.resume();
  // It keeps no process alive.
  socket.unref();

  return {
    get usable() {
      return usable && !query;
    },
    get refused() {
      return refused;
    },
    query(text, row, deadlineMs) {
      if (!usable || query) return Promise.resolve(err('the connection is busy or gone'));
      return new Promise((resolve) => {
        const timer = setTimeout(() => lose('the database did not answer in time'), deadlineMs);
        query = {
          row,
          result: 0,
          bytes: 0,
          fault: undefined,
          settle(result) {
            clearTimeout(timer);
            resolve(result);
          },
        };
        socket.write(message('Q', `${text}\0`));
      });
    },
    close() {
      if (usable) socket.end(message('X'));
      usable = false;
      socket.destroySoon();
    },
  };
}

/** int16 count | each: int32 length (-1: null), bytes */
export function readRow(body: Buffer): CatalogueRow {
  const row: (string | null)[] = [];
  let at = 2;
  for (let left = body.readUInt16BE(0); left > 0; left--) {
    const length = body.readInt32BE(at);
    at += 4;
    row.push(length < 0 ? null : body.toString('utf8', at, at + length));
    at += Math.max(0, length);
  }
  return row;
}
