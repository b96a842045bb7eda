// Looking at recordings. Each method finds out whose session it is, refuses whoever may not see it,
// writes the look down, and only then answers (law 7).

import type { ExportFormat } from '../../core/api.ts';
import type { AuditKind } from '../../core/audit.ts';
import type { SessionDetail, SessionEntry, SessionQuery } from '../../core/catalogue.ts';
import type { SessionId } from '../../core/ids.ts';
import type { Identity } from '../../core/identity.ts';
import { isAmong } from '../../core/policy/evaluate.ts';
import { ok, type Result, unreachable } from '../../core/result.ts';
import type { ArchiveFault } from '../archive.ts';
import type { Answer, Gatehouse, UseCaseFault } from '../gatehouse.ts';
import { fault, note, type Standing, standingOf, type UseCaseDeps } from './deps.ts';

const FILE_ENDINGS: Readonly<Record<ExportFormat, string>> = { ndjson: 'ndjson', html: 'html', asciicast: 'cast' };
const OBJECT_NAME = /^(\d{8}\.seg|manifest\.json)$/;

type RecordingUseCases = Pick<
  Gatehouse,
  'sessions' | 'session' | 'actions' | 'replay' | 'export' | 'objects' | 'object' | 'witnessed' | 'witnessedSessions'
>;

export function recordingUseCases(deps: UseCaseDeps): RecordingUseCases {
  /** Resolves once the look is allowed and written down. */
  const look = async (
    who: Identity,
    id: SessionId,
    kind: AuditKind,
    details: Record<string, string>,
  ): Answer<SessionDetail> => {
    const standing = await standingOf(deps, who);
    if (!standing.ok) return standing;
    const detail = await deps.archive.session(id);
    if (!detail.ok) return archiveFault(detail.error);
    if (!mayView(standing.value, who, detail.value.session)) return refuseLook(deps, who, id, kind);
    await note(deps, { kind, actor: who.email, object: id, details });
    return detail;
  };

  return {
    async sessions(who, query) {
      const standing = await standingOf(deps, who);
      if (!standing.ok) return standing;
      const asked = narrow(standing.value, who, query);
      if (!asked.ok) return asked;
      const details = JSON.parse(JSON.stringify(asked.value));
      await note(deps, { kind: 'sessions.listed', actor: who.email, object: 'sessions', details });
      const page = await deps.archive.sessions(asked.value);
      if (!page.ok) return archiveFault(page.error);
      return ok({
        ...page.value,
        sessions: page.value.sessions.filter((entry) => mayView(standing.value, who, entry)),
      });
    },

    session: (who, id) => look(who, id, 'session.viewed', { part: 'detail' }),

    async actions(who, id, cursor, limit) {
      const allowed = await look(who, id, 'session.viewed', { part: 'statements' });
      return allowed.ok ? read(deps.archive.actions(id, cursor, limit)) : allowed;
    },

    async replay(who, id) {
      const allowed = await look(who, id, 'session.viewed', { part: 'replay' });
      return allowed.ok ? read(deps.archive.replay(id)) : allowed;
    },

    async export(who, id, format) {
      const allowed = await look(who, id, 'session.exported', { format });
      if (!allowed.ok) return allowed;
      const exported = await read(deps.archive.export(id, format));
      return exported.ok ? ok({ ...exported.value, fileName: `${id}.${FILE_ENDINGS[format]}` }) : exported;
    },

    async objects(who, id) {
      const allowed = await look(who, id, 'session.verified', { part: 'objects' });
      return allowed.ok ? read(deps.archive.objects(id)) : allowed;
    },

    async object(who, id, name) {
      if (!OBJECT_NAME.test(name))
        return fault('not_found', 'A session has objects such as 00000000.seg and manifest.json.');
      const allowed = await look(who, id, 'session.verified', { part: name });
      return allowed.ok ? read(deps.archive.object(id, name)) : allowed;
    },

    async witnessed(who, id) {
      const standing = await standingOf(deps, who);
      if (!standing.ok) return standing;
      // The witness must answer when the archive no longer does: that is what it is for.
      if (!standing.value.auditor) {
        const allowed = await look(who, id, 'session.verified', { part: 'witness' });
        if (!allowed.ok) return allowed;
      } else {
        await note(deps, { kind: 'session.verified', actor: who.email, object: id, details: { part: 'witness' } });
      }
      const witnessed = await deps.witness.witnessed(id);
      return witnessed ? ok(witnessed) : fault('not_found', 'No such session was admitted here.');
    },

    async witnessedSessions(who, cursor) {
      const standing = await standingOf(deps, who);
      if (!standing.ok) return standing;
      if (!standing.value.auditor)
        return fault('forbidden', 'Only auditors see every session. Verify one of yours by its id.');
      await note(deps, { kind: 'sessions.listed', actor: who.email, object: 'witness', details: {} });
      return ok(await deps.witness.list(cursor));
    },
  };

  async function read<T>(answer: Promise<Result<T, ArchiveFault>>): Answer<T> {
    const result = await answer;
    return result.ok ? result : archiveFault(result.error);
  }
}

/** A rule that is no longer in the policy opens nothing: auditors still see its sessions. */
export function mayView(standing: Standing, who: Identity, entry: Pick<SessionEntry, 'subject' | 'rule'>): boolean {
  if (standing.auditor) return true;
  const rule = standing.policy.rules.find((candidate) => candidate.name === entry.rule);
  if (!rule) return false;
  if (rule.record.viewOwn && entry.subject === who.subject) return true;
  return isAmong(standing.policy, rule.record.view, who);
}

/** The widest question this person may put; what comes back is filtered besides. */
function narrow(standing: Standing, who: Identity, query: SessionQuery): Result<SessionQuery, UseCaseFault> {
  const seesOthers =
    standing.auditor || standing.policy.rules.some((rule) => isAmong(standing.policy, rule.record.view, who));
  if (seesOthers) return ok(query);
  if (query.email !== undefined && query.email.toLowerCase() !== who.email) {
    return fault('forbidden', "You may view your own sessions. Ask an auditor about others'.");
  }
  return ok({ ...query, email: who.email });
}

async function refuseLook(deps: UseCaseDeps, who: Identity, id: SessionId, kind: AuditKind) {
  await note(deps, {
    kind: 'attempt.refused',
    actor: who.email,
    object: id,
    details: { reason: 'policy_denied', wanted: kind },
  });
  return fault('forbidden', 'This session is not yours to view. Ask an auditor.');
}

function archiveFault(reason: ArchiveFault) {
  switch (reason) {
    case 'not_found':
      return fault('not_found', 'There is no such session in the archive, or not yet.');
    case 'bad_request':
      return fault('bad_request', 'The archive did not understand the question. Start again without the cursor.');
    case 'unavailable':
      return fault('unavailable', 'The archive does not answer right now. Try again in a minute.');
    default:
      return unreachable(reason);
  }
}
