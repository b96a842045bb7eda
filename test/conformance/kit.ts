// What a protocol brings to the suite: how its client and its target talk.

import type { Duplex } from 'node:stream';
import type { SessionRules } from '../../core/policy/session-rules.ts';
import type { ProtocolName } from '../../core/protocols.ts';
import type { Protocol } from '../../connector/protocol.ts';
import type { MemoryRecording } from '../harness/memory-log.ts';

/** A target that does what its kit tells it, and shows what reached it. */
export interface KitTarget<Upstream> {
  readonly upstream: Upstream;
  /** Connections that came, ever. */
  readonly connections: number;
  /** Connections that are open. */
  readonly open: number;
  /** What clients asked for, behind logins. */
  received(): Buffer;
  /** While false it takes connections and answers no login. */
  logsIn: boolean;
  /** While false it answers nothing; what it owes comes when it is true again. */
  answers: boolean;
  /** It sends this to every client, as an answer that nobody asked for, as often as it is taken; resolves when no more is. */
  flood(): Promise<void>;
  close(): Promise<void>;
}

/** A client that is in. */
export interface KitClient {
  /** Asks for something, without waiting. `lane`: which of its channels, for protocols that have some. */
  act(what: 'allowed' | 'blocked' | 'held', lane?: number): void;
  /** The next answer on that channel. */
  answer(lane?: number): Promise<'done' | 'refused'>;
  /** Everything that it was told in the gateway's own words. */
  told(): string;
  /** Bytes that came, of whatever kind, since it was in. */
  receivedBytes(): number;
  /** Bytes that mean nothing in the protocol. */
  sendGarbage(): void;
  pause(): void;
  /** Resolves when the gateway closed the connection. */
  closed(): Promise<void>;
  hangUp(): void;
}

export interface ProtocolKit<Upstream> {
  readonly name: ProtocolName;
  readonly protocol: () => Protocol<Upstream>;
  /** How many channels its client uses. */
  readonly lanes: number;
  /** The protocol has no room for words before an answer. */
  readonly silentWhileHeld?: boolean;
  /** The rules under which `blocked` is blocked and `held` waits for an approval of `dba`. */
  readonly rules: Partial<SessionRules>;
  startTarget(): Promise<KitTarget<Upstream>>;
  /** Logs in over the stream. A string: why it was not let in. */
  logIn(stream: Duplex, claim: { email: string; resource: string; secret: string }): Promise<KitClient | string>;
  dial(port: number): Promise<Duplex>;
  /** The bytes that a client sends to ask for it, as they are recorded and forwarded. */
  readonly wire: Readonly<Record<'allowed' | 'blocked' | 'held', Buffer>>;
  /** Whether it is recorded that the client asked for it, on that lane or on any: among the client's bytes unless said otherwise. */
  asked?(recording: MemoryRecording, what: 'allowed' | 'blocked' | 'held', lane?: number): boolean;
}
