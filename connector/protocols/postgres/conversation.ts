// A PostgreSQL session under way. The client's messages become statements at one place, and the
// target's answers pass one place, in chunks as they come: rows are never decoded.

import type { Socket } from 'node:net';
import type { EndReason } from '../../../core/recording/facts.ts';
import { type Interpreter, Relay } from '../../net/relay.ts';
import type { Conversation, SessionRecorder, UpstreamTarget } from '../../protocol.ts';
import { type CancelKeys, cancelUpstream } from './cancel.ts';
import { FrameScanner, frameTable } from './framing.ts';
import { authenticationOk, backendKeyData } from './messages.ts';
import { farewellMessage } from './refusals.ts';
import { Statements } from './statements.ts';
import type { UpstreamConnection } from './upstream.ts';

// What may come once a session has begun. Passed: only counted. Shown: read by statements.ts.
// Everything else is refused (law 3); CopyBothResponse 'W' among it, which begins replication.
const FROM_CLIENT = frameTable('HXdcf', 'QPBEDCSF');
const FROM_TARGET = frameTable('DdcITn123sHGV', 'CENAZSt');

export interface ConversationParts {
  readonly client: Socket;
  /** What the client sent behind its login. */
  readonly early: Buffer;
  /** The client's protocol version: how long its cancel key may be. */
  readonly version: number;
  readonly upstream: UpstreamConnection;
  readonly target: UpstreamTarget;
  readonly recorder: SessionRecorder;
  readonly cancelKeys: CancelKeys;
}

/** Tells the client that it is in, and carries the session. */
export function beginConversation(parts: ConversationParts): Conversation {
  const relay = new Relay(parts.client, parts.upstream.socket, parts.recorder);
  const interpreter = new PostgresInterpreter(relay, parts);
  interpreter.greet();
  relay.begin(interpreter, parts.early);
  if (parts.upstream.early.length > 0) interpreter.fromTarget(parts.upstream.early);
  return relay;
}

class PostgresInterpreter implements Interpreter {
  readonly #relay: Relay;
  readonly #parts: ConversationParts;
  readonly #statements: Statements;
  readonly #clientFrames: FrameScanner;
  readonly #targetFrames: FrameScanner;
  readonly #key: { readonly pid: number; readonly secret: Buffer };
  #closed = false;

  constructor(relay: Relay, parts: ConversationParts) {
    const { recorder } = parts;
    this.#relay = relay;
    this.#parts = parts;
    const statements = new Statements(recorder);
    this.#statements = statements;
    this.#clientFrames = new FrameScanner(FROM_CLIENT, {
      frame: (type, bytes, start, end, length, offset) =>
        statements.clientMessage(type, bytes, start, end, length, offset),
    });
    this.#targetFrames = new FrameScanner(FROM_TARGET, {
      frame: (type, bytes, start, end, length, offset) =>
        statements.targetMessage(type, bytes, start, end, length, offset),
    });
    this.#key = parts.cancelKeys.issue(parts.version, () => this.#cancel());
  }

  /** The recording begins with what the target reports of itself. The cancel key is a secret and stays out of it. */
  greet(): void {
    this.#relay.forward('client', authenticationOk());
    this.#relay.forward('client', backendKeyData(this.#key.pid, this.#key.secret));
    this.fromTarget(this.#parts.upstream.greeting);
  }

  fromClient(chunk: Buffer): void {
    this.#parts.recorder.bytes('client', 0, chunk);
    this.#relay.forward('target', this.#clientFrames.scan(chunk));
    if (this.#clientFrames.fault !== undefined)
      this.#relay.end('protocol_fault', `The session ends: ${this.#clientFrames.fault}.`);
  }

  fromTarget(chunk: Buffer): void {
    this.#parts.recorder.bytes('target', 0, chunk);
    this.#relay.forward('client', this.#targetFrames.scan(chunk));
    if (this.#targetFrames.fault !== undefined)
      this.#relay.end('protocol_fault', `The session ends, for what the database sent: ${this.#targetFrames.fault}.`);
  }

  farewell(reason: EndReason, message: string): Buffer | undefined {
    return this.#targetFrames.betweenMessages ? farewellMessage(reason, message) : undefined;
  }

  get clientLeft(): boolean {
    return this.#statements.terminated;
  }

  /** A statement that still runs would go on without anybody to take its answer, e.g. after a revocation. */
  closed(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#parts.cancelKeys.drop(this.#key);
    const { upstream, target } = this.#parts;
    if (upstream.key && this.#statements.busy) void cancelUpstream(target, upstream.key);
  }

  /** Recorded first, then carried out (law 1). */
  #cancel(): Promise<void> {
    const { recorder, target, upstream } = this.#parts;
    recorder.fact(0, { kind: 'cancel.requested' });
    return new Promise((resolve) => {
      recorder.afterCommit({
        deliver: () => resolve(upstream.key && !this.#closed ? cancelUpstream(target, upstream.key) : undefined),
        logFailed: () => resolve(),
      });
    });
  }
}
