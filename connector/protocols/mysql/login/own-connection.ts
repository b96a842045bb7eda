// A connection of the gateway's own that is kept, and what the target answers on it in full: for statements of an administrator.

import type { Socket } from 'node:net';
import { err, ok, type Result } from '../../../../core/result.ts';
import type { UpstreamTarget } from '../../../net/dial.ts';
import { type AdminConnection, type AdminFault, NO_LOGIN } from '../../../net/session-users.ts';
import { AnswerReader } from '../wire/answer-reader.ts';
import { COM_QUERY } from '../wire/commands.ts';
import { packet } from '../wire/packets.ts';
import { PayloadReader } from '../wire/values.ts';
import { logInAsGateway } from './upstream.ts';

const STATEMENT_MS = 10_000;
const COM_QUIT = 1;
const NULL_CELL = 0xfb;

type Row = readonly (string | null)[];

export class OwnConnection implements AdminConnection {
  readonly #socket: Socket;
  #usable = true;
  #asking = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('close', () => {
      this.#usable = false;
    });
    socket.on('end', () => socket.destroy());
    // It keeps no process alive.
    socket.unref();
    socket.resume();
  }

  get usable(): boolean {
    return this.#usable && !this.#asking;
  }

  /** One statement; its rows. The connection goes on after an error that the target tells. */
  async ask(text: string): Promise<Result<readonly Row[], AdminFault>> {
    if (!this.usable) return err({ message: 'the connection is gone' });
    this.#asking = true;
    const reader = new AnswerReader('text results', false);
    const rows: Row[] = [];
    const parts: Buffer[] = [];
    reader.onRow = (part) => parts.push(Buffer.from(part));
    reader.onRowEnd = () => rows.push(cellsOf(Buffer.concat(parts.splice(0))));
    const { promise, resolve } = Promise.withResolvers<void>();
    const take = (chunk: Buffer) => {
      for (let at = 0; at < chunk.length && !reader.over && reader.fault === undefined; ) at = reader.read(chunk, at);
      if (reader.over || reader.fault !== undefined) resolve();
    };
    const timer = setTimeout(resolve, STATEMENT_MS);
    this.#socket.on('data', take);
    this.#socket.once('close', resolve);
    this.#socket.write(packet(0, COM_QUERY, text));
    await promise;
    clearTimeout(timer);
    this.#socket.off('data', take);
    this.#socket.off('close', resolve);
    this.#asking = false;
    if (!reader.over) {
      this.close();
      return err({ message: 'the database closed the connection, or did not answer in time' });
    }
    if (!reader.error) return ok(rows);
    const { code, message } = reader.error;
    return err({ message: `${message} (${code})`, code: String(code) });
  }

  close(): void {
    if (this.#usable && !this.#socket.destroyed) this.#socket.end(packet(0, COM_QUIT));
    this.#usable = false;
    this.#socket.destroySoon();
  }
}

function cellsOf(row: Buffer): Row {
  const reader = new PayloadReader(row);
  const cells: (string | null)[] = [];
  while (reader.left > 0) {
    if (row[reader.at] === NULL_CELL) {
      reader.take(1);
      cells.push(null);
    } else cells.push(reader.take(reader.lengthInt()).toString('utf8'));
  }
  return cells;
}

export async function openOwnConnection(target: UpstreamTarget): Promise<Result<OwnConnection, AdminFault>> {
  // It needs none, and may not have a right to the target's.
  const opened = await logInAsGateway({ ...target, database: undefined });
  return opened.ok
    ? ok(new OwnConnection(opened.value.socket))
    : err({ message: `the administrator's login failed: ${opened.error.detail}`, code: NO_LOGIN });
}
