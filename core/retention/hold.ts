// Legal holds: what must be kept until somebody lifts the hold, whatever its retention says. A hold names sessions by what they
// are about, so that it covers what is recorded and stored after it as well.

import { z } from 'zod';
import { HoldId, SessionId } from '../ids.ts';
import { ResourceName } from '../resource.ts';

/** As many as fit into one item of the catalogue's table beside all else. */
const MAX_HELD_SESSIONS = 1_000;

export const HoldScope = z.discriminatedUnion('of', [
  z.strictObject({ of: z.literal('session'), session: SessionId }),
  /** Every session of a person. */
  z.strictObject({ of: z.literal('user'), email: z.string().min(1).max(320) }),
  z.strictObject({ of: z.literal('resource'), resource: ResourceName }),
  /** Whatever ran at any moment from `since` to before `until`. */
  z.strictObject({ of: z.literal('time'), since: z.iso.datetime(), until: z.iso.datetime() }),
  /** What a search found when the hold was placed. */
  z.strictObject({ of: z.literal('sessions'), sessions: z.array(SessionId).min(1).max(MAX_HELD_SESSIONS) }),
]);
export type HoldScope = z.infer<typeof HoldScope>;

const Step = z.object({ by: z.string(), at: z.iso.datetime(), reason: z.string() });

export const LegalHold = z.object({
  id: HoldId,
  scope: HoldScope,
  placed: Step,
  /** One person asked to lift it; it holds until another agrees. */
  lifting: Step.optional(),
  lifted: Step.omit({ reason: true }).optional(),
});
export type LegalHold = z.infer<typeof LegalHold>;

/** What a hold is compared with. What is not known of a session may be what the hold names: it is covered then. */
export interface HeldFacts {
  readonly session: SessionId;
  readonly email?: string | undefined;
  readonly resource?: string | undefined;
  readonly startedAt?: string | undefined;
  /** undefined: it runs, or nobody knows when it ended. */
  readonly endedAt?: string | undefined;
}

/** Of these holds, those in force that cover the session. */
export const holdsOn = (session: HeldFacts, holds: readonly LegalHold[]): LegalHold[] =>
  holds.filter(({ scope, lifted }) => lifted === undefined && covers(scope, session));

function covers(scope: HoldScope, session: HeldFacts): boolean {
  switch (scope.of) {
    case 'session':
      return scope.session === session.session;
    case 'user':
      return session.email === undefined || session.email.toLowerCase() === scope.email.toLowerCase();
    case 'resource':
      return session.resource === undefined || session.resource === scope.resource;
    case 'time': {
      const [since, until] = [Date.parse(scope.since), Date.parse(scope.until)];
      const startedBefore = session.startedAt === undefined || Date.parse(session.startedAt) < until;
      return startedBefore && (session.endedAt === undefined || Date.parse(session.endedAt) >= since);
    }
    case 'sessions':
      return scope.sessions.includes(session.session);
  }
}
