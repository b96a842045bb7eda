// Gatehouse in memory with believable data, for tests and development of the portal alone: it
// authorises like the real one, roughly, and notes every call. Time is an argument.

import { AuditKind, type AuditEntry } from '../../core/audit/audit.ts';
import type { IssuedGrant, ListedConnector, ListedGrant, ListedResource, Me } from '../../core/api.ts';
import type { AuditExportStanding } from '../../core/audit/audit-page.ts';
import type { ExportParts } from '../../core/replay/exports.ts';
import type { ReplayQuery } from '../../core/replay/terminal.ts';
import type { ActionEntry, ReplayEvent, SessionDetail, SessionEntry } from '../../core/catalogue.ts';
import { type GrantId, newId, type SessionId } from '../../core/ids.ts';
import type { Identity } from '../../core/identity.ts';
import { err, ok } from '../../core/result.ts';
import type { SearchHit } from '../../core/search/page.ts';
import type { Gatehouse, UseCaseFault, WaitingDevice } from '../../edge/gatehouse.ts';
import { type FakeApprovals, fakeApprovals } from './fake-approvals.ts';
import { statementEntry, coverageOf, demoConnectors, demoResources, demoSessions, seededIds } from './fake-data.ts';
import { type FakeRetention, fakeRetention } from './archive/fake-retention.ts';
import { fakePeople } from './people/fake-people.ts';
import { fakeSearch } from './archive/fake-search.ts';
import { fakeViews } from './views/fake-views.ts';
import { fakeKeys } from './ssh/fake-keys.ts';

export interface FakeSession {
  entry: SessionEntry;
  /** Of a terminal, as the functions make it. */
  replay?: (query: ReplayQuery) => Promise<ReadableStream<Uint8Array>>;
  actions: ActionEntry[];
  events: ReplayEvent[];
}

export interface FakeGatehouse extends Gatehouse, Pick<ReturnType<typeof fakeViews>, 'needing' | 'tokens'> {
  readonly waitingRequests: FakeApprovals;
  readonly calls: { readonly method: string; readonly actor: string; readonly object: string }[];
  readonly stored: Map<string, FakeSession>;
  readonly listed: ListedGrant[];
  readonly resourceList: ListedResource[];
  readonly waiting: Map<string, WaitingDevice>;
  /** Adds a statement that was answered to a session, for both the list and the replay. */
  append(session: SessionId, text: string): void;
  /** As the audit log's export stands. */
  exportStanding: AuditExportStanding;
  policyText: string;
  policyMistakes: string[];
  policyWarnings: string[];
  readonly keeping: FakeRetention;
  /** Hits that one search gets to see at most. */
  searchedHits: number;
  /** By the join token. */
  joined: ListedConnector | undefined;
  /** While set, every method answers with it. */
  fault: UseCaseFault | undefined;
}

export const PEOPLE = {
  alice: person('alice', 'Alice Aoki', ['demo:developers']),
  bob: person('bob', 'Bob Brandt', ['demo:dba', 'demo:administrators']),
  carol: person('carol', 'Carol Conti', ['demo:auditors']),
} as const;

function person(name: string, fullName: string, groups: string[]): Identity {
  return {
    subject: `http://idp.test#${name}`,
    email: `${name}@example.com`,
    name: fullName,
    groups,
    provider: 'demo',
    authenticatedAt: '2026-11-20T08:00:00.000Z',
  };
}

export function createFakeGatehouse(now: () => number): FakeGatehouse {
  const ids = seededIds(now);
  const stored = new Map(demoSessions(now(), ids).map((session) => [session.entry.id, session]));
  const connectors = demoConnectors(now(), ids);
  const resourceList = demoResources(connectors);
  const listed: ListedGrant[] = [];
  const entries: AuditEntry[] = [];
  const calls: FakeGatehouse['calls'] = [];
  const waiting = new Map<string, WaitingDevice>();
  const iso = (ms: number) => new Date(ms).toISOString();

  const meOf = (who: Identity): Me => ({
    identity: who,
    administrator: who.groups.includes('demo:administrators'),
    auditor: who.groups.includes('demo:auditors'),
  });
  const seesAll = (who: Identity) => meOf(who).administrator || meOf(who).auditor;
  const notFound = err({ reason: 'not_found', message: 'There is no such session among those you may see.' } as const);
  const mayView = (who: Identity, session: FakeSession | undefined): FakeSession | undefined =>
    session && (seesAll(who) || session.entry.email === who.email) ? session : undefined;

  function note(method: string, who: Identity, object = ''): void {
    calls.push({ method, actor: who.email, object });
  }

  function audit(kind: AuditEntry['kind'], actor: string, object: string, details: AuditEntry['details'] = {}): void {
    const previous = entries[0]?.digest ?? '0'.repeat(64);
    const sequence = entries.length + 1;
    const digest = (sequence * 2654435761).toString(16).padStart(64, '7');
    entries.unshift({ sequence, at: iso(now()), kind, actor, object, details, previous, digest });
  }

  function stateOf(grant: ListedGrant): ListedGrant {
    return grant.state === 'active' && Date.parse(grant.until) <= now() ? { ...grant, state: 'expired' } : grant;
  }

  function issue(
    who: Identity,
    resource: ListedResource,
    reason: string,
    seconds: number,
    labels: ListedGrant['labels'],
  ) {
    const grant: ListedGrant = {
      id: newId('grt', ids) as GrantId,
      email: who.email,
      resource: resource.name,
      reason,
      labels,
      from: iso(now()),
      until: iso(now() + seconds * 1000),
      rule: 'demo-developers',
      state: 'active',
      liveSessions: 0,
    };
    listed.unshift(grant);
    audit('grant.issued', who.email, grant.id, { resource: resource.name, seconds });
    return grant;
  }

  function answerWith(who: Identity, resource: ListedResource, grant: ListedGrant): IssuedGrant {
    const secret = `ght_${grant.id.slice(4)}abc234`.replace(/[0189]/g, '7');
    const { host, port } = resource.endpoint;
    return {
      grant: { id: grant.id, secret, resource: grant.resource, until: grant.until },
      connect: {
        ca: 'curl -fsSo gatehouse-ca.pem https://gatehouse.example.com/ca.pem',
        psql: `PGPASSWORD=${secret} psql "host=${host} port=${port} user=${who.email}#${grant.resource} sslmode=verify-full sslrootcert=gatehouse-ca.pem"`,
      },
    };
  }

  const waitingRequests = fakeApprovals(now, ids, note, (who, { subject, workMs }) => {
    const resource = resourceList.find(({ name }) => name === subject.resource);
    if (!resource) throw new Error('no such resource');
    return answerWith(who, resource, issue(who, resource, subject.reason, workMs / 1000, subject.labels));
  });

  const retention = fakeRetention({ stored, ids, now, may: seesAll, note, fault: () => fake.fault });

  const views = fakeViews(waitingRequests, ids, (id) => stored.get(id)?.entry);
  const fake: FakeGatehouse = {
    ...views,
    ...waitingRequests,
    ...fakePeople(now, () => fake.fault),
    waitingRequests,
    calls,
    stored,
    listed,
    resourceList,
    waiting,
    fault: undefined,
    searchedHits: 100,
    joined: undefined,
    exportStanding: { exportedThrough: 1200, waiting: 3, waitingSince: iso(now() - 20_000) },
    policyMistakes: [],
    policyWarnings: [],
    policyText: 'administrators: ["demo:administrators"]\nrules: []\n',

    append(id, text) {
      const session = stored.get(id);
      if (!session) throw new Error(`no session ${id}`);
      const statement = session.actions.length + 1;
      const timeUs = (now() - Date.parse(session.entry.startedAt)) * 1000;
      const detail = { text, tags: ['SELECT 1'], rows: 1, bytes: 40 };
      session.actions.push(statementEntry(statement, timeUs, detail, { durationUs: 900 }));
      session.entry.counts.statements = statement;
      session.entry.counts.actions = statement;
      session.events.push(
        { kind: 'statement', timeUs, statement, text },
        { kind: 'result', timeUs: timeUs + 900, statement, tags: ['SELECT 1'], rows: 1, bytes: 40, durationUs: 900 },
      );
    },

    async me(who) {
      return ok(meOf(who));
    },
    async resources(who) {
      note('resources', who);
      return fake.fault ? err(fake.fault) : ok(resourceList);
    },
    async requestAccess(who, request) {
      note('requestAccess', who, request.resource);
      const resource = resourceList.find(({ name }) => name === request.resource);
      if (!resource?.mayAsk)
        return err({ reason: 'denied', message: `No rule gives you access to ${request.resource}.` });
      if (request.reason.trim() === '') {
        return err({
          reason: 'denied',
          message: `Rule demo-developers asks for a reason. Say why you need ${request.resource}.`,
        });
      }
      const labels = {
        ...(request.task ? { task: request.task } : {}),
        ...(request.trace ? { trace: request.trace } : {}),
      };
      if (resource.approval && !request.breakGlass) {
        const { id, state } = waitingRequests.ask(who, resource.name, request.reason);
        return ok({ request: { id, state, link: `/requests/${id}` } });
      }
      const answer = answerWith(who, resource, issue(who, resource, request.reason, request.seconds ?? 3600, labels));
      return ok(request.breakGlass ? { ...answer, grant: { ...answer.grant, breakGlass: true } } : answer);
    },
    async grants(who) {
      note('grants', who);
      return ok(listed.filter((grant) => seesAll(who) || grant.email === who.email).map(stateOf));
    },
    async revokeGrant(who, id, reason) {
      note('revokeGrant', who, id);
      const grant = listed.find((candidate) => candidate.id === id);
      if (!grant || (grant.email !== who.email && !meOf(who).administrator)) {
        return err({ reason: 'not_found', message: 'There is no such grant among those you may see.' });
      }
      grant.state = 'revoked';
      grant.liveSessions = 0;
      audit('grant.revoked', who.email, id, { reason });
      return ok(grant);
    },
    ...fakeKeys({ now, note }),
    ...retention.useCases,
    ...archiveWork,
    keeping: retention.keeping,
    openTunnel: async () => err({ reason: 'unavailable', message: 'No connector is linked here.' }),
    certifyGrant: async () => err({ reason: 'conflict', message: 'No key is certified here.' }),
    async sessionToEnd(who, id) {
      const entry = mayView(who, stored.get(id))?.entry;
      if (!entry) return notFound;
      const { email, resource, grant, state } = entry;
      return ok({ session: id, email, resource, grant, running: state === 'live' });
    },
    async endSession(who, id, reason) {
      note('endSession', who, id);
      if (fake.fault) return err(fake.fault);
      const entry = mayView(who, stored.get(id))?.entry;
      if (!entry) return notFound;
      const { email, resource, state } = entry;
      if (state !== 'live') return ok({ session: id, email, resource, state: 'over' });
      audit('session.end_requested', who.email, id, { reason });
      entry.state = 'ended';
      entry.endedAt = iso(now());
      entry.end = { reason: 'ended_by_person', message: `Your session was ended by ${who.email}: ${reason}` };
      return ok({ session: id, email, resource, state: 'ending' });
    },
    async connectorToRevoke(who, id) {
      note('connectorToRevoke', who, id);
      const connector = connectors.find((one) => one.id === id);
      return connector
        ? ok({ connector, sessions: 2 })
        : err({ reason: 'not_found', message: 'There is no such connector.' });
    },
    async revokeConnector(who, id, reason) {
      note('revokeConnector', who, id);
      const index = connectors.findIndex((one) => one.id === id);
      const connector = connectors[index];
      if (!connector) return err({ reason: 'not_found', message: 'There is no such connector.' });
      const revoked = { ...connector, online: false, revoked: { at: iso(now()), by: who.email, reason } };
      connectors[index] = revoked;
      return ok({ connector: revoked, sessions: 2, connectorWas: 'told' });
    },
    async rotateConnectorKey(who, id) {
      note('rotateConnectorKey', who, id);
      const connector = connectors.find((one) => one.id === id);
      return connector
        ? ok({ connector, connectorWas: 'told' })
        : err({ reason: 'not_found', message: 'There is no such connector.' });
    },
    async connectors(who) {
      note('connectors', who);
      return ok(connectors);
    },
    async search(who, query) {
      note('search', who);
      if (fake.fault) return err(fake.fault);
      audit('archive.searched', who.email, 'archive', { query: query.q });
      const mine = [...stored.values()].filter((session) => mayView(who, session));
      return ok(fakeSearch(mine, query, now(), fake.searchedHits));
    },

    async sessions(who, query) {
      note('sessions', who);
      if (fake.fault) return err(fake.fault);
      audit('sessions.listed', who.email, query.email ?? 'all');
      const found = [...stored.values()]
        .map(({ entry }) => entry)
        .filter((entry) => seesAll(who) || entry.email === who.email)
        .filter((entry) => !query.email || entry.email === query.email)
        .filter((entry) => !query.resource || entry.resource === query.resource)
        .filter((entry) => !query.task || entry.task === query.task)
        .filter((entry) => !query.trace || entry.trace === query.trace)
        .filter((entry) => !query.since || entry.startedAt >= query.since)
        .sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1));
      const rows = found.map((entry) => (views.kept(who, entry) ? { ...entry, needsApproval: true } : entry));
      return ok(pageOf(rows, query.cursor, query.limit, 'sessions'));
    },
    async session(who, id) {
      note('session', who, id);
      const session = mayView(who, stored.get(id));
      if (!session) return notFound;
      const kept = views.kept(who, session.entry);
      if (kept) return err(kept);
      audit('session.viewed', who.email, id);
      const detail: SessionDetail = { session: session.entry, segments: [] };
      return ok(session.entry.state === 'live' ? detail : { ...detail, coverage: coverageOf(session.entry) });
    },
    async viewSession(who, id, { statements, witnessed }) {
      note('viewSession', who, id);
      const detail = await fake.session(who, id);
      if (!detail.ok) return detail;
      const actions = statements && (await fake.actions(who, id, statements.cursor, statements.limit));
      const seen = witnessed ? await fake.witnessed(who, id) : undefined;
      return ok({
        detail: detail.value,
        ...(actions?.ok && { statements: actions.value }),
        ...(seen?.ok && { witnessed: seen.value }),
      });
    },
    async actions(who, id, cursor, limit) {
      note('actions', who, id);
      const session = mayView(who, stored.get(id));
      return session ? ok(pageOf(session.actions, cursor, limit, 'actions')) : notFound;
    },
    async replay(who, id, query) {
      note('replay', who, id);
      const session = mayView(who, stored.get(id));
      if (session?.replay) return ok(await session.replay(query));
      return session ? ok(ndjson(session.events)) : notFound;
    },
    async searchSession(who, id, { q }) {
      note('searchSession', who, id);
      const session = mayView(who, stored.get(id));
      if (!session) return notFound;
      audit('session.viewed', who.email, id);
      const words = q.toLowerCase();
      if (words.startsWith('"')) return err({ reason: 'bad_request', message: 'This quote is not closed.' });
      const { email, resource, protocol, startedAt } = session.entry;
      const hits = session.actions.flatMap(({ kind, action, lane, timeUs, title }): SearchHit[] => {
        const from = title.toLowerCase().indexOf(words);
        const marks: [number, number][] = [[from, from + words.length]];
        const hit = { session: id, moment: timeUs / 1e6, at: startedAt, snippet: title, marks, kind, action, lane };
        return from < 0 ? [] : [{ ...hit, email, resource, protocol }];
      });
      return ok({ hits: hits.reverse() });
    },
    async export(who, id, { format, part }) {
      note('export', who, id);
      const session = mayView(who, stored.get(id));
      if (!session) return notFound;
      if (part !== undefined) return ok({ kind: 'parts', parts: partsOf(`${id}.${format}`, part === 0) });
      const body = ndjson(session.events);
      return ok({ kind: 'file', contentType: 'application/octet-stream', fileName: `${id}.${format}`, body });
    },
    async objects() {
      return notFound;
    },
    async object() {
      return notFound;
    },
    async witnessed(who, id) {
      const session = mayView(who, stored.get(id));
      if (!session) return notFound;
      const { entry } = session;
      const heads = Array.from({ length: entry.segments }, (_, number) => ({
        number,
        digest: `sha256:${'ab'.repeat(32)}` as never,
        at: entry.startedAt,
      }));
      const base = { session: entry.id, connector: entry.connector, heads };
      return ok(
        entry.endedAt
          ? {
              ...base,
              manifest: { digest: `sha256:${'cd'.repeat(32)}` as never, segments: heads.length, at: entry.endedAt },
            }
          : base,
      );
    },
    async logHead() {
      return err({ reason: 'not_found', message: 'This one keeps no log.' });
    },
    async logContinues() {
      return err({ reason: 'not_found', message: 'This one keeps no log.' });
    },
    async logEntries() {
      return ok({ entries: [], next: 0 });
    },
    async witnessedSessions() {
      return ok({ sessions: [] });
    },
    async audit(who, query) {
      if (!meOf(who).auditor) return err({ reason: 'forbidden', message: 'Only auditors read the audit log.' });
      audit('audit.viewed', who.email, 'audit');
      const kind = AuditKind.safeParse(query.kind);
      const found = entries
        .filter((entry) => !query.actor || entry.actor === query.actor)
        .filter((entry) => !kind.success || entry.kind === kind.data)
        .filter((entry) => !query.since || entry.at >= query.since);
      return ok({ ...pageOf(found, query.cursor, query.limit, 'entries'), names: {}, export: fake.exportStanding });
    },
    async verifyAudit(who) {
      return meOf(who).auditor
        ? ok({ entries: entries.length, whole: true })
        : err({ reason: 'forbidden', message: 'Only auditors read the audit log.' });
    },
    async auditExport(who) {
      return seesAll(who) ? ok(fake.exportStanding) : err({ reason: 'forbidden', message: 'For auditors.' });
    },
    async auditPieces() {
      return ok({ pieces: [] });
    },
    async auditPiece() {
      return notFound;
    },
    async setConnectorSite(_who, _id, site) {
      return ok({ site: site ?? null });
    },
    async createJoinToken(who, site) {
      return meOf(who).administrator
        ? ok({
            token: 'gjt_k7m2q9x4wz8v3b6n',
            id: 'ab'.repeat(32),
            expiresAt: iso(now() + 3_600_000),
            ...(site !== undefined && { site }),
          })
        : err({ reason: 'forbidden', message: 'Only administrators add connectors.' });
    },
    async joinTokenUse(who) {
      return meOf(who).administrator
        ? ok(fake.joined ? { connector: fake.joined.id } : { expiresAt: iso(now() + 3_600_000) })
        : err({ reason: 'forbidden', message: 'Only administrators invite connectors.' });
    },
    async describeDevice(who, code) {
      note('describeDevice', who, code);
      const device = waiting.get(code.toUpperCase());
      return device
        ? ok(device)
        : err({ reason: 'not_found', message: 'No device waits with this code. Check it, or start again there.' });
    },
    async approveDevice(who, code) {
      note('approveDevice', who, code);
      const device = waiting.get(code.toUpperCase());
      waiting.delete(code.toUpperCase());
      return device ? ok(device) : err({ reason: 'not_found', message: 'No device waits with this code.' });
    },
    async denyDevice(who, code) {
      note('denyDevice', who, code);
      const device = waiting.get(code.toUpperCase());
      waiting.delete(code.toUpperCase());
      return device ? ok(device) : err({ reason: 'not_found', message: 'No device waits with this code.' });
    },
    async policy(who) {
      if (!seesAll(who)) {
        return err({ reason: 'forbidden', message: 'Only administrators and auditors read the policy.' });
      }
      return ok({
        version: 7,
        text: fake.policyText,
        appliedAt: iso(now() - 3_600_000),
        appliedBy: PEOPLE.bob.email,
        mistakes: fake.policyMistakes,
        warnings: fake.policyWarnings,
      });
    },
    async applyPolicy() {
      return err({ reason: 'unavailable', message: 'Not part of this fake.' });
    },
    async policyEffects() {
      return err({ reason: 'unavailable', message: 'Not part of this fake.' });
    },
  };

  const demo = resourceList[0];
  if (!demo) throw new Error('no demo resource');
  const active = issue(PEOPLE.alice, demo, 'SHOP-812: why do two orders of Friday have no address', 3600, {
    task: 'SHOP-812',
  });
  active.from = iso(now() - 12 * 60_000);
  active.until = iso(now() + 48 * 60_000);
  active.liveSessions = 1;
  const over = issue(PEOPLE.bob, demo, 'Monthly vacuum of the order tables', 3600, {});
  over.from = iso(now() - 26 * 3_600_000);
  over.until = iso(now() - 25 * 3_600_000);
  for (const [kind, actor, object] of [
    ['identity.signed_in', 'alice@example.com', 'alice@example.com'],
    ['connector.linked', 'gatehouse', connectors[0]?.id ?? ''],
    ['attempt.refused', 'mallory@example.com', 'demo'],
  ] as const) {
    audit(
      kind,
      actor,
      object,
      kind === 'attempt.refused' ? { reason: 'credentials_wrong', address: '203.0.113.9' } : {},
    );
  }
  return fake;
}

/** Cursors are offsets here; the real ones are opaque. */
function pageOf<T, const N extends string>(items: readonly T[], cursor: string | undefined, limit: number, name: N) {
  const from = cursor === undefined ? 0 : Number(cursor);
  const next = from + limit;
  return { [name]: items.slice(from, next), ...(next < items.length ? { cursor: String(next) } : {}) } as Record<
    N,
    T[]
  > & {
    cursor?: string;
  };
}

/** Split at odd places, as a network would. */
function ndjson(events: readonly ReplayEvent[]): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      const next = Math.min(bytes.length, at + 7919);
      controller.enqueue(bytes.slice(at, next));
      at = next;
    },
  });
}

const notHere = async () => err({ reason: 'unavailable' as const, message: 'That is not done here.' });
const archiveWork = {
  reindex: notHere,
  reindexing: notHere,
  hold: notHere,
  searchForHold: notHere,
  goOnWithHoldSearch: notHere,
  erasePerson: notHere,
  sessionsLeft: notHere,
};

/** Of an export that is being written, or is there. */
const partsOf = (fileName: string, ready: boolean): ExportParts => ({
  state: ready ? 'ready' : 'rendering',
  ...{ fileName, contentType: 'text/plain', bytes: 2048, count: 2 },
  parts: ready ? [{ number: 0, bytes: 1024, sha256: 'ab'.repeat(32), url: 'https://store.test/0?signature=x' }] : [],
});
