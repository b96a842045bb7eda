// The target's side of a session: what it answers is recorded, read for facts, and goes to the client.
// Chunks pass as they came. Only while something in them is to be replaced (refusals, masks) do they go
// through a rewriter; facts and offsets are those of the rewritten stream, which the client sees.

import { type ForClient, partOf, passUntouched } from '../../../../core/masking/masked.ts';
import { differences } from '../../../../core/recording/originals/differences.ts';
import {
  encodeReplacements,
  type Replacement,
  restoreBody,
} from '../../../../core/recording/originals/original-object.ts';
import type { Lane } from '../../../door.ts';
import type { Relay } from '../../../net/relay.ts';
import type { SessionGuard } from '../../../action.ts';
import { FrameScanner, frameTable } from '../wire/framing.ts';
import { readErrorFields } from '../wire/messages.ts';
import type { AnswerGuide, AnswerRewriter } from './refusal-rewriter.ts';
import type { StatementEchoes } from '../requests/statement-echoes.ts';
import type { Statements } from '../pipeline/statements.ts';

// What may come once a session has begun. Passed: only counted. Shown: read by statements.ts.
// Everything else is refused (law 3); CopyBothResponse 'W' among it, which begins replication.
const FROM_TARGET = frameTable('DdcITn123sHGV', 'CENAZSt');

/** Says which rewriter the session needs. */
export interface Rewriting {
  /** Whether answers that begin now go through one. */
  readonly needed: boolean;
  /** Whether a chunk that begins with a message goes on as it is, whatever the rewriter would do. */
  passes(chunk: Buffer): boolean;
  /** Whether `current` is the one for what begins now. */
  fits(current: AnswerRewriter): boolean;
  /** Called when it is needed and the one at hand is idle or there is none: gives `current` to keep it. */
  choose(current: AnswerRewriter | undefined, guide: AnswerGuide): AnswerRewriter;
}

interface AnswersParts {
  readonly relay: Relay;
  readonly lane: Lane;
  readonly statements: Statements;
  readonly guard: SessionGuard;
  readonly rewriting: Rewriting;
  readonly echoes: StatementEchoes;
}

export class Answers implements AnswerGuide {
  readonly #parts: AnswersParts;
  readonly #frames: FrameScanner;
  #rewriter: AnswerRewriter | undefined;
  /** The gateway's own messages, which wait for a border between the target's. */
  #words: Buffer[] = [];

  constructor(parts: AnswersParts) {
    this.#parts = parts;
    const { statements } = parts;
    this.#frames = new FrameScanner(FROM_TARGET, {
      frame: (type, bytes, start, end, length, offset) =>
        statements.targetMessage(type, bytes, start, end, length, offset),
    });
  }

  /** Bytes that went on of a message whose rest did not: 0 where one of our own may be put without cutting one in two. */
  get unfinished(): number {
    return this.#frames.unfinished;
  }

  take(chunk: Buffer): void {
    if (!this.#rewriter && this.#words.length === 0 && !this.#parts.rewriting.needed)
      this.advance(passUntouched(chunk));
    else if (this.#isIdle && this.#parts.rewriting.passes(chunk)) this.advance(passUntouched(chunk));
    else this.#takeSlowly(chunk);
    this.#check();
  }

  /** The target's answer is kept until more is known: no more of it is to be read. */
  get waits(): boolean {
    return this.#rewriter?.waits === true;
  }

  goOn(): void {
    this.#chooseRewriter();
    this.#check();
    this.#parts.relay.regulate();
  }

  #check(): void {
    const rows = this.#parts.statements.takeRows();
    if (rows > 0) this.#parts.guard.countRows(rows);
    const fault = this.#frames.fault ?? this.#rewriter?.fault;
    if (fault !== undefined)
      this.#parts.relay.end('protocol_fault', `The session ends, for what the database sent: ${fault}.`);
  }

  /** Tells the client something as soon as no message of the target is under way. */
  say(words: Buffer): void {
    this.#words.push(words);
    if (this.#frames.betweenMessages) this.#speak();
  }

  get keepsOriginals(): boolean {
    return this.#parts.lane.keepsOriginals;
  }

  advance(bytes: Buffer & ForClient, hid?: readonly Replacement[]): void {
    if (this.#frames.fault !== undefined) return;
    if (!this.#parts.echoes.needed) {
      this.#pass(bytes, bytes, bytes, hid);
      return;
    }
    const { echoes } = this.#parts;
    const begun = echoes.underWay;
    const rest = begun ? 0 : this.#frames.missing(bytes);
    const underWay = bytes.subarray(0, rest);
    if (rest > 0) this.#pass(underWay, underWay, bytes);
    const { recorded, forwarded } = echoes.take(bytes.subarray(rest));
    const whole = !begun && rest === 0 && !echoes.underWay;
    const kept = hid && this.#withoutSecrets(bytes, recorded, hid, whole);
    if (recorded.length > 0) this.#pass(recorded, forwarded, bytes, kept);
  }

  /** What answers a statement that says a secret may hold it, in what was masked too: the secret is in no original. */
  #withoutSecrets(
    bytes: Buffer,
    recorded: Buffer,
    hid: readonly Replacement[],
    whole: boolean,
  ): readonly Replacement[] {
    if (hid.length === 0) return hid;
    const clear = whole ? this.#parts.echoes.writtenOver(restoreBody(bytes, [encodeReplacements(hid, 0)])) : undefined;
    if (!clear) {
      this.#parts.guard.rules.masks.leaveOut('secret', hid.length);
      return [];
    }
    const more: Replacement[] = [];
    differences(clear, recorded, 0, 0, more);
    return more;
  }

  /** `forwarded`: of `given`; as long as `recorded`, where it is not recorded as it goes on, and ends no header in two then. */
  #pass(recorded: Buffer, forwarded: Buffer, given: ForClient, hid?: readonly Replacement[]): void {
    const receipt = this.#parts.lane.record('target', recorded, hid);
    const scanned = this.#frames.scan(recorded);
    const goesOn = recorded === forwarded ? scanned : forwarded.subarray(0, scanned.length);
    this.#parts.relay.toClient(partOf(goesOn, given), receipt);
    if (this.#words.length > 0 && this.#frames.betweenMessages) this.#speak();
  }

  refusal(body: Buffer): Buffer | undefined {
    const refusal = this.#parts.statements.pipeline.refusal;
    // What ends the connection is not the failing of the gateway's statement, and the client must know it.
    return refusal && readErrorFields(body).severity === 'ERROR' ? refusal : undefined;
  }

  #takeSlowly(chunk: Buffer): void {
    let rest = chunk;
    if (!this.#rewriter && this.#frames.underWay) {
      // It answers what was asked before, so it passes as it began.
      const share = this.#frames.missing(chunk);
      this.advance(passUntouched(chunk.subarray(0, share)));
      rest = chunk.subarray(share);
    }
    // Rules that came since hold from the next message on, though no chunk may ever end with a message.
    if (this.#rewriter && !this.#rewriter.idle && !this.#parts.rewriting.fits(this.#rewriter)) {
      const share = this.#rewriter.untilIdle(rest);
      if (share !== undefined) {
        this.#rewriter.apply(rest.subarray(0, share));
        rest = rest.subarray(share);
      }
    }
    if (rest.length === 0) return;
    this.#chooseRewriter();
    if (this.#rewriter) this.#rewriter.apply(rest);
    else this.advance(passUntouched(rest));
    this.#chooseRewriter();
  }

  get #isIdle(): boolean {
    return !this.#frames.underWay && this.#rewriter?.idle !== false;
  }

  #chooseRewriter(): void {
    const { rewriting } = this.#parts;
    if (this.#rewriter && !this.#rewriter.idle) return;
    this.#rewriter = rewriting.needed ? rewriting.choose(this.#rewriter, this) : undefined;
  }

  #speak(): void {
    const { relay, lane } = this.#parts;
    for (const words of this.#words) relay.toClient(passUntouched(words), lane.record('gateway', words));
    this.#words = [];
  }
}
