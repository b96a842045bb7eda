// What functions and edge tell each other of a purge. The functions propose, the edge writes it into the audit log and orders it,
// the functions delete and say what came of it, and the edge writes that down too (docs/adr/0044). Nothing here names a person: what
// is kept of a purged session are digests and numbers.

import { z } from 'zod';
import { Email } from '../identity.ts';
import { ConnectorId, HoldId, PersonId, SessionId } from '../ids.ts';
import { Digest } from '../recording/segment.ts';
import { MAX_QUERY } from '../search/parse.ts';
import { saysSomething } from '../text/written-text.ts';
import { LegalHold, PlacedScope } from './hold.ts';
import { PurgeMode, PurgeRefusal, RetentionClass } from './may-purge.ts';

/** What was stored, so that a copy kept elsewhere can be told to be that recording. */
export const PurgeEvidence = z.object({
  /** SHA-256 of the manifest, which names every segment's digest. */
  manifest: Digest.optional(),
  /** Where there is no manifest: the last segment's digest, which holds those before it. */
  lastSegment: Digest.optional(),
  /** Versions of objects, delete markers not counted. */
  versions: z.number().int(),
  markers: z.number().int(),
  bytes: z.number().int(),
});
export type PurgeEvidence = z.infer<typeof PurgeEvidence>;

export const PurgeOrder = z.strictObject({
  mode: PurgeMode,
  at: z.iso.datetime(),
  /** Sequence of the audit log's entry about it, which was written before. */
  audit: z.number().int().min(1),
  /** Days for which the edge had the session recorded; missing: of an earlier release, which did not note it. */
  granted: z.number().int().min(1).optional(),
  /** Digest of all the edge's holds that were in force at `at` (`holdsDigest`); the table's have to be the same. */
  holds: Digest.optional(),
  /** The edge's words of the session, which count beside the recording's where a hold asks; missing: an earlier release admitted it. */
  admitted: z
    .strictObject({
      email: z.string(),
      resource: z.string(),
      startedAt: z.iso.datetime(),
      endedAt: z.iso.datetime().optional(),
    })
    .optional(),
  /** `orderText` as a signed note (c2sp.org/signed-note), by the key that signs the log of sessions. */
  note: z.string().max(2_000).optional(),
});
export type PurgeOrder = z.infer<typeof PurgeOrder>;

/** What the edge signs of an order, a line each, so that who writes to a table cannot order. */
export const orderText = (
  { session, connector }: { readonly session: SessionId; readonly connector: ConnectorId },
  { mode, at, audit, granted, holds, admitted }: PurgeOrder,
): string => {
  // JSON, so that no word is two lines; its order is ours, as a table gives members back in any.
  const words = admitted
    ? JSON.stringify([admitted.email, admitted.resource, admitted.startedAt, admitted.endedAt ?? null])
    : '-';
  const lines = [session, connector, mode, at, audit, granted ?? '-', holds ?? '-', words];
  return `gatehouse purge order v2\n${lines.join('\n')}\n`;
};

const PurgeState = z.enum([
  /** Nothing stands against it; the edge is asked. */
  'proposed',
  'ordered',
  /** Something stands against it. Looked at again by every run. */
  'refused',
  /** Nothing is left of it. */
  'done',
  /** The edge has written down that it is done. */
  'settled',
]);

/** One session's purge, from its proposal to the edge's note that it is done. */
export const Purge = z.object({
  session: SessionId,
  connector: ConnectorId,
  state: PurgeState,
  /** When it came into this state. */
  at: z.iso.datetime(),
  retention: RetentionClass.optional(),
  /** Days, as the edge said with an order. */
  granted: z.number().int().min(1).optional(),
  evidence: PurgeEvidence,
  order: PurgeOrder.optional(),
  refusals: z.array(PurgeRefusal).optional(),
});
export type Purge = z.infer<typeof Purge>;

/** What the audit log keeps of it, once it is gone. */
export const tombstoneOf = ({
  retention,
  evidence,
}: Pick<Purge, 'retention' | 'evidence'>): Record<string, string | number> =>
  Object.fromEntries(
    Object.entries({ ...retention, ...evidence }).filter(
      (entry): entry is [string, string | number] => entry[1] !== undefined,
    ),
  );

/** What the edge witnessed of a purge: when, and the sequence of the audit log's entry that ordered it. */
export const WitnessedPurge = z.object({ at: z.iso.datetime(), audit: z.number().int() });
export type WitnessedPurge = z.infer<typeof WitnessedPurge>;

/** What one run did, or without `dryRun` would have done; lists hold the first thousand. */
export const PurgeReport = z.object({
  at: z.iso.datetime(),
  dryRun: z.boolean(),
  purged: z.array(SessionId),
  proposed: z.array(SessionId),
  refused: z.array(z.object({ session: SessionId, refusals: z.array(PurgeRefusal) })),
  /** The store or the table did not answer for these: tried again by the next run. */
  failed: z.array(SessionId),
  /** Time or amount was up: the next run goes on. */
  more: z.boolean(),
});
export type PurgeReport = z.infer<typeof PurgeReport>;

/** How far the store's own legal hold is on the objects of a hold's sessions. */
export const HoldStanding = z.object({
  sessions: z.number().int(),
  /** Every object of every session is held, and all sessions are finished. */
  whole: z.boolean(),
  at: z.iso.datetime(),
});

export const HoldList = z.object({
  holds: z.array(
    LegalHold.extend({
      standing: HoldStanding.optional(),
      /** How many sessions its scope names, of which a list has the first hundred. */
      named: z.number().int().optional(),
      /** It is in force on what is no address, which earlier releases took: it keeps nothing. */
      coversNobody: z.literal(true).optional(),
    }),
  ),
});
export type HoldList = z.infer<typeof HoldList>;

/** What the last run of the purge came to. */
export const PurgeRan = z.object({
  at: z.iso.datetime(),
  purged: z.number().int(),
  proposed: z.number().int(),
  refused: z.number().int(),
  failed: z.number().int(),
  /** The first hundred of them: tried again by the next run. */
  failedSessions: z.array(SessionId),
  /** Time or amount was up: the next run goes on. */
  more: z.boolean(),
});
export type PurgeRan = z.infer<typeof PurgeRan>;

/** `lastRun` goes with the first page; missing: none ran yet. */
export const PurgePage = z.object({
  purges: z.array(Purge),
  after: SessionId.optional(),
  lastRun: PurgeRan.optional(),
});
export type PurgePage = z.infer<typeof PurgePage>;

/** What keeps one session, as its recording and its store say. */
export const SessionRetention = z.object({
  session: SessionId,
  connector: ConnectorId,
  retention: RetentionClass.optional(),
  /** Days for which the edge granted it. */
  granted: z.number().int().min(1).optional(),
  finished: z.boolean(),
  /** When its newest object was stored; missing: nothing is stored. */
  storedAt: z.iso.datetime().optional(),
  /** By the rule alone. */
  keptUntil: z.iso.datetime().optional(),
  locks: z.array(z.object({ mode: z.enum(['COMPLIANCE', 'GOVERNANCE']), until: z.iso.datetime() })),
  evidence: PurgeEvidence,
  heldObjects: z.number().int(),
  holds: z.array(HoldId),
  /** What stands against a purge now; empty: it is due. */
  refusals: z.array(PurgeRefusal),
  /** And against an early one. */
  early: z.array(PurgeRefusal),
  /** When a purge becomes possible, where dates alone stand against it. */
  possibleFrom: z.iso.datetime().optional(),
  purge: Purge.optional(),
  /** It was purged; an edge of an earlier release does not say so. */
  purged: WitnessedPurge.optional(),
  /** One person asked for it to be purged before its time; it waits until then for another. */
  asked: z.object({ by: z.string(), reason: z.string(), until: z.iso.datetime() }).optional(),
});
export type SessionRetention = z.infer<typeof SessionRetention>;

export const RETENTION_REASON_MAX = 500;
/** Why a hold is placed or lifted, or a session purged before its time. It goes into the audit log: it names no person. */
export const RetentionReason = z
  .string()
  .trim()
  .refine(saysSomething, 'say why')
  .max(RETENTION_REASON_MAX)
  .regex(/^\P{Cc}*$/u, 'one line, without control characters');

export const PlaceHold = z.strictObject({ scope: PlacedScope, reason: RetentionReason });
export const SearchForHold = z.strictObject({ query: z.string().min(1).max(MAX_QUERY) });
export const BecauseOf = z.strictObject({ reason: RetentionReason });

export const ErasePerson = z.strictObject({ email: Email, reason: RetentionReason });
export const ErasedPerson = z.object({
  /** `waiting`: for another person, until `until`. */
  state: z.enum(['waiting', 'erased']),
  until: z.iso.datetime().optional(),
  /** The pseudonym that stays in the audit log. */
  person: PersonId.optional(),
});
export type ErasedPerson = z.infer<typeof ErasedPerson>;

export const OrderPurges = z.strictObject({ session: SessionId.optional() });
export const OrderedPurges = z.object({ ordered: z.array(SessionId) });
export type OrderedPurges = z.infer<typeof OrderedPurges>;

/** A person's sessions that the edge admitted and nobody purged, by id; `after`: there may be more behind it. */
export const LeftSessions = z.object({ sessions: z.array(SessionId), after: SessionId.optional() });
export type LeftSessions = z.infer<typeof LeftSessions>;

export const EarlyPurge = z.object({
  session: SessionId,
  /** `waiting`: for another person, until `until`. */
  state: z.enum(['waiting', 'ordered']),
  until: z.iso.datetime().optional(),
});
export type EarlyPurge = z.infer<typeof EarlyPurge>;
