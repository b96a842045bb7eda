// Two streams and a lane: what comes from one is shown to the protocol, recorded, and goes on to
// the other after the commit of that turn (law 1). Knows nothing of any protocol.
//
// Back-pressure: a side is read only while the other's unsent bytes and the log's uncommitted ones
// are below their marks, so a slow reader slows the writer all the way.

import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { EndReason } from '../../core/recording/facts/session.ts';
import type { ForClient } from '../../core/masking/masked.ts';
import type { Conversation, ConversationEnd, Delivery, Lane, LogFault, Recorded } from '../door.ts';
import { giveBack, readInto } from './kept-buffer.ts';

/** Unsent bytes towards one side above which the other is not read. */
const MAX_UNSENT_BYTES = 128 * 1024;
/** How long a side may take to read what is left for it after the other closed. Counted from its last progress. */
const LINGER_MS = 5_000;
/** How long a client may take to close once it has been sent the gateway's farewell. */
const FAREWELL_MS = 500;

const FAILED =
  'The gateway failed while it worked on this session. Connect again, and tell an administrator if it stays so.';

const UNRECORDED =
  'The gateway cannot record this session any more, so it ends; what ran last may not have taken effect. Tell an administrator.';

/** The protocol's view of the bytes. It records them and says what goes on, in order. */
export interface Interpreter {
  /**
   * A chunk came. Must record all of it before anything of it goes on, and keep no view of it afterwards: once its
   * parts are sent the memory is used again. All parts that go on are handed on in this call.
   */
  fromClient(chunk: Buffer): void;
  fromTarget(chunk: Buffer): void;
  /** The client sends no more. Called once, or twice: at its end and at its close. */
  clientEnded(): void;
  /** What the client sent last waits to be decided, so the target is not told yet that it was the last. */
  readonly clientWaits: boolean;
  /** What the target sent last is kept until more is known: no more of it is read, and its end is not passed on. */
  readonly targetWaits: boolean;
  /** So much of the client waits that no more of it is read. */
  readonly clientFull: boolean;
  /**
   * What to tell the client when the gateway ends the session; undefined where it would cut a message in two.
   * `takeBack` has so many bytes, the last that were handed on to the client, not sent; false when they are on their way.
   */
  farewell(reason: EndReason, message: string, takeBack: (bytes: number) => boolean): Buffer | undefined;
  /** What was handed on to the client last ends within a message. */
  readonly midMessage: boolean;
  /** The client said that it is leaving, so the target's closing is no surprise. */
  readonly clientLeft: boolean;
  /** The target works on what the client asked for, and the client has nothing to do but to wait. */
  readonly working: boolean;
  /** Both sides are closed, or about to be: what belongs to the session alone is let go. */
  closed(): void;
}

type Side = 'client' | 'target';

export class Relay implements Conversation, Delivery {
  readonly ended: Promise<ConversationEnd>;
  #client: Duplex;
  #target: Duplex;
  readonly #lane: Lane;
  #interpreter: Interpreter | undefined;
  #toClient: Buffer[] = [];
  #toTarget: Buffer[] = [];
  #registered = false;
  #clientEnded = false;
  #targetEnded = false;
  #clientPaused = false;
  #targetPaused = false;
  /** Set by whatever ends the session first. */
  #outcome: ConversationEnd | undefined;
  /** Its sockets say when they are closed. */
  #begun = false;
  /** The gateway ends the session: nothing is read any more, the client gets its farewell. */
  #ending = false;
  /** What the client was sent ends within a message, so nothing of ours may follow it. */
  #sentPart = false;
  #linger: NodeJS.Timeout | undefined;
  #activeAt = performance.now();
  #resolve: (outcome: ConversationEnd) => void = () => {};

  constructor(client: Duplex, target: Duplex, lane: Lane) {
    this.#client = client;
    this.#target = target;
    this.#lane = lane;
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Starts reading both sides. `early`: what the client sent before it was let in. */
  begin(interpreter: Interpreter, early: Buffer): void {
    this.#interpreter = interpreter;
    this.#client = readInto(this.#client, (chunk) => this.#fromClient(chunk));
    this.#target = readInto(this.#target, (chunk) => this.#fromTarget(chunk));
    const client = this.#client;
    const target = this.#target;
    this.#begun = true;
    client.on('end', () => this.contain(() => this.#onEnd('client')));
    target.on('end', () => this.contain(() => this.#onEnd('target')));
    client.on('drain', () => this.contain(() => this.#regulate()));
    target.on('drain', () => this.contain(() => this.#regulate()));
    client.on('close', () => this.#onClose('client'));
    target.on('close', () => this.#onClose('target'));
    if (client.destroyed) this.#onClose('client');
    if (target.destroyed) this.#onClose('target');
    if (early.length > 0) this.#fromClient(early);
    if (!this.#clientPaused) client.resume();
    if (!this.#targetPaused) target.resume();
  }

  /** Hands `bytes` on to the target after this turn's commit. They stay unchanged. */
  toTarget(bytes: Buffer, _receipt: Recorded): void {
    this.#forward(this.#toTarget, bytes);
  }

  /** The same towards the client: masked, or touched by no rule. */
  toClient(bytes: Buffer & ForClient, _receipt: Recorded): void {
    this.#forward(this.#toClient, bytes);
  }

  #forward(waiting: Buffer[], bytes: Buffer): void {
    if (bytes.length === 0) return;
    const last = waiting.at(-1);
    // Parts of one chunk leave as one: a write of several buffers costs twice that of one.
    if (last?.buffer === bytes.buffer && last.byteOffset + last.length === bytes.byteOffset)
      waiting[waiting.length - 1] = Buffer.from(last.buffer, last.byteOffset, last.length + bytes.length);
    else waiting.push(bytes);
    this.#register();
  }

  /** What throws in `work` is a bug of ours. It ends this session and no other, and nothing more of it goes on. */
  contain(work: () => void): void {
    try {
      work();
    } catch (bug) {
      this.#outcome = { reason: 'protocol_fault', message: FAILED, ...this.#outcome, bug };
      try {
        if (this.#ending) this.#cut();
        else this.#end('protocol_fault', FAILED);
      } catch {
        this.#cut();
      }
      // Nobody would say that it is over.
      if (!this.#begun) {
        this.#cut();
        this.#resolve(this.#outcome);
      }
    }
  }

  end(reason: EndReason, message: string): void {
    this.contain(() => this.#end(reason, message));
  }

  #end(reason: EndReason, message: string): void {
    if (this.#ending || (this.#client.destroyed && this.#target.destroyed)) return;
    this.#ending = true;
    this.#outcome ??= { reason, message };
    this.#toTarget = [];
    const farewell = this.#interpreter?.farewell(reason, message, (bytes) => this.#takeBack(bytes));
    if (farewell && !this.#client.writableEnded) {
      this.#lane.record('gateway', farewell);
      this.#toClient.push(farewell);
    }
    this.#interpreter?.closed();
    this.#target.destroy();
    this.#register();
    this.#closeSoon();
  }

  /** Sent, acknowledged or not: an idle psql closes only when its user types, and a stop does not wait for that. */
  #closeSoon(): void {
    this.#client.once('finish', () => setTimeout(() => this.#client.destroy(), FAREWELL_MS).unref());
    this.#lingerThenDestroy();
  }

  lastActivityMs(): number {
    return this.#interpreter?.working ? performance.now() : this.#activeAt;
  }

  deliver(): void {
    this.contain(() => this.#deliver());
  }

  #deliver(): void {
    this.#registered = false;
    if (this.#toTarget.length > 0) this.#toTarget = send(this.#target, this.#toTarget);
    if (this.#toClient.length > 0) {
      this.#toClient = send(this.#client, this.#toClient);
      this.#sentPart = this.#interpreter?.midMessage === true;
    }
    if (this.#clientEnded && !this.#target.writableEnded && !this.#interpreter?.clientWaits) this.#target.end();
    const targetDone = this.#targetEnded && !this.#interpreter?.targetWaits;
    if ((targetDone || this.#ending) && !this.#client.writableEnded) this.#client.end();
    // Whatever it sends now is let go unread, so that its closing is noticed.
    if (this.#ending) this.#client.resume();
    else this.#regulate();
  }

  /**
   * Not one byte goes on, either way (law 1). The client is told in the gateway's own words, which hold nothing of the
   * session; they are recorded where the log still can, and do not wait for it.
   */
  logFailed(fault: LogFault): void {
    const wasEnding = this.#ending;
    this.#outcome = { reason: 'log_failed', message: `The recording cannot be written: ${fault.message}` };
    this.contain(() => {
      const mayTell = !wasEnding && !this.#sentPart && this.#client.writable;
      // Of what waited nothing is sent, so all of it may be taken back.
      const farewell = mayTell ? this.#interpreter?.farewell('log_failed', UNRECORDED, () => true) : undefined;
      if (farewell) this.#leave(farewell);
      else this.#cut();
    });
    this.contain(() => this.#interpreter?.closed());
  }

  #leave(farewell: Buffer): void {
    this.#ending = true;
    this.#toClient = [];
    this.#toTarget = [];
    this.#lane.record('gateway', farewell);
    this.#target.destroy();
    this.#client.end(farewell);
    this.#client.resume();
    this.#closeSoon();
  }

  #cut(): void {
    this.#ending = true;
    this.#toClient = [];
    this.#toTarget = [];
    this.#client.destroy();
    this.#target.destroy();
  }

  #fromClient(chunk: Buffer): void {
    if (this.#ending) return;
    this.#activeAt = performance.now();
    this.contain(() => this.#interpreter?.fromClient(chunk));
    if (this.#lane.behind || this.#interpreter?.clientFull) this.#regulate();
  }

  #fromTarget(chunk: Buffer): void {
    if (this.#ending) return;
    this.#activeAt = performance.now();
    this.contain(() => this.#interpreter?.fromTarget(chunk));
    if (this.#lane.behind || this.#interpreter?.targetWaits) this.#regulate();
  }

  #register(): void {
    if (this.#registered) return;
    this.#registered = true;
    this.#lane.afterCommit(this);
  }

  /** What waited goes on: the client may be read again, and its end is passed on. */
  regulate(): void {
    if (this.#clientEnded || this.#targetEnded) this.#register();
    this.#regulate();
  }

  /** Reads each side as long as the other, and the log, keep up. */
  #regulate(): void {
    if (this.#ending) return;
    const logBehind = this.#lane.behind;
    // A log that is behind calls deliver when it has caught up.
    if (logBehind) this.#register();
    const pauseClient = logBehind || unsentTo(this.#target) || this.#interpreter?.clientFull === true;
    const pauseTarget = logBehind || unsentTo(this.#client) || this.#interpreter?.targetWaits === true;
    if (pauseClient !== this.#clientPaused) {
      this.#clientPaused = pauseClient;
      if (pauseClient) this.#client.pause();
      else this.#client.resume();
    }
    if (pauseTarget !== this.#targetPaused) {
      this.#targetPaused = pauseTarget;
      if (pauseTarget) this.#target.pause();
      else this.#target.resume();
    }
  }

  #onEnd(side: Side): void {
    if (side === 'client') this.#clientEnded = true;
    else this.#targetEnded = true;
    this.#note(side);
    if (side === 'client') this.#interpreter?.clientEnded();
    // Behind what it sent last, which may not have been committed yet.
    this.#register();
  }

  #onClose(side: Side): void {
    this.#note(side);
    if (side === 'client') this.#clientEnded = true;
    else this.#targetEnded = true;
    if (side === 'client') this.contain(() => this.#interpreter?.clientEnded());
    if (this.#client.destroyed && this.#target.destroyed) {
      clearInterval(this.#linger);
      this.contain(() => this.#interpreter?.closed());
      this.#resolve(this.#outcome ?? { reason: 'target_closed', message: '' });
      return;
    }
    this.contain(() => {
      this.#register();
      // What the other still sends has no receiver that could slow it. It is recorded, so the log can.
      this.#regulate();
    });
    this.#lingerThenDestroy();
  }

  /** From the client. */
  #takeBack(count: number): boolean {
    const waiting = this.#toClient;
    if (waiting.reduce((sum, bytes) => sum + bytes.length, 0) < count) return false;
    for (let left = count; left > 0; ) {
      const last = waiting.pop();
      if (!last) break;
      if (last.length > left) waiting.push(last.subarray(0, last.length - left));
      left -= last.length;
    }
    return true;
  }

  #note(side: Side): void {
    if (this.#outcome) return;
    const byClient = side === 'client' || this.#interpreter?.clientLeft === true;
    this.#outcome = byClient
      ? { reason: 'client_closed', message: 'The client closed the session.' }
      : { reason: 'target_closed', message: 'The target closed the session.' };
  }

  #lingerThenDestroy(): void {
    if (this.#linger) return;
    // A slow reader gets all that is left for it, as long as it goes on reading.
    let left = this.#unsent();
    this.#linger = setInterval(() => {
      const now = this.#unsent();
      if (now > 0 && now < left) {
        left = now;
        return;
      }
      this.#client.destroy();
      this.#target.destroy();
    }, LINGER_MS).unref();
  }

  #unsent(): number {
    return this.#client.writableLength + this.#target.writableLength;
  }
}

/** A side that is gone reads nothing any more, and holds up nobody. */
const unsentTo = (socket: Duplex): boolean => !socket.destroyed && socket.writableLength > MAX_UNSENT_BYTES;

/** Writes what waits as one write, and gives an empty list. */
function send(socket: Duplex, waiting: Buffer[]): Buffer[] {
  if (!socket.writable) return [];
  const [first] = waiting;
  if (waiting.length === 1 && first) {
    socket.write(first);
  } else {
    socket.cork();
    for (const bytes of waiting) socket.write(bytes);
    socket.uncork();
  }
  // All of it is with the kernel, or encrypted. Of another stream nobody knows how long it looks at what it took.
  if (socket instanceof Socket && socket.writableLength === 0) for (const bytes of waiting) giveBack(bytes);
  return [];
}
