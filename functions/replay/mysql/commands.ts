// What a client of MySQL or MariaDB asked, read from its recorded bytes: how the target answers, in the order of the answers.
//
//   int<3> length | int<1> number | int<1> command ...      the number of a command is 0; of a login's packets and a file's it goes on
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase.html

import { z } from 'zod';
import { fitting, KeptBytes, keptBytes, StateMisfit } from '../../checkpoints.ts';
import { MysqlAnswerShape } from './answer.ts';

const HEADER_BYTES = 4;
const FULL_PACKET = 0xffffff;
/** Command, and the id of a prepared statement. */
const KEPT_BYTES = 5;
/** Far above what clients send ahead. */
const MAX_ASKED = 100_000;

export const MysqlRequest = z.object({
  /** `none`: it has no answer. */
  shape: z.union([MysqlAnswerShape, z.literal('none')]),
  /** Of the prepared statement that it names. */
  prepared: z.number().optional(),
  /** Cursors that are closed with it: of its statement, or of every one. */
  closes: z.literal(['one', 'all']).optional(),
  /** A login follows in packets of the gateway's. */
  login: z.literal(true).optional(),
});
export type MysqlRequest = z.infer<typeof MysqlRequest>;

const CommandsState = z.object({
  asked: z.array(MysqlRequest).max(MAX_ASKED),
  ...{ header: KeptBytes, packetBytes: z.number(), left: z.number(), continued: z.boolean() },
  ...{ start: KeptBytes, file: z.boolean() },
});

const SHAPES: ReadonlyMap<number, MysqlRequest['shape']> = new Map([
  [0x03, 'text'],
  [0x04, 'columns'],
  [0x16, 'prepared'],
  [0x17, 'binary'],
  [0x1c, 'fetched'],
]);
const COM_QUIT = 0x01;
const COM_CHANGE_USER = 0x11;
const COM_STMT_EXECUTE = 0x17;
const COM_STMT_SEND_LONG_DATA = 0x18;
const COM_STMT_CLOSE = 0x19;
const COM_STMT_RESET = 0x1a;
const COM_STMT_FETCH = 0x1c;
const COM_RESET_CONNECTION = 0x1f;
const UNANSWERED = new Set([COM_QUIT, COM_STMT_SEND_LONG_DATA, COM_STMT_CLOSE]);
/** They name a prepared statement, whose cursor all but the last close. */
const OF_STATEMENT = new Set([COM_STMT_EXECUTE, COM_STMT_CLOSE, COM_STMT_RESET, COM_STMT_FETCH]);

export class MysqlCommands {
  readonly #asked: MysqlRequest[];
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #packetBytes = 0;
  #left = 0;
  #continued = false;
  readonly #start = Buffer.alloc(KEPT_BYTES);
  #startBytes = 0;
  /** The next packets are a file, up to an empty one. */
  #file = false;

  /** `asked`: before, and not answered yet. */
  constructor(asked: readonly MysqlRequest[] = []) {
    this.#asked = [...asked];
  }

  state(): z.input<typeof CommandsState> {
    return {
      asked: [...this.#asked],
      header: keptBytes(this.#header.subarray(0, this.#headerBytes)),
      ...{ packetBytes: this.#packetBytes, left: this.#left, continued: this.#continued },
      start: keptBytes(this.#start.subarray(0, this.#startBytes)),
      file: this.#file,
    };
  }

  /** Throws StateMisfit. */
  resume(saved: unknown): void {
    const { asked, header, packetBytes, left, continued, start, file } = fitting(CommandsState, saved);
    if (header.length > HEADER_BYTES || start.length > KEPT_BYTES || left > packetBytes)
      throw new StateMisfit('it is no place in a packet');
    this.#asked.splice(0, Infinity, ...asked);
    this.#header.set(header);
    this.#start.set(start);
    [this.#headerBytes, this.#startBytes] = [header.length, start.length];
    [this.#packetBytes, this.#left, this.#continued, this.#file] = [packetBytes, left, continued, file];
  }

  /** The first that is neither answered nor passed. */
  get head(): MysqlRequest | undefined {
    return this.#asked[0];
  }

  /** How many are there from the head on. */
  get waiting(): number {
    return this.#asked.length;
  }

  /** The head is answered, or has no answer. */
  pass(): void {
    this.#asked.shift();
  }

  sendsFile(): void {
    this.#file = true;
  }

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#headerBytes < HEADER_BYTES) {
        this.#header[this.#headerBytes++] = chunk[at++] as number;
        if (this.#headerBytes < HEADER_BYTES) continue;
        this.#packetBytes = this.#header.readUIntLE(0, 3);
        this.#left = this.#packetBytes;
      } else {
        const part = chunk.subarray(at, at + this.#left);
        const kept = part.subarray(0, KEPT_BYTES - this.#startBytes);
        this.#start.set(kept, this.#startBytes);
        this.#startBytes += kept.length;
        this.#left -= part.length;
        at += part.length;
      }
      if (this.#left === 0) this.#packet();
    }
  }

  #packet(): void {
    this.#headerBytes = 0;
    const continued = this.#continued;
    this.#continued = this.#packetBytes === FULL_PACKET;
    if (this.#continued && continued) return;
    if (this.#file) {
      if (this.#packetBytes === 0) this.#file = false;
      this.#continued = false;
    } else if (!continued && this.#header[3] === 0 && this.#startBytes > 0) this.#command();
    this.#startBytes = 0;
  }

  #command(): void {
    const command = this.#start[0] as number;
    if (this.#asked.length >= MAX_ASKED) return;
    const named = OF_STATEMENT.has(command) && this.#startBytes === KEPT_BYTES;
    const closes =
      command === COM_CHANGE_USER || command === COM_RESET_CONNECTION
        ? 'all'
        : named && command !== COM_STMT_FETCH
          ? 'one'
          : undefined;
    const shape = UNANSWERED.has(command) ? 'none' : (SHAPES.get(command) ?? 'single');
    if (shape === 'none' && closes === undefined) return;
    this.#asked.push({
      shape,
      ...(named && { prepared: this.#start.readUInt32LE(1) }),
      ...(closes && { closes }),
      ...(command === COM_CHANGE_USER && { login: true }),
    });
  }
}
