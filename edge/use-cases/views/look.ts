// A look at one recording: who may, by which right, and the entry in the audit log before anything is shown (law 7).

import type { AuditKind } from '../../../core/audit/audit.ts';
import { exportedBy, type ExportQuery } from '../../../core/replay/exports.ts';
import type { SessionId } from '../../../core/ids.ts';
import type { Identity } from '../../../core/identity.ts';
import { ok } from '../../../core/result.ts';
import type { StoredSession } from '../../../core/session-evidence.ts';
import type { SessionPlace } from '../../archive.ts';
import type { Answer } from '../../gatehouse.ts';
import type { Admission } from '../../ports/witness.ts';
import { archiveFault } from '../archive-fault.ts';
import { note, noteLook, type UseCaseDeps } from '../deps.ts';
import { type Standing, standingOf } from '../standing.ts';
import {
  type Owned,
  ownerByRecord,
  ownerBySignature,
  refuseLook,
  refuseUnapproved,
  refuseUnknown,
  type ViewRight,
  viewRight,
} from './viewing.ts';
import { approvedNow } from './approved.ts';
import { sharedNow } from './shared.ts';

/** What is written down of a look at one session. */
type Look =
  | [kind: 'session.viewed', details: { readonly part: 'page' | 'detail' | 'statements' | 'replay' | 'search' }]
  | [kind: 'session.verified', details: Readonly<Record<string, never>>]
  | [kind: 'session.exported', details: ExportDetails];

type ExportDetails = Omit<ExportQuery, 'part'> & {
  /** An export that goes on in parts: whoever asks again for what was begun, or for the next parts, looks no second time. */
  readonly parts?: true;
};

export const exportedOf = (query: ExportQuery): ExportDetails => ({
  ...exportedBy(query),
  ...(query.part !== undefined && { parts: true }),
});

const shownBy = (details: Look[1]): string => {
  if ('part' in details) return details.part;
  return 'format' in details ? JSON.stringify(details) : VERIFIED;
};

export interface Looked {
  readonly standing: Standing;
  /** The session's; undefined: the edge does not know. */
  readonly rule: string | undefined;
  readonly place: SessionPlace;
  readonly admission: Admission | undefined;
  /** When the archive had to be asked already. */
  readonly stored?: StoredSession;
  /** When the right to look ends, and who passed it on; undefined: it is the policy's own. */
  readonly lent?: { readonly untilMs: number; readonly by?: string };
}

/** Whatever is read to prove a session, its list, an object of it or what was witnessed, is one look. */
export const VERIFIED = 'verified';

/** Resolves once the look is allowed and written down. */
export async function look(deps: UseCaseDeps, who: Identity, id: SessionId, ...[kind, details]: Look): Answer<Looked> {
  const known = await whose(deps, who, id, kind);
  if (!known.ok) return known;
  const { standing, owner, ...found } = known.value;
  const right = viewRight(standing, who, owner);
  const by = right.kind === 'now' ? undefined : await lentNow(deps, standing, who, id, { kind, right, owner });
  if (right.kind === 'on_approval' && !by)
    return refuseUnapproved(deps, who, id, kind, approvalNeeded(id, right.session.rule));
  if (right.kind === 'none' && !by) {
    // A link opens the page alone, and tells of the session.
    const shared = await sharedNow(deps, standing, who, id, owner);
    return refuseLook(deps, who, id, kind, shared !== undefined);
  }
  const event = { kind, actor: who.email, object: id, details: { ...details, ...by?.names } };
  if (kind === 'session.exported' && details.parts === undefined) await note(deps, event);
  // By another request or link it is another look.
  else await noteLook(deps, event, `${shownBy(details)}${Object.values(by?.names ?? {})}`);
  return ok({ ...found, standing, rule: owner?.rule, ...(by && { lent: by.lent }) });
}

interface Lent {
  /** What is named in the audit log. */
  readonly names: { readonly request: string } | { readonly share: string };
  readonly lent: { readonly untilMs: number; readonly by?: string };
}

/** A right that ends by itself: by an approval, or for the page alone by a link. */
async function lentNow(
  deps: UseCaseDeps,
  standing: Standing,
  who: Identity,
  id: SessionId,
  { kind, right, owner }: { kind: Look[0]; right: ViewRight; owner: Owned | undefined },
): Promise<Lent | undefined> {
  if (right.kind === 'on_approval') {
    const asked = { kind: 'view' as const, session: id, owned: right.session, forMs: right.terms.for };
    const approved = await approvedNow(deps, standing, who, asked);
    if (approved) return { names: { request: approved.request }, lent: { untilMs: approved.untilMs } };
  }
  const shared = kind === 'session.viewed' ? await sharedNow(deps, standing, who, id, owner) : undefined;
  return shared && { names: { share: shared.share.id }, lent: { untilMs: shared.untilMs, by: shared.share.by } };
}

interface Known extends Omit<Looked, 'lent' | 'rule'> {
  /** undefined: the edge does not know. */
  readonly owner: Owned | undefined;
}

/** Whose a session is. Asks the archive only where the edge itself does not know. `wanted`: for the entry, where there is none. */
export async function whose(deps: UseCaseDeps, who: Identity, id: SessionId, wanted: AuditKind): Answer<Known> {
  const [standing, [admission]] = await Promise.all([standingOf(deps, who), deps.witness.admissions([id])]);
  if (!standing.ok) return standing;
  const place = { id, connector: admission?.connector };
  // What is stored of it was put there afterwards: that is for whoever verifies it.
  if (admission?.purged && wanted !== 'session.verified')
    return refuseUnknown(deps, who, id, wanted, await purgeToldTo(deps, standing.value, who, id, admission));
  const stored = admission?.admitted ? undefined : await deps.archive.session(place);
  if (stored && !stored.ok) {
    const told = await purgeToldTo(deps, standing.value, who, id, admission);
    return stored.error === 'not_found' ? refuseUnknown(deps, who, id, wanted, told) : archiveFault(stored.error, told);
  }
  const owner =
    ownerByRecord(admission) ?? (stored && (await ownerBySignature(deps, standing.value, stored.value, admission)));
  return ok({ standing: standing.value, owner, place, admission, ...(stored && { stored: stored.value }) });
}

/** Whose a purged session was is forgotten: that there was one is for auditors alone, who are told by a look (law 7). */
async function purgeToldTo(
  deps: UseCaseDeps,
  { auditor }: Standing,
  who: Identity,
  id: SessionId,
  admission: Admission | undefined,
): Promise<Admission | undefined> {
  if (!auditor || !(admission?.purged ?? admission?.purgeOrdered)) return undefined;
  await noteLook(deps, { kind: 'session.viewed', actor: who.email, object: id, details: { part: 'purge' } }, 'purge');
  return admission;
}

const approvalNeeded = (id: SessionId, rule: string) =>
  `Under rule ${rule} somebody has to agree before you watch this session. Ask on its page in the portal, or: gatehouse request-view ${id} --reason TEXT`;
