// The client's side of a session that stands under no rule: chunks are recorded and go on as they came,
// and their messages are only counted and read for facts.
//
// But for secrets (law 11): where the text of a Query or Parse may say one, or a Bind may carry one, the
// chunk's messages are taken one by one, and recorded as secret-copies.ts has them. A text that its chunk does not
// hold is collected for that as client-frames.ts says.

import type { Lane, Recorded } from '../../../door.ts';
import type { Relay } from '../../../net/relay.ts';
import { ClientFrames, type ClientMessage, type Shown } from '../wire/client-frames.ts';
import { BIND, PARSE, QUERY, readBind } from '../wire/client-messages.ts';
import { FrameScanner, frameTable, HEADER_BYTES } from '../wire/framing.ts';
import type { Secrets } from '../../../sql/found-secrets.ts';
import type { SecretCopies } from '../requests/secret-copies.ts';
import type { CopySubject } from '../requests/request-copies.ts';
import type { HiddenParameters } from '../wire/parameters.ts';
import type { Prepared } from '../pipeline/statement.ts';
import type { Fault, Statements } from '../pipeline/statements.ts';

// What may come once a session has begun. Passed: only counted. Shown: read by statements.ts.
// Everything else is refused (law 3).
const FROM_CLIENT = frameTable('HXdcf', 'QPBEDCSF');
const NOTHING = Buffer.alloc(0);

interface UnguardedClientParts {
  readonly relay: Pick<Relay, 'toTarget'>;
  readonly lane: Lane;
  readonly statements: Statements;
  /** For sessions without masks. */
  readonly copies: SecretCopies;
}

/** What a guard takes over. */
export interface Released {
  /** Bytes of the client that went on, or were recorded, before `begun`. */
  readonly position: number;
  /** The beginning of a header behind them, recorded already. */
  readonly begun: Buffer;
  /** What came behind that. */
  readonly rest: Buffer;
  /** Of what was recorded so far; undefined: nothing. */
  readonly receipt: Recorded | undefined;
}

export class UnguardedClient {
  readonly #parts: UnguardedClientParts;
  #scanner: FrameScanner;
  /** While messages are taken one by one. */
  #frames: ClientFrames | undefined;
  /** Of what passed last as it came. */
  #receipt: Recorded | undefined;
  /** A statement was prepared that takes a secret. */
  #takesSecrets = false;
  fault: Fault | undefined;

  constructor(parts: UnguardedClientParts) {
    this.#parts = parts;
    this.#scanner = this.#scannerAt(0);
  }

  take(chunk: Buffer): void {
    if (!this.#frames && !this.#mayHide(chunk)) {
      this.#receipt = this.#parts.lane.record('client', chunk);
      this.#parts.relay.toTarget(this.#scanner.scan(chunk), this.#receipt);
      this.fault ??= this.#scanner.fault;
    } else this.#takeOneByOne(chunk);
  }

  /** The next message is not for this one any more: what a message is on its way of already goes on as it began. Undefined: that is all. */
  release(chunk: Buffer): Released | undefined {
    const share = this.#frames ? Math.min(this.#frames.left, chunk.length) : this.#underWay(chunk);
    if (share > 0) this.take(chunk.subarray(0, share));
    if (share === chunk.length || this.fault !== undefined) return undefined;
    const rest = chunk.subarray(share);
    if (!this.#frames)
      return { position: this.#scanner.position, begun: this.#scanner.takeHeld(), rest, receipt: this.#receipt };
    const partial = this.#frames.takePartial();
    return {
      position: this.#frames.position,
      begun: NOTHING,
      rest: partial.length === 0 ? rest : Buffer.concat([partial, rest]),
      receipt: this.#frames.receipt,
    };
  }

  #scannerAt(position: number): FrameScanner {
    const { statements } = this.#parts;
    const frame = (type: number, bytes: Buffer, start: number, end: number, length: number, offset: number) =>
      statements.clientMessage(type, bytes, start, end, length, offset);
    return new FrameScanner(FROM_CLIENT, { frame }, position);
  }

  #underWay(chunk: Buffer): number {
    return this.#scanner.betweenMessages ? 0 : this.#scanner.missing(chunk);
  }

  /** Whether something of the chunk is perhaps not to be recorded as it came. */
  #mayHide(chunk: Buffer): boolean {
    const { held } = this.#scanner;
    if (held.length > 0 && this.#isRead(held[0] as number)) return true;
    const size = chunk.length;
    for (let at = this.#scanner.missing(chunk); at < size; ) {
      const type = chunk[at] as number;
      const end = size - at < HEADER_BYTES ? Number.POSITIVE_INFINITY : at + 1 + chunk.readInt32BE(at + 1);
      if (end < at + HEADER_BYTES) return false;
      if (this.#isRead(type)) {
        // The beginning of a header says nothing yet.
        if (end > size) return size - at >= HEADER_BYTES;
        if (
          type === BIND ? this.#bindsSecret(chunk, at, end) : this.#parts.copies.mayHide(chunk, at + HEADER_BYTES, end)
        )
          return true;
      }
      at = end;
    }
    return false;
  }

  #isRead(type: number): boolean {
    return type === QUERY || type === PARSE || (type === BIND && this.#takesSecrets);
  }

  #bindsSecret(b: Buffer, at: number, end: number): boolean {
    const start = at + HEADER_BYTES;
    const { statements } = this.#parts;
    const bind = readBind(b, start, end, end - start, statements.text);
    return bind !== undefined && this.#takingSecrets(bind.statement) !== undefined;
  }

  #takeOneByOne(chunk: Buffer): void {
    const { relay, lane, copies } = this.#parts;
    let at = 0;
    if (!this.#frames) {
      // What is on its way goes on as it began.
      at = this.#underWay(chunk);
      if (at > 0) {
        this.#receipt = lane.record('client', chunk.subarray(0, at));
        relay.toTarget(this.#scanner.scan(chunk.subarray(0, at)), this.#receipt);
        this.fault ??= this.#scanner.fault;
      }
      this.#frames = new ClientFrames(
        {
          message: (message) => this.#message(message),
          part: (type, part, _first, last) => copies.part(type, part, last),
          forward: (bytes, receipt) => relay.toTarget(bytes, receipt),
          record: (bytes) => lane.record('client', bytes),
        },
        this.#scanner.position,
        this.#scanner.takeHeld(),
        this.#receipt,
      );
      this.#frames.keepsCopies = true;
    }
    const frames = this.#frames;
    if (this.fault === undefined) frames.take(chunk.subarray(at));
    this.fault ??= frames.fault;
    if (!frames.betweenMessages) return;
    this.#scanner = this.#scannerAt(frames.position);
    this.#frames = undefined;
  }

  #message(message: ClientMessage): Shown {
    this.fault ??=
      message.type === PARSE
        ? this.#parse(message)
        : message.type === BIND
          ? this.#bind(message)
          : this.#plain(message);
    if (this.fault !== undefined) return 'last';
    this.#frames?.forward(message);
    return 'taken';
  }

  #plain(message: ClientMessage): Fault | undefined {
    const { bytes, start, end, length, offset } = this.#record(message, this.#subject);
    return this.#parts.statements.clientMessage(message.type, bytes, start, end, length, offset);
  }

  #parse(message: ClientMessage): Fault | undefined {
    const { statements } = this.#parts;
    const found: Secrets[] = [];
    const { bytes, start, end, length, offset } = this.#record(message, {
      ...this.#subject,
      told: (secrets) => found.push(secrets),
    });
    const prepared = statements.readParse(bytes, start, end, length);
    if (typeof prepared === 'string') return prepared;
    prepared.secrets = found[0];
    if (prepared.secrets) this.#takesSecrets = true;
    // Rules that come while it stands judge what the target has.
    const sent = statements.readParse(message.bytes, message.start, message.end, length);
    return statements.sendParse(
      prepared,
      offset,
      length,
      typeof sent === 'string' ? undefined : statements.unjudged(sent),
    );
  }

  #bind(message: ClientMessage): Fault | undefined {
    const { statements } = this.#parts;
    const bind = readBind(message.bytes, message.start, message.end, message.length, statements.text);
    let hidden: HiddenParameters | undefined;
    const { bytes, start, end, length, offset } = this.#record(message, {
      prepared: bind && this.#takingSecrets(bind.statement),
      hid: (parameters) => {
        hidden = parameters;
      },
    });
    const portal = statements.readBind(bytes, start, end, length, offset, hidden);
    return typeof portal === 'string' ? portal : statements.sendBind(portal);
  }

  /** Of all that the name may stand for: while the target has not answered, the one that takes secrets, or both as one. */
  #takingSecrets(name: string): Prepared | undefined {
    const { names, pipeline } = this.#parts.statements;
    const [first, ...others] = names.meanings(name, pipeline.segment).filter(({ secrets }) => secrets !== undefined);
    if (!first?.secrets || others.length === 0) return first;
    return { ...first, secrets: { ...first.secrets, parameters: 'all' } };
  }

  #record(message: ClientMessage, subject: CopySubject): ClientMessage {
    const { copies } = this.#parts;
    return (this.#frames as ClientFrames).record(message, (whole) => copies.copy(message.type, whole, subject));
  }

  get #subject(): CopySubject {
    return { backslashEscapes: !this.#parts.statements.readsConforming };
  }
}
