// What masks do to a session: how its client's messages are recorded, and what rewrites its answers.
// Nothing is dialled for a session that no mask rule concerns, and nothing read but texts that may say a secret.

import type { SessionGuard } from '../../../action.ts';
import type { UpstreamTarget } from '../../../net/dial.ts';
import type { Rewriting } from './answers.ts';
import { parse, readStatements } from '../rules/parser.ts';
import type { RecordedCopies } from '../requests/request-copies.ts';
import { type AnswerGuide, RefusalRewriter } from './refusal-rewriter.ts';
import type { StatementEchoes } from '../requests/statement-echoes.ts';
import type { Statements } from '../pipeline/statements.ts';
import { type CatalogueLease, Catalogues } from '../catalogue/catalogues.ts';
import { LiveGuide } from '../guide/live-guide.ts';
import { MaskRewriter } from './mask-rewriter.ts';
import { MaskedCopies } from '../guide/masked-copies.ts';
import { SecretCopies } from '../requests/secret-copies.ts';
import { Readings } from '../catalogue/statement-reading.ts';

/** What all sessions of a process share. */
export interface MaskingShare {
  readonly catalogues: Catalogues;
  readonly readings: Readings;
}

export const createMaskingShare = (): MaskingShare => ({
  catalogues: new Catalogues({ parse }),
  readings: new Readings(parse, readStatements),
});

interface SessionMaskingParts {
  readonly share: MaskingShare;
  /** `guard.rules.masks`: in force now. */
  readonly guard: SessionGuard;
  /** `statements.pipeline.next`: what the target answers next, with its statement, portal or prepared statement. */
  readonly statements: Statements;
  /** Told of secrets that statements say. */
  readonly echoes: StatementEchoes;
  readonly target: UpstreamTarget;
  /** That the session is in; undefined: the target's own. */
  readonly database: string | undefined;
  /** To the target, between the client's messages; false: one of these is half on its way. */
  interject(bytes: Buffer): boolean;
  /** What masks hide is kept (ADR 52). */
  readonly keepsOriginals: boolean;
  /** For what is called from nowhere: the session ends when it throws. */
  contain(work: () => void): void;
}

export interface SessionMasking {
  readonly rewriting: Rewriting;
  readonly copies: RecordedCopies;
  /** What `copies` does while nothing is masked. */
  readonly secretCopies: SecretCopies;
  /** Before a client's message is judged that the target would run: resolves when what it means is known as far as it can be. */
  understand(): Promise<void> | undefined;
  /** What is the client's of what the target sent. */
  take(chunk: Buffer): Buffer;
  /** The target may be done with everything that was sent. */
  poke(): void;
  /** Both sides are closed. */
  closed(): void;
}

export function createSessionMasking(parts: SessionMaskingParts): SessionMasking {
  const { guard, statements } = parts;
  let live: { readonly guide: LiveGuide; readonly copies: MaskedCopies; readonly lease: CatalogueLease } | undefined;
  let rewriter: MaskRewriter | undefined;
  let answers: AnswerGuide | undefined;
  let closed = false;
  /** Statements were sent while nothing was masked. */
  let begun = false;

  function begin(): NonNullable<typeof live> {
    if (live) return live;
    const lease = parts.share.catalogues.lease(parts.target, parts.database);
    const guide = new LiveGuide({
      guard,
      statements,
      readings: parts.share.readings,
      lease,
      begun,
      interject: parts.interject,
      onReady() {
        const waited = rewriter;
        if (closed || !waited) return;
        parts.contain(() => {
          waited.resume();
          answers?.goOn();
          guide.own.poke();
        });
      },
    });
    live = {
      guide,
      lease,
      copies: new MaskedCopies(statements, parts.share.readings, guide, parts.echoes, parts.keepsOriginals),
    };
    return live;
  }

  statements.onSent = (statement, portal) => {
    if (live || guard.rules.masks.any) begin().guide.sent(statement, portal);
    else begun = true;
  };
  statements.onPrepared = (prepared) => {
    if (live || guard.rules.masks.any) begin().guide.parsed(prepared);
  };
  statements.onBound = (portal) => {
    if (live || guard.rules.masks.any) begin().guide.bound(portal);
  };
  // The catalogue is on its way before the first result.
  if (guard.rules.masks.columnRules.length > 0) begin();

  const secretCopies = new SecretCopies(statements, parts.echoes, (values) => guard.rules.masks.hide('secret', values));
  return {
    rewriting: {
      get needed() {
        return guard.rules.masks.any || statements.pipeline.refusals > 0;
      },
      passes: (chunk) => statements.pipeline.refusals === 0 && live?.guide.passes(chunk) === true,
      fits: (current) => (guard.rules.masks.any ? current instanceof MaskRewriter : current instanceof RefusalRewriter),
      choose(current, guide) {
        if (!guard.rules.masks.any) return current instanceof RefusalRewriter ? current : new RefusalRewriter(guide);
        if (current instanceof MaskRewriter) return current;
        answers = guide;
        rewriter = new MaskRewriter(begin().guide, guide, statements.settings.get('client_encoding') ?? 'UTF8');
        return rewriter;
      },
    },
    copies: {
      copy: (type, message, masks, subject) =>
        masks.any ? begin().copies.copy(type, message, masks, subject) : secretCopies.copy(type, message, subject),
      part: (type, part, masks, _first, last) =>
        masks.any ? begin().copies.part(type, part, masks) : secretCopies.part(type, part, last),
      hidIn: (copy) => live?.copies.hidIn(copy) ?? [],
    },
    secretCopies,
    understand: () =>
      live || guard.rules.masks.columnRules.length > 0
        ? begin().guide.understand(statements.pipeline.begun)
        : undefined,
    take: (chunk) => (live?.guide.own.underWay ? live.guide.own.take(chunk) : chunk),
    poke: () => live?.guide.own.poke(),
    closed() {
      closed = true;
      try {
        live?.guide.closed();
      } finally {
        live?.lease.release();
      }
    },
  };
}
