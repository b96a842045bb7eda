// Held statements over a real control link, to an edge that goes away, restarts and decides meanwhile.

import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { joinEdge } from '../../connector/control/edge-http.ts';
import { createEdgeLink, type EdgeLink } from '../../connector/control/edge-link.ts';
import { createAuthorizer } from '../../connector/control/edge-token.ts';
import { openOutbox, type Outbox } from '../../connector/control/outbox.ts';
import { createLogger } from '../../connector/logger.ts';
import type { AskedHold, HoldOutcome } from '../../connector/session/edge.ts';
import type { FromConnector, FromEdge } from '../../core/control.ts';
import { newId, type RequestId } from '../../core/ids.ts';
import { Digest } from '../../core/recording/segment.ts';
import { secret } from '../../core/secret.ts';
import { answerAll, type FakeEdge, JOIN_TOKEN, startFakeEdge } from './fake-edge.ts';

const WITHIN_MS = 5_000;
const GRACE_MS = 300;
const ADDRESS = 'https://gatehouse.test/requests/1';

type Decided = Extract<FromEdge, { kind: 'hold.decided' }>;

/** What an edge keeps of approvals, also over its restarts. */
class Approvals {
  readonly known = new Map<RequestId, Decided & { digest: string }>();
  asks = 0;
  claims = 0;
  /** Takes a claim and goes before it answers. */
  loseClaims = false;

  answer = (message: FromConnector, reply: (message: FromEdge) => void): void => {
    if (message.kind === 'hold.action') {
      this.asks++;
      const { request, action } = message;
      const decideBy = new Date(Date.now() + WITHIN_MS).toISOString();
      const found = this.known.get(request) ?? {
        ...{ kind: 'hold.decided' as const, request, state: 'pending' as const, decideBy, by: [], comment: '' },
        digest: action.digest,
      };
      this.known.set(request, found);
      const { digest: _, ...standing } = found;
      reply({ ...standing, kind: 'hold.asked', call: message.call, link: ADDRESS });
    } else if (message.kind === 'hold.claim') {
      this.claims++;
      const found = this.known.get(message.request);
      const fits = found?.digest === message.digest && (found.state === 'approved' || found.state === 'claimed');
      if (found && fits) this.known.set(message.request, { ...found, state: 'claimed' });
      if (this.loseClaims) edge.cut();
      else if (fits) reply({ kind: 'hold.claimed', call: message.call });
      else reply({ kind: 'hold.refused', call: message.call, message: 'Nothing approved fits this.' });
    } else answerAll(message, reply);
  };

  decide(request: RequestId, state: 'approved' | 'denied'): Decided {
    const found = this.known.get(request);
    if (!found) throw new Error('nobody asked for it');
    const decided = { ...found, state, by: ['bob@example.com'], comment: 'go on' };
    this.known.set(request, decided);
    const { digest: _, ...message } = decided;
    return message;
  }
}

let directory: string;
let edge: FakeEdge;
let outbox: Outbox;
let link: EdgeLink;
let approvals: Approvals;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'gatehouse-holds-'));
  edge = await startFakeEdge();
  approvals = new Approvals();
  edge.onMessage = approvals.answer;
  outbox = openOutbox({ directory, onFault: (message) => expect.fail(message) });
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const key = publicKey.export({ format: 'jwk' }).x ?? '';
  const joined = await joinEdge(edge.origin, { token: secret(JOIN_TOKEN), name: 'test', key });
  if (!joined.ok) throw new Error(joined.error.message);
  link = createEdgeLink({
    edge: edge.origin,
    connector: joined.value,
    build: 'test',
    authorize: createAuthorizer({ connector: joined.value, privateKey, edge: edge.origin }),
    describe: () => ({ resources: [], live: [] }),
    outbox,
    log: createLogger(() => {}, { level: 'error' }),
    saltKey: secret(Buffer.alloc(32, 1)),
    timing: { callMs: 500, pingMs: 200, backoffBaseMs: 20, backoffCapMs: 60, holdGraceMs: GRACE_MS, holdRetryMs: 50 },
  });
  link.start();
  await link.firstLinked;
});

afterEach(async () => {
  await link.stop(0);
  outbox.close();
  await edge.close();
  rmSync(directory, { recursive: true });
});

const statement = (withinMs = WITHIN_MS): AskedHold => ({
  request: newId('req'),
  session: newId('ses'),
  rule: 'orders',
  policyVersion: 3,
  withinMs,
  action: {
    kind: 'statement',
    text: 'grant all on t to bob',
    parameters: [null, '1'],
    digest: Digest.parse('ab'.repeat(32)),
    touches: ['t'],
    inTransaction: true,
  },
});

/** The same edge again, with what it had stored. */
async function restart(): Promise<void> {
  const { port } = new URL(edge.origin);
  const { keys } = edge;
  await edge.close();
  edge = await startFakeEdge(Number(port), keys);
  edge.onMessage = approvals.answer;
}
const linked = () => vi.waitFor(() => expect(link.status().state).toBe('linked'), 5_000);
const asked = (times: number) => vi.waitFor(() => expect(approvals.asks).toBe(times), 5_000);
const outcomeSoFar = (outcome: Promise<HoldOutcome>) => Promise.race([outcome, Promise.resolve('none')]);

test('is approved at the edge, claimed once, and then goes on', async () => {
  const held = statement();
  const hold = link.hold(held);
  expect(await hold.link).toBe(ADDRESS);
  edge.send(approvals.decide(held.request, 'approved'));
  expect(await hold.outcome).toEqual({ kind: 'approved', by: ['bob@example.com'], comment: 'go on' });
  expect(approvals.claims).toBe(1);
});

test('held while the edge hangs up, is cut and restarts; approved while it is away; goes on', async () => {
  const held = statement();
  const hold = link.hold(held);
  await hold.link;
  edge.hangUp();
  await asked(2);
  edge.cut();
  await asked(3);
  await restart();
  await asked(4);
  await linked();
  expect(await outcomeSoFar(hold.outcome)).toBe('none');
  const { port } = new URL(edge.origin);
  const { keys } = edge;
  await edge.close();
  approvals.decide(held.request, 'approved');
  edge = await startFakeEdge(Number(port), keys);
  edge.onMessage = approvals.answer;
  expect((await hold.outcome).kind).toBe('approved');
  expect(approvals.claims).toBe(1);
});

test('the answer to its claim is lost with the link: it is claimed again, by the one whose it is', async () => {
  const held = statement();
  const hold = link.hold(held);
  await hold.link;
  approvals.loseClaims = true;
  edge.send(approvals.decide(held.request, 'approved'));
  await vi.waitFor(() => expect(approvals.claims).toBeGreaterThan(0), 5_000);
  expect(await outcomeSoFar(hold.outcome)).toBe('none');
  approvals.loseClaims = false;
  expect((await hold.outcome).kind).toBe('approved');
});

test('the edge never comes back: it expires by itself, and the edge is told when it does come', async () => {
  const held = statement(100);
  const hold = link.hold(held);
  await hold.link;
  approvals.known.clear();
  const { port } = new URL(edge.origin);
  const { keys } = edge;
  const gone = { ...held, request: newId('req') };
  await edge.close();
  await vi.waitFor(() => expect(link.status().state).not.toBe('linked'), 15_000);
  hold.withdraw('client_closed');
  const second = link.hold(gone);
  expect((await hold.outcome).kind).toBe('withdrawn');
  expect((await second.outcome).kind).toBe('expired');
  edge = await startFakeEdge(Number(port), keys);
  edge.onMessage = approvals.answer;
  // Durable: it waited in the outbox. The second never left the connector, so nobody need hear of it.
  await vi.waitFor(() => expect(outbox.size).toBe(0), 5_000);
  const told = edge.messages.flatMap((it) => (it.kind === 'report' ? [it.report] : []));
  expect(told).toMatchObject([{ kind: 'hold.withdrawn', request: held.request, reason: 'client_closed' }]);
  expect(approvals.asks).toBe(1);
});

test('denied while the edge was away', async () => {
  const held = statement();
  const hold = link.hold(held);
  await hold.link;
  approvals.decide(held.request, 'denied');
  edge.cut();
  expect(await hold.outcome).toEqual({ kind: 'denied', by: ['bob@example.com'], comment: 'go on' });
  expect(approvals.claims).toBe(0);
});
