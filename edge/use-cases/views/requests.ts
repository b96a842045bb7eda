// Asking to watch a recording, or for its originals: who may ask, and how that stands. What happens to such a request is
// core/approval; whether it was granted is asked at each look (approved.ts).

import type { PendingRequest, RecordingAsk, RecordingTerms } from '../../../core/api.ts';
import { type Approval, isSamePerson, type RecordingKind } from '../../../core/approval/approval.ts';
import { newId, type SessionId } from '../../../core/ids.ts';
import type { Identity } from '../../../core/identity.ts';
import { isAmong } from '../../../core/policy/evaluate.ts';
import { unlockTermsOf } from '../../../core/policy/viewing-terms.ts';
import { ok } from '../../../core/result.ts';
import { sessionEntryOf } from '../../../core/session-evidence.ts';
import { span } from '../../../core/text/amounts.ts';
import { saysSomething } from '../../../core/text/written-text.ts';
import { iso } from '../../clock.ts';
import type { Answer, Gatehouse } from '../../gatehouse.ts';
import { beginRequest } from '../access-requests.ts';
import { linkOf } from '../approvals.ts';
import { archiveFault } from '../archive-fault.ts';
import { fault, note, noteLook, type UseCaseDeps } from '../deps.ts';
import type { Standing } from '../standing.ts';
import { type Owned, refuseLook, ruleNamed, viewRight } from './viewing.ts';
import { approvedNow, openRequests } from './approved.ts';
import { whose } from './look.ts';

export const viewRequestUseCases = (deps: UseCaseDeps): Pick<Gatehouse, 'askForRecording' | 'recordingTerms'> => ({
  askForRecording: (who, id, kind, ask) => askFor(deps, who, id, kind, ask),
  recordingTerms: (who, id, kind) => termsFor(deps, who, id, kind),
});

interface Terms {
  readonly from: readonly string[];
  readonly count: number;
  /** Milliseconds. */
  readonly within: number;
  readonly for: number;
}

interface MayAsk {
  readonly owned: Owned;
  readonly terms: Terms;
}

/** `now`: there is nothing to ask for. undefined: it is not theirs to ask for. */
export function mayAskFor(
  standing: Standing,
  who: Identity,
  owner: Owned | undefined,
  kind: RecordingKind,
): MayAsk | 'now' | undefined {
  const right = viewRight(standing, who, owner);
  if (kind === 'view') {
    if (right.kind === 'on_approval') return { owned: right.session, terms: right.terms };
    return right.kind === 'now' ? 'now' : undefined;
  }
  // Not its own person: what was masked was masked for them.
  if (!owner || isSamePerson(owner, who)) return undefined;
  const record = ruleNamed(standing, owner.rule)?.record;
  const may = standing.auditor || (record !== undefined && isAmong(standing.policy, record.view, who));
  return may ? { owned: owner, terms: unlockTermsOf(record, standing.policy.auditors) } : undefined;
}

async function askFor(
  deps: UseCaseDeps,
  who: Identity,
  id: SessionId,
  kind: RecordingKind,
  { reason, seconds }: RecordingAsk,
): Answer<PendingRequest> {
  if (!(await deps.directory.allow('request', who.email)))
    return fault('rate_limited', 'You have asked too often. Wait a minute.');
  const known = await whose(deps, who, id, WANTED[kind]);
  if (!known.ok) return known;
  const { standing, owner } = known.value;
  const may = mayAskFor(standing, who, owner, kind);
  if (!may) return refuseLook(deps, who, id, WANTED[kind], viewRight(standing, who, owner).kind !== 'none');
  if (may === 'now') return fault('conflict', 'You may watch this session at once. Nobody has to agree.');
  if (!saysSomething(reason)) return fault('bad_request', 'Say why: whoever decides reads it.');
  const { owned, terms } = may;
  const workMs = seconds === undefined ? terms.for : seconds * 1000;
  if (workMs > terms.for)
    return fault('bad_request', `Rule ${owned.rule} gives at most ${span(terms.for)}. Ask for less.`);
  const now = deps.clock.now();
  const { subject, email, name } = who;
  const approval: Approval = {
    id: newId('req', deps.clock),
    subject: {
      kind,
      resource: owned.resource,
      reason,
      labels: {},
      session: id,
      owner: owned.email,
      ownerSubject: owned.subject,
    },
    requester: { subject, email, name },
    rule: owned.rule,
    policyVersion: standing.version,
    state: 'pending',
    askedAt: iso(now),
    decideBy: iso(now + terms.within),
    workMs,
    needed: terms.count,
    votes: [],
    warned: false,
  };
  await note(deps, {
    kind: 'request.made',
    actor: email,
    object: owned.resource,
    details: { request: approval.id, kind, session: id, owner: owned.email, reason, rule: owned.rule },
  });
  return beginRequest(deps, approval);
}

/** The session's row and no more of it, with what asking would mean and how a request of one's own stands. */
async function termsFor(deps: UseCaseDeps, who: Identity, id: SessionId, kind: RecordingKind): Answer<RecordingTerms> {
  const known = await whose(deps, who, id, WANTED[kind]);
  if (!known.ok) return known;
  const { standing, owner, place, admission, stored: read } = known.value;
  const may = mayAskFor(standing, who, owner, kind);
  if (!may) return refuseLook(deps, who, id, WANTED[kind], viewRight(standing, who, owner).kind !== 'none');
  if (may === 'now') return fault('conflict', 'You may watch this session at once. Nobody has to agree.');
  const { owned, terms } = may;
  await noteLook(deps, { kind: 'session.viewed', actor: who.email, object: id, details: { part: 'row' } }, 'row');
  const stored = read ? ok(read) : await deps.archive.session(place);
  if (!stored.ok) return archiveFault(stored.error, admission);
  const session = sessionEntryOf(stored.value, admission ?? {});
  if (!session) return archiveFault('not_found');
  const asked = { kind, session: id, owned };
  const approved = await approvedNow(deps, standing, who, { ...asked, forMs: terms.for });
  const waiting = (await openRequests(deps, who, asked)).find(({ state }) => state === 'pending');
  return ok({
    session,
    from: [...terms.from],
    count: terms.count,
    longestSeconds: Math.floor(terms.for / 1000),
    decideWithinSeconds: Math.floor(terms.within / 1000),
    ...(waiting && { waiting: { id: waiting.id, link: linkOf(deps, waiting.id) } }),
    ...(approved && { approved: { id: approved.request, until: iso(approved.untilMs) } }),
  });
}

const WANTED = { view: 'session.viewed', unlock: 'original.opened' } as const;
