// Looking at recordings. Each method finds out whose session it is, refuses whoever may not see it,
// writes the look down, and only then answers (law 7).

import type { ExportFormat } from '../../core/api.ts';
import type { AuditKind } from '../../core/audit.ts';
import type { SessionEntry, SessionQuery } from '../../core/catalogue.ts';
import type { SessionId } from '../../core/ids.ts';
import type { Identity } from '../../core/identity.ts';
import { isAmong } from '../../core/policy/evaluate.ts';
import { ok, type Result, unreachable } from '../../core/result.ts';
import { entryOf, listedEntry, openingOf, type StoredSession } from '../../core/session-evidence.ts';
import type { ArchiveFault, SessionPlace } from '../archive.ts';
import type { Answer, Gatehouse, UseCaseFault } from '../gatehouse.ts';
import type { Admission } from '../objects/witness.ts';
import { fault, note, type Standing, standingOf, type UseCaseDeps } from './deps.ts';

const FILE_ENDINGS: Readonly<Record<ExportFormat, string>> = { ndjson: 'ndjson', html: 'html', asciicast: 'cast' };
const OBJECT_NAME = /^(\d{8}\.seg|manifest\.json)$/;

type RecordingUseCases = Pick<
  Gatehouse,
  'sessions' | 'session' | 'actions' | 'replay' | 'export' | 'objects' | 'object' | 'witnessed' | 'witnessedSessions'
>;

export function recordingUseCases(deps: UseCaseDeps): RecordingUseCases {
  /** Resolves once the look is allowed and written down. Asks the archive only where the edge itself does not know whose the session is. */
  const look = async (
    who: Identity,
    id: SessionId,
    kind: AuditKind,
    details: Record<string, string>,
  ): Answer<Looked> => {
    const [standing, [admission]] = await Promise.all([standingOf(deps, who), deps.witness.admissions([id])]);
    if (!standing.ok) return standing;
    const place = { id, connector: admission?.connector };
    const stored = admission?.admitted ? undefined : await deps.archive.session(place);
    if (stored && !stored.ok) return archiveFault(stored.error);
    const owner = admission?.admitted ?? (stored && (await ownerBySignature(deps, stored.value, admission)));
    if (!standing.value.auditor && !(owner && mayView(standing.value, who, owner)))
      return refuseLook(deps, who, id, kind);
    await note(deps, { kind, actor: who.email, object: id, details });
    return ok({ place, admission, ...(stored && { stored: stored.value }) });
  };
  const lookInside = async <T>(
    allowed: Awaited<Answer<Looked>>,
    inside: (place: SessionPlace) => Promise<Result<T, ArchiveFault>>,
  ): Answer<T> => (allowed.ok ? read(inside(allowed.value.place)) : allowed);

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
      // One call for the whole page.
      const admissions = await deps.witness.admissions(page.value.sessions.map(({ id }) => id));
      const sessions: SessionEntry[] = [];
      for (const [index, row] of page.value.sessions.entries()) {
        const admission = admissions[index];
        const entry = listedEntry(row, admission ?? {});
        await raiseContradiction(deps, entry);
        const known = admission?.admitted !== undefined && mayView(standing.value, who, entry);
        if ((known || standing.value.auditor) && isAskedFor(entry, asked.value)) sessions.push(entry);
      }
      return ok({ ...page.value, sessions });
    },

    async session(who, id) {
      const allowed = await look(who, id, 'session.viewed', { part: 'detail' });
      if (!allowed.ok) return allowed;
      const { place, admission } = allowed.value;
      const stored = allowed.value.stored ? ok(allowed.value.stored) : await read(deps.archive.session(place));
      if (!stored.ok) return stored;
      const session = entryOf(stored.value, admission ?? {});
      if (!session) return archiveFault('not_found');
      await raiseContradiction(deps, session);
      const { segments, manifest } = stored.value;
      return ok({
        session,
        segments,
        ...(manifest && { manifest: manifest.content, coverage: manifest.content.coverage }),
      });
    },

    async actions(who, id, cursor, limit) {
      return lookInside(await look(who, id, 'session.viewed', { part: 'statements' }), () =>
        deps.archive.actions(id, cursor, limit),
      );
    },

    async replay(who, id) {
      return lookInside(await look(who, id, 'session.viewed', { part: 'replay' }), deps.archive.replay);
    },

    async export(who, id, format) {
      const exported = await lookInside(await look(who, id, 'session.exported', { format }), (place) =>
        deps.archive.export(place, format),
      );
      return exported.ok ? ok({ ...exported.value, fileName: `${id}.${FILE_ENDINGS[format]}` }) : exported;
    },

    async objects(who, id) {
      return lookInside(await look(who, id, 'session.verified', { part: 'objects' }), deps.archive.objects);
    },

    async object(who, id, name) {
      if (!OBJECT_NAME.test(name))
        return fault('not_found', 'A session has objects such as 00000000.seg and manifest.json.');
      return lookInside(await look(who, id, 'session.verified', { part: name }), (place) =>
        deps.archive.object(place, name),
      );
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

interface Looked {
  readonly place: SessionPlace;
  readonly admission: Admission | undefined;
  /** When the archive had to be asked already. */
  readonly stored?: StoredSession;
}

/** Of a session that was admitted before the edge wrote down whose each is: as the manifest says, if it is the connector's. */
async function ownerBySignature(deps: UseCaseDeps, { manifest }: StoredSession, admission: Admission | undefined) {
  const opened = manifest?.content.opened;
  if (!opened || !admission) return undefined;
  const { content, digest, signed } = manifest;
  const registered = async () => (await deps.directory.connector(admission.connector))?.key === content.connector.key;
  const genuine =
    content.connector.id === admission.connector &&
    (admission.manifest === undefined ? signed && (await registered()) : digest === admission.manifest);
  return genuine ? openingOf(opened) : undefined;
}

/** A row that was changed may have come for another question than its session answers. */
function isAskedFor(entry: SessionEntry, { email, resource, task, trace }: SessionQuery): boolean {
  return (
    (email === undefined || entry.email === email.trim().toLowerCase()) &&
    (resource === undefined || entry.resource === resource) &&
    (task === undefined || entry.task === task) &&
    (trace === undefined || entry.trace === trace)
  );
}

/** How long the same contradiction is not told again. */
const SAME_CONTRADICTION_MS = 24 * 3_600_000;

/** Written down, and told to the functions, whose log raises the alarm. */
async function raiseContradiction(deps: UseCaseDeps, { id, contradicted }: SessionEntry): Promise<void> {
  if (!contradicted) return;
  const key = `contradicted ${id} ${contradicted.join()}`;
  if (await deps.directory.isBurned(key, deps.clock.now())) return;
  const details = { fields: contradicted.join(', ') };
  await note(deps, { kind: 'catalogue.contradicted', actor: 'gatehouse', object: id, details });
  await deps.directory.burn(key, deps.clock.now() + SAME_CONTRADICTION_MS);
  await deps.archive.contradicted(id, contradicted);
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
