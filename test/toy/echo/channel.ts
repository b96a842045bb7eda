// One channel under way: each line is an action, judged, recorded, and on its way.

import { createHash } from 'node:crypto';
import { passUntouched } from '../../../core/masking/masked.ts';
import { judgeCommand } from '../../../core/policy/sections/commands.ts';
import type { Decision } from '../../../core/policy/sections/entries.ts';
import type { EndReason } from '../../../core/recording/facts/session.ts';
import type { Secret } from '../../../core/secret.ts';
import type { ByteStream, Conversation, Lane, Session } from '../../../connector/door.ts';
import { type Interpreter, Relay } from '../../../connector/net/relay.ts';

export interface EchoTarget {
  readonly host: string;
  readonly port: number;
  readonly password: Secret<string>;
}

const ALLOWED: Decision = { section: 'commands', verdict: 'allow', why: '' };
export const MAX_LINE_BYTES = 64 * 1024;

export function beginChannel(
  client: ByteStream,
  target: ByteStream,
  session: Session<EchoTarget>,
  name: string,
): Conversation {
  const lane = session.openLane({ of: 'channel', label: name });
  const relay = new Relay(client, target, lane);
  relay.begin(new Channel(relay, lane, session), Buffer.alloc(0));
  return relay;
}

interface Running {
  readonly number: number;
  readonly startedUs: number;
  /** It was refused, and is told so behind the answers that come before. */
  readonly refusal?: string;
}

class Channel implements Interpreter {
  readonly #relay: Relay;
  readonly #lane: Lane;
  readonly #session: Session<EchoTarget>;
  readonly #running: Running[] = [];
  /** Lines behind one that is held. */
  #queue: string[] = [];
  #held = false;
  #left = false;
  #rest = '';
  /** Of the answer under way. */
  #answerBytes = 0;
  #offset = 0;
  readonly clientLeft = false;
  readonly targetWaits = false;

  constructor(relay: Relay, lane: Lane, session: Session<EchoTarget>) {
    this.#relay = relay;
    this.#lane = lane;
    this.#session = session;
  }

  get clientWaits(): boolean {
    return this.#held;
  }

  get clientFull(): boolean {
    return this.#queue.length > 1_000;
  }

  get midMessage(): boolean {
    return this.#answerBytes > 0;
  }

  get working(): boolean {
    return this.#running.length > 0;
  }

  fromClient(chunk: Buffer): void {
    const lines = (this.#rest + chunk.toString()).split('\n');
    this.#rest = lines.pop() ?? '';
    this.#queue.push(...lines);
    this.#work();
  }

  fromTarget(chunk: Buffer): void {
    const receipt = this.#lane.record('target', chunk);
    // Line by line: what is refused is told between the answers around it.
    for (let at = 0; at < chunk.length; ) {
      const newline = chunk.indexOf(0x0a, at);
      const end = newline < 0 ? chunk.length : newline + 1;
      this.#relay.toClient(passUntouched(Buffer.from(chunk.subarray(at, end))), receipt);
      this.#answerBytes += end - at;
      at = end;
      if (newline >= 0) this.#finish();
    }
  }

  #work(): void {
    while (!this.#held) {
      const line = this.#queue.shift();
      if (line === undefined) return;
      this.#act(line);
    }
  }

  #act(text: string): void {
    const lane = this.#lane;
    const bytes = Buffer.from(`${text}\n`);
    const receipt = lane.record('client', bytes);
    const number = this.#session.nextAction();
    const startedUs = lane.elapsedUs();
    const at = { direction: 'client' as const, lane: lane.number, offset: this.#offset, length: bytes.length };
    this.#offset += bytes.length;
    lane.fact({ kind: 'statement.started', action: number, form: 'simple', text, at });
    const running: Running = { number, startedUs };
    const resume = () => {
      if (!this.#held) return;
      this.#held = false;
      this.#work();
      this.#relay.regulate();
    };
    const contain = (work: () => void) => this.#relay.contain(work);
    const outcome = this.#session.guard.gate.take({
      lane: lane.number,
      number,
      decision: this.#judge(text),
      judge: () => this.#judge(text),
      describe: () => ({
        kind: 'command',
        text,
        parameters: [],
        digest: createHash('sha256').update(text).digest('hex'),
        touches: [],
        inTransaction: false,
      }),
      forward: () =>
        contain(() => {
          this.#running.push(running);
          this.#relay.toTarget(bytes, receipt);
          resume();
        }),
      refuse: ({ message }) =>
        contain(() => {
          this.#running.push({ ...running, refusal: message });
          this.#tellRefused();
          resume();
        }),
      notify: (message) => contain(() => this.#say(message)),
    });
    this.#held = outcome === 'held';
  }

  #judge(line: string): Decision {
    const { commands } = this.#session.guard.rules.sections;
    return commands ? judgeCommand(commands, { line }) : ALLOWED;
  }

  #say(words: string): void {
    const bytes = Buffer.from(`! ${words}\n`);
    this.#relay.toClient(passUntouched(bytes), this.#lane.record('gateway', bytes));
  }

  #finish(): void {
    const running = this.#running.shift();
    if (running) this.#end(running, undefined, this.#answerBytes);
    this.#answerBytes = 0;
    this.#tellRefused();
  }

  #tellRefused(): void {
    for (let next = this.#running[0]; next?.refusal !== undefined; next = this.#running[0]) {
      this.#running.shift();
      this.#end(next, next.refusal);
      if (!this.#left) this.#say(next.refusal);
    }
  }

  #end({ number, startedUs }: Running, refusal: string | undefined, bytes = 0): void {
    this.#lane.fact({
      kind: 'statement.finished',
      action: number,
      tags: [],
      rows: 0,
      bytes,
      durationUs: Math.max(0, this.#lane.elapsedUs() - startedUs),
      ...(refusal !== undefined && { error: { code: 'refused', severity: 'ERROR', message: refusal } }),
    });
  }

  clientEnded(): void {
    this.#left = true;
    this.#session.guard.gate.withdraw(this.#lane.number, 'client_closed');
  }

  farewell(_reason: EndReason, message: string): Buffer | undefined {
    return this.midMessage ? undefined : Buffer.from(`! ${message}\n`);
  }

  closed(): void {
    this.#left = true;
    this.#session.guard.gate.withdraw(this.#lane.number, 'client_closed');
  }
}
