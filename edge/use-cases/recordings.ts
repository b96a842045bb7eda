// Looking at recordings. Each method finds out whose session it is, refuses whoever may not see it,
// writes the look down, and only then answers (law 7). A look that goes on is one entry with a count (noteLook); what leaves
// with the looker, an export, is an entry each time.

import type { ListedSession, SessionDetail, SessionEntry, SessionQuery } from '../../core/catalogue.ts';
import type { Identity } from '../../core/identity.ts';
import { toHex } from '../../core/recording/segment.ts';
import { ok, type Result } from '../../core/result.ts';
import { describeQueryMistake, parseQuery } from '../../core/search/parse.ts';
import { catalogueWordOf, sessionEntryOf, listedEntry } from '../../core/session-evidence.ts';
import type { ArchiveFault, SessionPlace } from '../archive.ts';
import { iso } from '../clock.ts';
import type { Answer, Gatehouse } from '../gatehouse.ts';
import type { Admission } from '../ports/witness.ts';
import { INTERVAL_MS } from '../storage/counted-events.ts';
import { archiveFault } from './archive-fault.ts';
import { fault, note, noteLook, type UseCaseDeps } from './deps.ts';
import { viewOf } from './search.ts';
import { standingOf } from './standing.ts';
import { exportedOf, look, type Looked, VERIFIED } from './views/look.ts';
import { endingAt } from './views/until.ts';
import { asSeenUnder, narrow, ownerByRecord, viewRight } from './views/viewing.ts';

const OBJECT_NAME = /^(\d{8}\.seg|manifest\.json)$/;

type RecordingUseCases = Pick<
  Gatehouse,
  | 'sessions'
  | 'session'
  | 'viewSession'
  | 'actions'
  | 'replay'
  | 'searchSession'
  | 'export'
  | 'objects'
  | 'object'
  | 'witnessed'
  | 'witnessedSessions'
  | 'logHead'
  | 'logContinues'
  | 'logEntries'
>;

export function recordingUseCases(deps: UseCaseDeps): RecordingUseCases {
  const lookInside = async <T>(
    allowed: Awaited<Answer<Looked>>,
    inside: (place: SessionPlace) => Promise<Result<T, ArchiveFault>>,
  ): Answer<T> => (allowed.ok ? read(inside(allowed.value.place), allowed.value.admission) : allowed);
  /** Of a body that may be long: it goes no further than the right to it. */
  const streamInside = async (
    allowed: Awaited<Answer<Looked>>,
    inside: (place: SessionPlace) => Promise<Result<ReadableStream<Uint8Array>, ArchiveFault>>,
  ): Answer<ReadableStream<Uint8Array>> => {
    const body = await lookInside(allowed, inside);
    const untilMs = allowed.ok ? allowed.value.lent?.untilMs : undefined;
    return body.ok && untilMs !== undefined ? ok(endingAt(body.value, untilMs, deps.clock)) : body;
  };

  return {
    async sessions(who, query) {
      const standing = await standingOf(deps, who);
      if (!standing.ok) return standing;
      const asked = narrow(standing.value, who, query);
      if (!asked.ok) return asked;
      const details = JSON.parse(JSON.stringify(asked.value));
      const event = { kind: 'sessions.listed' as const, actor: who.email, object: 'sessions', details };
      await noteLook(deps, event, listShown(asked.value));
      const page = await deps.archive.sessions(asked.value);
      if (!page.ok)
        return page.error === 'bad_request' ? fault('bad_request', FOREIGN_CURSOR) : archiveFault(page.error);
      // One call for the whole page.
      const admissions = await deps.witness.admissions(page.value.sessions.map(({ id }) => id));
      const sessions: ListedSession[] = [];
      for (const [index, row] of page.value.sessions.entries()) {
        const admission = admissions[index];
        const entry = listedEntry(row, admission ?? {});
        await raiseContradiction(deps, entry);
        const right = viewRight(standing.value, who, ownerByRecord(admission));
        if (right.kind === 'none' || !isAskedFor(entry, asked.value)) continue;
        const seen = asSeenUnder(standing.value, entry);
        sessions.push(right.kind === 'now' ? seen : { ...seen, needsApproval: true });
      }
      return ok({ ...page.value, sessions });
    },

    async session(who, id) {
      const allowed = await look(deps, who, id, 'session.viewed', { part: 'detail' });
      return allowed.ok ? readDetail(allowed.value) : allowed;
    },

    async viewSession(who, id, { statements, witnessed }) {
      const allowed = await look(deps, who, id, 'session.viewed', { part: 'page' });
      if (!allowed.ok) return allowed;
      const [detail, actions, seen] = await Promise.all([
        readDetail(allowed.value),
        statements && deps.archive.actions(id, statements.cursor, statements.limit),
        witnessed ? deps.witness.witnessed(id) : undefined,
      ]);
      if (!detail.ok) return detail;
      const { lent } = allowed.value;
      return ok({
        detail: detail.value,
        ...(actions?.ok && { statements: actions.value }),
        ...(seen && { witnessed: seen }),
        ...(lent && { lent: { until: iso(lent.untilMs), ...(lent.by !== undefined && { by: lent.by }) } }),
      });
    },

    async actions(who, id, cursor, limit) {
      return lookInside(await look(deps, who, id, 'session.viewed', { part: 'statements' }), () =>
        deps.archive.actions(id, cursor, limit),
      );
    },

    async replay(who, id, query) {
      return streamInside(await look(deps, who, id, 'session.viewed', { part: 'replay' }), (place) =>
        deps.archive.replay(place, query),
      );
    },

    async searchSession(who, id, query) {
      const q = `session:${id} ${query.q}`;
      // It is a query by itself, so that what stands before it narrows it.
      for (const text of [query.q, q]) {
        const asked = parseQuery(text, deps.clock.now());
        if (!asked.ok) return fault('bad_request', describeQueryMistake(asked.error));
      }
      const allowed = await look(deps, who, id, 'session.viewed', { part: 'search' });
      if (!allowed.ok) return allowed;
      const { standing, lent, rule, admission } = allowed.value;
      // A right to this session alone opens no rule to the search beside it: the query names the session.
      const view = { ...viewOf(standing, who), ...(lent && { rules: rule === undefined ? [] : [rule], except: [] }) };
      const page = await read(deps.archive.search({ ...query, q, view }), admission);
      return page.ok ? ok({ ...page.value, hits: page.value.hits.filter(({ session }) => session === id) }) : page;
    },

    async export(who, id, query) {
      const allowed = await look(deps, who, id, 'session.exported', exportedOf(query));
      const asker = await askerOf(who);
      const untilMs = allowed.ok ? allowed.value.lent?.untilMs : undefined;
      const exported = await lookInside(allowed, (place) => deps.archive.export(place, query, asker, untilMs));
      if (!exported.ok || !allowed.ok) return exported as Exclude<typeof exported, { ok: true }>;
      const { value } = exported;
      if (value.kind === 'refused') return fault('bad_request', value.message);
      if (value.kind === 'parts' || untilMs === undefined) return ok(value);
      return ok({ ...value, body: endingAt(value.body, untilMs, deps.clock) });
    },

    async objects(who, id) {
      const allowed = await look(deps, who, id, 'session.verified', {});
      if (!allowed.ok) return allowed;
      const { place, admission, stored: known } = allowed.value;
      const [list, stored] = await Promise.all([
        read(deps.archive.objects(place), admission),
        known ? ok(known) : deps.archive.session(place),
      ]);
      if (!list.ok || (!stored.ok && stored.error !== 'not_found')) return list;
      const catalogue = stored.ok ? catalogueWordOf(stored.value, admission ?? {}) : NOT_LISTED;
      return ok({ ...list.value, catalogue });
    },

    async object(who, id, name) {
      if (!OBJECT_NAME.test(name))
        return fault('not_found', 'A session has objects such as 00000000.seg and manifest.json.');
      return streamInside(await look(deps, who, id, 'session.verified', {}), (place) =>
        deps.archive.object(place, name),
      );
    },

    async witnessed(who, id) {
      const standing = await standingOf(deps, who);
      if (!standing.ok) return standing;
      // The witness must answer when the archive no longer does: that is what it is for.
      if (!standing.value.auditor) {
        const allowed = await look(deps, who, id, 'session.verified', {});
        if (!allowed.ok) return allowed;
      } else {
        await noteLook(deps, { kind: 'session.verified', actor: who.email, object: id, details: {} }, VERIFIED);
      }
      const witnessed = await deps.witness.witnessed(id);
      if (!witnessed) return fault('not_found', 'No such session was admitted here.');
      return ok({ ...witnessed, log: await deps.witness.proofsOf(id) });
    },

    async witnessedSessions(who, cursor) {
      const standing = await standingOf(deps, who);
      if (!standing.ok) return standing;
      if (!standing.value.auditor)
        return fault('forbidden', 'Only auditors see every session. Verify one of yours by its id.');
      await noteLook(deps, { kind: 'sessions.listed', actor: who.email, object: 'witness', details: {} }, 'witness');
      return ok(await deps.witness.list(cursor));
    },

    async logHead(who) {
      const standing = await standingOf(deps, who);
      if (!standing.ok) return standing;
      const [key, checkpoint] = await Promise.all([deps.witness.logKey(), deps.witness.checkpoint()]);
      return ok({ key, checkpoint });
    },

    async logContinues(who, size) {
      const standing = await standingOf(deps, who);
      if (!standing.ok) return standing;
      const continues = await deps.witness.continues(size);
      return continues ? ok(continues) : fault('not_found', `The log has never had ${size} entries.`);
    },

    async logEntries(who, from) {
      const standing = await standingOf(deps, who);
      if (!standing.ok) return standing;
      if (!standing.value.auditor) return fault('forbidden', 'Only auditors read the whole log of sessions.');
      await noteLook(deps, { kind: 'sessions.listed', actor: who.email, object: 'log', details: {} }, 'log');
      const entries = await deps.witness.logEntries(from);
      return ok({ entries, next: from + entries.length });
    },
  };

  async function readDetail({ standing, place, admission, stored: known }: Looked): Answer<SessionDetail> {
    const stored = known ? ok(known) : await read(deps.archive.session(place), admission);
    if (!stored.ok) return stored;
    const session = sessionEntryOf(stored.value, admission ?? {});
    if (!session) return archiveFault('not_found');
    await raiseContradiction(deps, session);
    const { segments, manifest } = stored.value;
    return ok({
      session: asSeenUnder(standing, session),
      segments,
      ...(manifest && { manifest: manifest.content, coverage: manifest.content.coverage }),
    });
  }

  /** Of a session that whoever asks may look at. */
  async function read<T>(answer: Promise<Result<T, ArchiveFault>>, admission: Admission | undefined): Answer<T> {
    const result = await answer;
    return result.ok ? result : archiveFault(result.error, admission);
  }
}

/** For the functions, which count by it and need not know who it is. */
async function askerOf({ subject }: Identity): Promise<string> {
  return toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(`asker\n${subject}`))));
}

const FOREIGN_CURSOR = 'The cursor does not belong to this list. Begin again without it.';
const NOT_LISTED = { listed: false, contradicted: [] };
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

/** Pages of one list are one look at it, and so is a span that moves with the clock of whoever refreshes it. */
function listShown({ cursor: _cursor, limit: _limit, since, until, ...filters }: SessionQuery): string {
  const about = (time: string | undefined) => time && Math.floor(Date.parse(time) / INTERVAL_MS);
  return JSON.stringify([filters, about(since), about(until)]);
}
