// Legal holds: what must be kept until somebody lifts the hold, whatever its retention says. A hold names sessions by what they
// are about, so that it covers what is recorded and stored after it as well.

import { z } from 'zod';
import { HoldId, HoldSearchId, SessionId } from '../ids.ts';
import { Email, foldedAddress } from '../identity.ts';
import { Digest, toHex } from '../recording/segment.ts';
import { ResourceName } from '../resource.ts';
import { MAX_QUERY } from '../search/parse.ts';

/** 330 KB of ids: an item of the catalogue's table has 400 KB. */
export const MAX_HELD_SESSIONS = 10_000;
/** That somebody names one by one. */
const MAX_NAMED_SESSIONS = 1_000;

/** A star stands for nobody else, and is in no domain. */
const isStarred = (email: string): boolean => /@.*\*/.test(email);

/** Of whom a hold may be placed: as sessions are listed by it, and in no characters that only look like another address. */
export const HeldAddress = Email.refine(
  (email) => !/\p{Default_Ignorable_Code_Point}/u.test(email) && email.normalize('NFKC') === email.normalize('NFC'),
  'it has characters that are invisible or stand for others; type the address in plain letters',
).refine((email) => !isStarred(email), 'it is on one address: a star stands for nobody');

const SCOPES = [
  z.strictObject({ of: z.literal('session'), session: SessionId }),
  z.strictObject({ of: z.literal('resource'), resource: ResourceName }),
  /** Whatever ran at any moment from `since` to before `until`. */
  z.strictObject({ of: z.literal('time'), since: z.iso.datetime(), until: z.iso.datetime() }),
] as const;

export const HoldScope = z.discriminatedUnion('of', [
  ...SCOPES,
  /** Every session of a person. As it was placed: earlier releases took any text, and what is in force is never rewritten. */
  z.strictObject({ of: z.literal('user'), email: z.string().min(1).max(320) }),
  /** These and no others. `query`: what a search for it found when the hold was placed. */
  z.strictObject({
    of: z.literal('sessions'),
    sessions: z.array(SessionId).min(1).max(MAX_HELD_SESSIONS),
    query: z.string().max(MAX_QUERY).optional(),
  }),
]);
export type HoldScope = z.infer<typeof HoldScope>;

/** What somebody asks to be held. */
export const PlacedScope = z
  .discriminatedUnion('of', [
    ...SCOPES,
    z.strictObject({ of: z.literal('user'), email: HeldAddress }),
    z.strictObject({ of: z.literal('sessions'), sessions: z.array(SessionId).min(1).max(MAX_NAMED_SESSIONS) }),
    /** What this search has found, once it is done. */
    z.strictObject({ of: z.literal('search'), search: HoldSearchId }),
  ])
  .refine(
    (scope) => scope.of !== 'time' || Date.parse(scope.since) < Date.parse(scope.until),
    'since must be before until: nothing runs in such a time',
  );
export type PlacedScope = z.infer<typeof PlacedScope>;

/** A search for sessions to hold: of every page of its hits, a few pages at each call. */
export const HoldSearch = z.object({
  id: HoldSearchId,
  query: z.string(),
  at: z.iso.datetime(),
  /** Found so far. */
  sessions: z.number().int(),
  /** All pages were read. */
  done: z.boolean(),
  /** More than one hold takes: it cannot be placed. */
  tooMany: z.boolean(),
  /** Rules whose sessions it does not go through: also auditors need an approval there. */
  notSearched: z.array(z.string()).optional(),
});
export type HoldSearch = z.infer<typeof HoldSearch>;

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

/** As the answer to placing it. */
export const PlacedHold = LegalHold.extend({
  /** Of a person or a resource: what it holds so far. Missing: the archive did not say. */
  now: z
    .object({
      sessions: z.number().int(),
      /** There are more than were counted. */
      more: z.boolean(),
      /** false: nobody by that address, nothing by that name was here. It may come, or be misspelt. */
      known: z.boolean(),
    })
    .optional(),
});
export type PlacedHold = z.infer<typeof PlacedHold>;

/** undefined: it goes without saying. */
export function heldNowWords({ scope, now }: PlacedHold): string | undefined {
  if (!now || (scope.of !== 'user' && scope.of !== 'resource')) return undefined;
  const { sessions, more, known } = now;
  const name = scope.of === 'user' ? scope.email : scope.resource;
  const held = `It holds ${more ? 'more than ' : ''}${sessions} ${sessions === 1 ? 'session' : 'sessions'} now`;
  return known ? `${held}.` : `${held}; ${name} is not known here.`;
}

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

/** Whether a hold is on this person, however either address was typed. */
export const isHoldOn = (scope: HoldScope, email: string): boolean =>
  scope.of === 'user' && foldedAddress(scope.email) === foldedAddress(email);

/**
 * A hold in force on a person by what is no address, which earlier releases took (`alice`): no session is of such a person, so that it
 * keeps none. It has to be lifted, or placed anew by the address.
 */
export const coversNobody = ({ scope, lifted }: Pick<LegalHold, 'scope' | 'lifted'>): boolean =>
  scope.of === 'user' &&
  lifted === undefined &&
  (!Email.safeParse(foldedAddress(scope.email)).success || isStarred(scope.email));

/** For people, beside it. */
export const COVERS_NOBODY =
  'It is on what is no address and covers nobody: place one by the address, and lift this one.';

function covers(scope: HoldScope, session: HeldFacts): boolean {
  switch (scope.of) {
    case 'session':
      return scope.session === session.session;
    case 'user':
      return session.email === undefined || isHoldOn(scope, session.email);
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

/** Those in force at that moment, as far as these holds say. */
export const inForceAt = (holds: readonly LegalHold[], ms: number): LegalHold[] =>
  holds.filter(({ placed, lifted }) => Date.parse(placed.at) <= ms && !(lifted && Date.parse(lifted.at) <= ms));

/** Of a hold's id and what it covers, so that none can be narrowed unseen. Nothing of it changes while the hold is in force. */
export const holdLine = async ({ id, scope }: Pick<LegalHold, 'id' | 'scope'>): Promise<string> =>
  `${id} ${await sha256(JSON.stringify(Object.entries(scope).sort(([a], [b]) => (a < b ? -1 : 1))))}\n`;

/** SHA-256 of the lines of a set of holds, in any order. */
export const holdsDigest = async (lines: readonly string[]): Promise<z.infer<typeof Digest>> =>
  Digest.parse(await sha256(lines.toSorted().join('')));

const sha256 = async (text: string): Promise<string> =>
  toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))));

const LISTED_SESSIONS = 100;

/** As a list shows it: of many sessions the first, and how many they are. */
export function listedHold<T extends LegalHold>(hold: T): T & { readonly named?: number } {
  const { scope } = hold;
  if (scope.of !== 'sessions') return hold;
  const sessions = scope.sessions.slice(0, LISTED_SESSIONS);
  return { ...hold, scope: { ...scope, sessions }, named: scope.sessions.length };
}
