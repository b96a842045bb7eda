// The fake's data: a web shop's database, seen by three people.

import type { ListedConnector, ListedResource } from '../../core/api.ts';
import type { ActionEntry, ReplayEvent, SessionEntry, StatementDetail } from '../../core/catalogue.ts';
import { type ConnectorId, type IdSource, newId } from '../../core/ids.ts';
import type { Coverage } from '../../core/recording/manifest.ts';
import { SiteName } from '../../core/fleet/site.ts';
import { ResourceName } from '../../core/resource.ts';
import type { FakeSession } from './fake-gatehouse.ts';

/** Ids that are the same on every run. */
export function seededIds(now: () => number): IdSource {
  let state = 20261120;
  return {
    now,
    random: (count) =>
      Uint8Array.from({ length: count }, () => {
        state = (state * 1664525 + 1013904223) >>> 0;
        return state >>> 24;
      }),
  };
}

const iso = (ms: number) => new Date(ms).toISOString();

export function demoConnectors(now: number, ids: IdSource): ListedConnector[] {
  return [
    {
      id: newId('con', ids),
      name: 'demo-connector',
      key: 'GmDf2Y8WQw5yfvR0n3Jb0qkqO8m1uJm0cC2H0bXwH5I',
      site: SiteName.parse('office'),
      online: true,
      standing: 'linked',
      protocol: 2,
      resources: ['demo', 'demo-reporting', 'ledger'].map((name) => ResourceName.parse(name)),
      status: {
        accepting: true,
        sessions: 3,
        lagMs: 18,
        logFree: 42_000_000_000,
        backlog: { bytes: 1_400_000, objects: 4, oldest: iso(now - 5_000) },
      },
      build: '0.1.0',
      joinedAt: iso(now - 40 * 86_400_000),
      lastSeenAt: iso(now),
    },
    {
      id: newId('con', ids),
      name: 'warehouse-eu',
      key: 'aX9WQw5yfvR0n3Jb0qkqO8m1uJm0cC2H0bXwH5IGmDc',
      online: false,
      build: '0.1.0',
      joinedAt: iso(now - 12 * 86_400_000),
      lastSeenAt: iso(now - 3 * 3_600_000),
    },
  ];
}

const TERMS: NonNullable<ListedResource['terms']> = {
  rule: 'demo-developers',
  longestSeconds: 8 * 3600,
  reasonRequired: true,
  taskRequired: false,
  approvers: [],
  nobodyElseApproves: false,
  record: { retainSeconds: 30 * 86_400, viewers: ['dba'], viewOwn: true },
  masks: ['customers.email', 'credit-card'],
  blocks: ['drop'],
  holds: [],
};

export function demoResources(connectors: readonly ListedConnector[]): ListedResource[] {
  const [home, warehouse] = connectors;
  if (!home || !warehouse) throw new Error('two connectors are expected');
  const at = (
    name: string,
    on: ListedConnector,
    labels: Record<string, string>,
    description: string,
    mayAsk: boolean,
  ) => ({
    name: name as ResourceName,
    protocol: 'postgres' as const,
    labels,
    description,
    endpoint: { host: '127.0.0.1', port: 15432 },
    connector: { id: on.id, name: on.name, online: on.online },
    mayAsk,
    ...(mayAsk && { terms: TERMS }),
  });
  return [
    at('demo', home, { env: 'demo', team: 'shop' }, 'The web shop: customers, orders, payments', true),
    at('demo-reporting', home, { env: 'demo', team: 'finance' }, 'Nightly copy for reports', true),
    at('warehouse', warehouse, { env: 'staging', region: 'eu-west-1' }, 'Stock and shipments', true),
    at('ledger', home, { env: 'prod', team: 'finance', tier: 'restricted' }, 'Double-entry bookkeeping', false),
  ];
}

export function coverageOf(entry: SessionEntry): Coverage {
  return {
    lanes: { count: 1, first: 0, last: 0, recorded: 'full', exceptions: [], more: 0 },
    masked: [],
    refused: entry.counts.errors > 3 ? [{ reason: 'replication mode', count: 1 }] : [],
    exemptions: [],
  };
}

/** A statement as it is listed; with its end where `more` has one. */
export function statementEntry(
  action: number,
  timeUs: number,
  detail: StatementDetail,
  more: Pick<ActionEntry, 'durationUs' | 'verdict'> = {},
): Extract<ActionEntry, { kind: 'statement' }> {
  const outcome = detail.error ? `${detail.error.severity} ${detail.error.code}` : detail.tags?.join(', ');
  return {
    ...{ action, lane: 0, kind: 'statement', timeUs, title: detail.text.split('\n')[0] ?? '', detail, ...more },
    ...(outcome !== undefined && { outcome }),
  };
}

type Step = StatementDetail & {
  at: number;
  durationUs: number;
  columns?: string[];
  cells?: (string | null)[][];
};

const STORY: readonly Step[] = [
  {
    at: 1.2,
    text: 'select version()',
    tags: ['SELECT 1'],
    rows: 1,
    durationUs: 640,
    columns: ['version'],
    cells: [['PostgreSQL 18.4 on x86_64-pc-linux-gnu, compiled by gcc 12.2.0, 64-bit']],
  },
  {
    at: 6.8,
    text: "-- orders of Friday without an address\nselect o.id, o.placed_at, c.name, c.email\n  from orders o\n  join customers c on c.id = o.customer_id\n where o.address_id is null\n   and o.placed_at >= '2026-11-20'::date\n order by o.placed_at\n limit 20;",
    tags: ['SELECT 2'],
    rows: 2,
    durationUs: 12_480,
    columns: ['id', 'placed_at', 'name', 'email'],
    cells: [
      ['90114', '2026-11-20 07:12:44.103+00', 'Mina Okafor', 'mina.okafor@example.net'],
      ['90131', '2026-11-20 07:40:02.870+00', 'Jonas Lindqvist', 'jonas@example.org'],
    ],
  },
  {
    at: 21.5,
    text: 'select * from adresses where customer_id = $1',
    parameters: [{ type: 23, format: 'text', value: '5512' }],
    durationUs: 410,
    error: { code: '42P01', severity: 'ERROR', message: 'relation "adresses" does not exist' },
  },
  {
    at: 27.4,
    text: 'select * from addresses where customer_id = $1 and deleted_at is null',
    parameters: [{ type: 23, format: 'text', value: '5512' }],
    tags: ['SELECT 3'],
    rows: 3,
    durationUs: 1_930,
    columns: ['id', 'customer_id', 'street', 'city', 'postcode', 'deleted_at'],
    cells: [
      ['811', '5512', 'Storgatan 4', 'Uppsala', '753 31', null],
      ['812', '5512', 'Kungsgatan 18', 'Stockholm', '111 35', null],
      ['977', '5512', 'Box 200', 'Gävle', '801 03', null],
    ],
  },
  { at: 74.0, text: 'begin', tags: ['BEGIN'], rows: 0, durationUs: 150 },
  {
    at: 75.2,
    text: 'update orders set address_id = $1 where id = $2',
    parameters: [
      { type: 23, format: 'text', value: '812' },
      { type: 23, format: 'text', value: '90131' },
    ],
    tags: ['UPDATE 1'],
    rows: 0,
    durationUs: 2_210,
  },
  { at: 76.0, text: 'commit', tags: ['COMMIT'], rows: 0, durationUs: 3_400 },
  {
    at: 88.3,
    text: "copy (select id, total_cents from orders where placed_at > now() - interval '1 day') to stdout with csv",
    tags: ['COPY 1204'],
    rows: 1204,
    bytes: 18_441,
    durationUs: 41_800,
    columns: ['id', 'total_cents'],
    cells: Array.from({ length: 100 }, (_, i) => [String(89_000 + i), String(1999 + i * 37)]),
  },
  {
    at: 96.1,
    text: "do $body$\nbegin\n  raise notice 'checked % orders', (select count(*) from orders);\nend\n$body$;",
    tags: ['DO'],
    rows: 0,
    durationUs: 8_730,
  },
];

export function demoSessions(now: number, ids: IdSource): FakeSession[] {
  const connector = newId('con', ids);
  const story = build(ids, connector, {
    email: 'alice@example.com',
    reason: 'SHOP-812: why do two orders of Friday have no address',
    task: 'SHOP-812',
    startedAt: now - 3_600_000 * 2,
    lastedMs: 104_000,
    state: 'sealed',
    steps: STORY,
  });
  const live = build(ids, connector, {
    email: 'alice@example.com',
    reason: 'SHOP-812: why do two orders of Friday have no address',
    task: 'SHOP-812',
    startedAt: now - 9 * 60_000,
    state: 'live',
    steps: STORY.slice(0, 4),
  });
  const agent = build(ids, connector, {
    email: 'bob@example.com',
    reason: 'Nightly reconciliation',
    task: 'recon-441',
    trace: '4bf92f3577b34da6a3ce929d0e0e4736',
    startedAt: now - 5 * 3_600_000,
    lastedMs: 1_800_000,
    state: 'ended',
    steps: STORY.slice(0, 2),
  });
  const broken = build(ids, connector, {
    email: 'bob@example.com',
    reason: 'Index rebuild on orders',
    startedAt: now - 28 * 3_600_000,
    lastedMs: 411_000,
    state: 'broken',
    fault: 'segment 3 is missing',
    steps: STORY.slice(0, 6),
  });
  const old = Array.from({ length: 58 }, (_, i) =>
    build(ids, connector, {
      email: i % 3 === 0 ? 'bob@example.com' : 'alice@example.com',
      reason:
        ['Look at a stuck order', 'Check the new index', 'Customer asked for her data', 'Explain a slow page'][i % 4] ??
        '',
      startedAt: now - (30 + i * 7) * 3_600_000,
      lastedMs: 40_000 + ((i * 7919) % 900) * 1000,
      state: 'sealed',
      steps: STORY.slice(0, 1 + (i % STORY.length)),
    }),
  );
  return [story, live, agent, broken, ...old];
}

interface Outline {
  email: string;
  reason: string;
  task?: string;
  trace?: string;
  startedAt: number;
  lastedMs?: number;
  state: SessionEntry['state'];
  fault?: string;
  steps: readonly Step[];
}

export function build(ids: IdSource, connector: ConnectorId, outline: Outline): FakeSession {
  const actions = outline.steps.map(({ at, durationUs, columns: _columns, cells: _cells, ...detail }, index) =>
    statementEntry(index + 1, Math.round(at * 1_000_000), detail, { durationUs }),
  );
  const target = actions.reduce((sum, { detail }) => sum + (detail.bytes ?? 220), 900);
  const ended = outline.lastedMs === undefined ? undefined : outline.startedAt + outline.lastedMs;
  const entry: SessionEntry = {
    id: newId('ses', { ...ids, now: () => outline.startedAt }),
    connector,
    resource: 'demo' as ResourceName,
    protocol: 'postgres',
    email: outline.email,
    subject: `http://idp.test#${outline.email}`,
    grant: newId('grt', ids),
    rule: 'demo-developers',
    reason: outline.reason,
    ...(outline.task ? { task: outline.task } : {}),
    ...(outline.trace ? { trace: outline.trace } : {}),
    client: { address: '10.4.0.17', tls: 'TLSv1.3', application: 'psql' },
    startedAt: iso(outline.startedAt),
    ...(ended === undefined
      ? {}
      : { endedAt: iso(ended), end: { reason: 'client_closed', message: 'The client closed the connection.' } }),
    state: outline.state,
    counts: {
      frames: actions.length * 6,
      actions: actions.length,
      statements: actions.length,
      errors: actions.filter(({ detail }) => detail.error).length,
      rows: actions.reduce((sum, { detail }) => sum + (detail.rows ?? 0), 0),
      bytes: { client: 300 + actions.length * 90, target, gateway: 512 },
    },
    segments: Math.max(1, Math.ceil(actions.length / 2)),
    ...(outline.fault ? { fault: outline.fault } : {}),
  };
  const events: ReplayEvent[] = [{ kind: 'opened', timeUs: 0, session: entry }];
  outline.steps.forEach((step, index) => {
    const action = actions[index];
    if (!action) return;
    const { action: statement, timeUs, detail } = action;
    const { text, parameters, error, tags = [], rows = 0, bytes = 220 } = detail;
    const doneUs = timeUs + (action.durationUs ?? 0);
    events.push({ kind: 'statement', timeUs, statement, text, ...(parameters ? { parameters } : {}) });
    if (text.includes('raise notice')) {
      events.push({ kind: 'notice', timeUs: doneUs, severity: 'NOTICE', message: 'checked 90131 orders' });
    }
    if (step.columns && step.cells) {
      const omitted = rows - step.cells.length;
      events.push({ kind: 'rows', timeUs: doneUs, statement, columns: step.columns, rows: step.cells, omitted });
    }
    events.push({
      kind: 'result',
      timeUs: doneUs,
      statement,
      tags,
      rows,
      bytes,
      durationUs: action.durationUs ?? 0,
      ...(error ? { error } : {}),
    });
  });
  if (ended !== undefined) {
    events.push({
      kind: 'ended',
      timeUs: (outline.lastedMs ?? 0) * 1000,
      reason: 'client_closed',
      message: 'The client closed the connection.',
    });
  }
  return { entry, actions, events };
}
