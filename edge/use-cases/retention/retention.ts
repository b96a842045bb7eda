// Keeping and deleting: legal holds, what keeps a session, purges. For auditors and administrators. What takes a protection away,
// lifting a hold or purging before the time, takes two of them.

import type { HoldId, SessionId } from '../../../core/ids.ts';
import type { Identity } from '../../../core/identity.ts';
import { coversNobody, type LegalHold } from '../../../core/retention/hold.ts';
import { DAY_MS, possibleFrom, type PurgeRefusal } from '../../../core/retention/may-purge.ts';
import { type EarlyPurge, type HoldList, tombstoneOf, type SessionRetention } from '../../../core/retention/purge.ts';
import { refusalWords } from '../../../core/retention/refusal-words.ts';
import { ok, type Result } from '../../../core/result.ts';
import { iso } from '../../clock.ts';
import type { Answer, Gatehouse, UseCaseFault } from '../../gatehouse.ts';
import type { RetentionFault } from '../../retention-archive.ts';
import { purgedFault } from '../archive-fault.ts';
import { fault, note, noteCounted, noteLook, type UseCaseDeps } from '../deps.ts';
import { standingOf } from '../standing.ts';
import { erasePerson, sessionsLeft, WAITS_MS } from './erase-person.ts';
import { isKnown } from '../people/known.ts';
import { standingAct, stillMayKeep } from './asker.ts';
import { goOnWithHoldSearch, placeHold, searchForHold } from './place-hold.ts';

type RetentionUseCases = Pick<
  Gatehouse,
  | 'placeHold'
  | 'searchForHold'
  | 'goOnWithHoldSearch'
  | 'hold'
  | 'liftHold'
  | 'holds'
  | 'retentionOverview'
  | 'sessionRetention'
  | 'purgeReport'
  | 'purges'
  | 'orderDuePurges'
  | 'purgeEarly'
  | 'sessionsLeft'
  | 'erasePerson'
>;

export function retentionUseCases(deps: UseCaseDeps): RetentionUseCases {
  const looked = async (who: Identity, object: string): Answer<undefined> => {
    const may = await mayKeep(deps, who, 'retention.viewed');
    if (!may.ok) return may;
    await noteLook(deps, { kind: 'retention.viewed', actor: who.email, object, details: {} }, 'retention');
    return may;
  };
  /** Of an act that is refused: why says what there is of others, and what there is not. */
  const refusalLooked = async <T>(who: Identity, object: string, answer: Result<T, UseCaseFault>): Answer<T> => {
    if (!answer.ok)
      await noteLook(deps, { kind: 'retention.viewed', actor: who.email, object, details: {} }, 'refusal');
    return answer;
  };
  return {
    async placeHold(who, scope, reason) {
      const may = await mayKeep(deps, who, 'hold.placed');
      if (!may.ok) return may;
      const about = scope.of === 'session' ? scope.session : 'holds';
      return refusalLooked(who, about, await placeHold(deps, who, scope, reason));
    },

    async searchForHold(who, query) {
      const may = await maySearch(deps, who);
      return may.ok ? searchForHold(deps, who, query) : may;
    },

    async goOnWithHoldSearch(who, search) {
      const may = await maySearch(deps, who);
      return may.ok ? goOnWithHoldSearch(deps, who, search) : may;
    },

    async hold(who, id) {
      const may = await looked(who, id);
      if (!may.ok) return may;
      const hold = await deps.retention.hold(id);
      return hold ? ok(hold) : fault('not_found', NO_HOLD);
    },

    liftHold: (who, id, reason) => liftHold(deps, who, id, reason),

    async holds(who) {
      const may = await looked(who, 'holds');
      if (!may.ok) return may;
      return ok({ holds: await holdsOf(deps) });
    },

    async retentionOverview(who) {
      const may = await looked(who, 'retention');
      if (!may.ok) return may;
      const standing = await standingOf(deps, who);
      if (!standing.ok) return standing;
      const { policy, version } = standing.value;
      const classes = policy.rules.flatMap(({ name, access, record }) =>
        access === 'deny' ? [] : [{ rule: name, retainDays: record.retain / DAY_MS }],
      );
      const [holds, due] = await Promise.all([holdsOf(deps), deps.retentionArchive.due()]);
      return ok({ policyVersion: version, classes, holds, ...(due.ok && { due: due.value.days }) });
    },

    async sessionRetention(who, session) {
      const may = await looked(who, session);
      if (!may.ok) return may;
      const admission = await admissionOf(deps, session);
      if (!admission) return fault('not_found', NO_SESSION);
      const [kept, waiting] = await Promise.all([
        read(deps.retentionArchive.session(session, admission)),
        deps.retention.waiting(session),
      ]);
      if (!kept.ok) return kept;
      const { purged } = admission;
      const asked = waiting && { by: waiting.by, reason: waiting.reason, until: iso(waiting.untilMs) };
      return ok({ ...kept.value, ...(purged && { purged }), ...(asked && { asked }) });
    },

    async purgeReport(who, session) {
      const may = await looked(who, session ?? 'purges');
      return may.ok ? read(deps.retentionArchive.report(session)) : may;
    },

    async purges(who, after) {
      const may = await looked(who, 'purges');
      return may.ok ? read(deps.retentionArchive.purges(after)) : may;
    },

    async orderDuePurges(who, session) {
      const may = await mayKeep(deps, who, 'purge.asked');
      if (!may.ok) return may;
      await note(deps, {
        kind: 'purge.asked',
        actor: who.email,
        object: session ?? 'purges',
        details: { mode: 'due' },
      });
      return ok({ ordered: await deps.retention.run({ session }) });
    },

    async purgeEarly(who, session, reason) {
      const may = await mayKeep(deps, who, 'purge.asked');
      return may.ok ? refusalLooked(who, session, await purgeEarly(deps, who, session, reason)) : may;
    },

    async sessionsLeft(who, email, after) {
      const may = await mayKeep(deps, who, 'retention.viewed');
      return may.ok ? sessionsLeft(deps, who, email, after) : may;
    },

    async erasePerson(who, email, reason) {
      const may = await mayKeep(deps, who, 'person.erased');
      if (!may.ok) return may;
      // Before anything names them: whoever was never here gets no pseudonym.
      const about = (await isKnown(deps, email)) ? email : 'people';
      return refusalLooked(who, about, await erasePerson(deps, who, email, reason));
    },
  };
}

/** An administrator who is no auditor learns nothing of what was recorded, not by a count either. */
async function maySearch(deps: UseCaseDeps, who: Identity): Answer<undefined> {
  const standing = await standingOf(deps, who);
  if (!standing.ok) return standing;
  if (standing.value.auditor) return ok(undefined);
  const details = { reason: 'policy_denied', wanted: 'hold.placed' };
  await noteCounted(deps, { kind: 'attempt.refused', actor: who.email, object: 'retention', details });
  return fault('forbidden', 'What a search finds is held by auditors: it is made over all recordings.');
}

async function holdsOf(deps: UseCaseDeps): Promise<HoldList['holds']> {
  const [holds, told] = await Promise.all([deps.retention.holds(), deps.retentionArchive.holds()]);
  const standings = new Map(told.ok ? told.value.holds.map(({ id, standing }) => [id, standing]) : []);
  return holds.map((hold) => ({
    ...hold,
    standing: standings.get(hold.id),
    ...(coversNobody(hold) && { coversNobody: true as const }),
  }));
}

async function mayKeep(deps: UseCaseDeps, who: Identity, wanted: string): Answer<undefined> {
  const standing = await standingOf(deps, who);
  if (!standing.ok) return standing;
  if (standing.value.auditor || standing.value.administrator) return ok(undefined);
  const details = { reason: 'policy_denied', wanted };
  await noteCounted(deps, { kind: 'attempt.refused', actor: who.email, object: 'retention', details });
  return fault('forbidden', 'Holds and purges are for auditors and administrators.');
}

async function liftHold(deps: UseCaseDeps, who: Identity, id: HoldId, reason: string): Answer<LegalHold> {
  const may = await mayKeep(deps, who, 'hold.lifted');
  if (!may.ok) return may;
  const before = await deps.retention.hold(id);
  if (!before) return fault('not_found', NO_HOLD);
  if (before.lifted) return ok(before);
  const at = iso(deps.clock.now());
  const { lifting: asked } = before;
  const stands = asked && Date.parse(asked.at) + WAITS_MS > deps.clock.now() && (await stillMayKeep(deps, asked.by));
  if (stands && asked.by === who.email) return fault('denied', 'You asked to lift it. Somebody else has to agree.');
  const kind = stands ? 'hold.lifted' : 'hold.lift_asked';
  const after: LegalHold = stands
    ? { ...before, lifted: { by: who.email, at } }
    : { ...before, lifting: { by: who.email, at, reason } };
  await note(deps, { kind, actor: who.email, object: id, details: { reason } });
  if (await deps.retention.putHold(after, before)) return ok(after);
  return fault('conflict', 'Somebody else changed the hold meanwhile. Look at it and try again.');
}

/** Whoever may keep and purge asks. */
async function purgeEarly(deps: UseCaseDeps, who: Identity, session: SessionId, reason: string): Answer<EarlyPurge> {
  const admission = await admissionOf(deps, session);
  if (!admission) return fault('not_found', NO_SESSION);
  // What a hold keeps, the newest too, or a lock that cannot be passed, is said before anybody is asked.
  if (!(await deps.retention.tellHolds())) return fault('unavailable', AWAY);
  const before = await deps.retention.beforeOrder(session);
  if (before.held.length > 0) return fault('denied', refusedEarly([{ why: 'held', holds: [...before.held] }]));
  const kept = await read(deps.retentionArchive.session(session, admission));
  if (!kept.ok) return kept;
  // What its connector stored after the purge has to go too.
  const gone = kept.value.storedAt === undefined ? purgedFault(admission) : undefined;
  if (gone) return gone;
  const underWay = underWayWords(kept.value.purge);
  if (underWay !== undefined) return fault('conflict', underWay);
  if (kept.value.early.length > 0) return fault('denied', refusedEarly(kept.value.early));
  const waiting = await standingAct(deps, session);
  if (waiting?.by === who.email) return fault('denied', 'You asked for it. Somebody else has to agree.');
  if (!waiting) {
    const untilMs = deps.clock.now() + WAITS_MS;
    const details = { mode: 'early', reason };
    await note(deps, { kind: 'purge.asked', actor: who.email, object: session, details });
    await deps.retention.putWaiting(session, { by: who.email, reason, untilMs });
    return ok({ session, state: 'waiting', until: iso(untilMs) });
  }
  const details = { mode: 'early', asked: waiting.by, why: waiting.reason, reason, ...tombstoneOf(kept.value) };
  const { sequence } = await deps.audit.append({ kind: 'purge.ordered', actor: who.email, object: session, details });
  const order = { ...before.order, mode: 'early' as const, audit: sequence, connector: admission.connector };
  await deps.witness.recordPurgeOrdered(session, sequence);
  const ordered = await deps.retentionArchive.order(session, order);
  if (!ordered.ok) {
    // Without an answer it may have come to them.
    if (ordered.error.reason === 'conflict') await deps.witness.dropPurgeOrder(session, sequence);
    const details = { order: sequence, why: ordered.error.against.slice(0, 500) || 'unavailable' };
    await note(deps, { kind: 'purge.refused', actor: 'gatehouse', object: session, details });
    return ordered.error.reason === 'conflict'
      ? fault('conflict', 'Something came up against it meanwhile. Ask what keeps the session, and try again.')
      : fault('unavailable', AWAY);
  }
  await deps.retention.putWaiting(session, undefined);
  return ok({ session, state: 'ordered' });
}

/** undefined: nobody ordered it, or that was refused. */
function underWayWords(purge: SessionRetention['purge']): string | undefined {
  const order = purge?.order ? `entry ${purge.order.audit} of the audit log ordered it` : 'the audit log has the order';
  if (purge?.state === 'ordered') return `Its purge is ordered already (${order}): nobody has to agree any more.`;
  if (purge?.state === 'done')
    return `It is deleted already (${order}). That it is done is written into the audit log within the hour.`;
  return undefined;
}

/** The edge's own word; undefined: it never admitted such a session. */
const admissionOf = async (deps: UseCaseDeps, session: SessionId) => (await deps.witness.admissions([session]))[0];

const NO_HOLD = 'There is no such hold.';
const NO_SESSION = 'There is no such session.';
const AWAY = 'The archive does not answer. Try again.';

async function read<T>(asked: Promise<Result<T, RetentionFault>>): Answer<T> {
  const answer = await asked;
  return answer.ok ? answer : fault('unavailable', AWAY);
}

function refusedEarly(against: readonly PurgeRefusal[]): string {
  const from = possibleFrom(against);
  const because = against.map((refusal) => refusalWords(refusal, (time) => time)).join(' ');
  return from === undefined ? because : `${because} It becomes possible at ${from}.`;
}
