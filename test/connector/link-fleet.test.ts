// What connector and edge tell each other of their builds, and how a connector stands, over a real WebSocket.

import { rmSync } from 'node:fs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { FromConnector, FromEdge } from '../../core/control.ts';
import type { ConnectorStatus } from '../../core/fleet/connector-status.ts';
import { SiteName } from '../../core/fleet/site.ts';
import { ResourceName } from '../../core/resource.ts';
import type { EdgeLink } from '../../connector/control/edge-link.ts';
import { answerAll } from './fake-edge.ts';
import { startLinkParts } from './link-parts.ts';

type Welcome = Extract<FromEdge, { kind: 'welcome' }>;
type Told = Extract<FromConnector, { kind: 'connector.status' }>;

let parts: Awaited<ReturnType<typeof startLinkParts>>;
let link: EdgeLink;
let status: Omit<ConnectorStatus, 'lagMs'>;
let draining: boolean;
beforeEach(async () => {
  parts = await startLinkParts(() => []);
  draining = false;
  status = { accepting: true, sessions: 0, logFree: 1, backlog: { bytes: 0, objects: 0 } };
  link = parts.makeLink(undefined, {
    status: () => status,
    describe: () => ({
      ...{ resources: [], live: [], site: SiteName.parse('office'), maskingKey: 'ab' },
      ...(draining && { draining: true as const }),
    }),
  });
});
afterEach(async () => {
  await link.stop(0);
  parts.outbox.close();
  await parts.edge.close();
  rmSync(parts.directory, { recursive: true });
});

const line = (event: string) =>
  vi.waitFor(() => parts.lines.find((one) => one.event === event) ?? expect.fail(), 15_000);
const told = () => parts.edge.messages.filter((one): one is Told => one.kind === 'connector.status');
const hellos = () => parts.edge.messages.filter(({ kind }) => kind === 'hello');

function welcomedWith(welcome: Partial<Welcome>): void {
  parts.edge.onMessage = (message, reply) => {
    if (message.kind !== 'hello') return answerAll(message, reply);
    reply({ kind: 'welcome', policyVersion: 1, understands: [], ...welcome });
  };
}

test('a hello says site, protocol and which masking key, and what it is told of the edge is logged', async () => {
  welcomedWith({ protocol: 2, build: 'gatehouse 9', serving: 3 });
  link.start();
  await link.firstLinked;
  expect(hellos()[0]).toMatchObject({ site: 'office', protocol: 2, maskingKey: 'ab', build: 'test' });
  expect(hellos()[0]).not.toHaveProperty('draining');
  expect(await line('link.up')).toMatchObject({ build: 'gatehouse 9', protocol: 2, serving: 3 });
  expect(link.status()).toMatchObject({ serving: 3 });
  draining = true;
  parts.edge.cut();
  await vi.waitFor(() => expect(hellos().at(-1)).toMatchObject({ draining: true }), 15_000);
});

test('one that serves nothing logs it; an edge of the former release does not say, and that is no fault', async () => {
  welcomedWith({ serving: 0 });
  link.start();
  expect((await line('serving.nothing')).message).toContain('no resource is reached by this connector');
  expect(link.status()).toMatchObject({ state: 'linked', serving: 0 });
  welcomedWith({});
  parts.edge.cut();
  await vi.waitFor(() => expect(link.status()).toMatchObject({ state: 'linked', serving: undefined }), 15_000);
  expect(parts.lines.filter(({ event }) => event === 'serving.nothing')).toHaveLength(1);
});

test('an edge that is too old, and one to which this build is, are a line each', async () => {
  welcomedWith({ protocol: 0 });
  link.start();
  expect(await line('link.down')).toMatchObject({
    level: 'error',
    message: "the edge's build is too old: it speaks link protocol 0, this connector 1 or later: update the edge first",
  });
  parts.edge.onMessage = (message) => {
    if (message.kind === 'hello') parts.edge.hangUp(4403, 'its build is too old');
  };
  await vi.waitFor(
    () =>
      expect(parts.lines.at(-1)).toMatchObject({
        event: 'link.down',
        kind: 'refused',
        message: 'its build is too old',
      }),
    15_000,
  );
});

test('tells how it stands, with the lag of its link; and nothing to an edge that does not know the message', async () => {
  welcomedWith({});
  link.start();
  await link.firstLinked;
  link.tellStatus();
  await link.lookUp({ email: 'a@example.com', resource: 'demo' }, 'postgres');
  expect(told()).toEqual([]);

  welcomedWith({ understands: ['connector.status'] });
  parts.edge.cut();
  await vi.waitFor(() => expect(told()).toMatchObject([{ status: { sessions: 0, accepting: true } }]), 15_000);
  await vi.waitFor(() => {
    status = { ...status, sessions: 7 };
    link.tellStatus();
    expect(told().at(-1)?.status).toMatchObject({ sessions: 7, lagMs: expect.any(Number) });
  }, 15_000);
});

test('differences among replicas are errors of its log', async () => {
  link.start();
  await link.firstLinked;
  parts.edge.send({ kind: 'replicas.differ', what: 'masking_key', other: 'second' });
  expect(await line('replicas.differ')).toMatchObject({ level: 'error', what: 'masking_key', other: 'second' });
  const resource = ResourceName.parse('demo');
  parts.edge.send({ kind: 'replicas.differ', what: 'resource', resource, other: 'second' });
  await vi.waitFor(() => expect(parts.lines.at(-1)).toMatchObject({ what: 'resource', resource }), 15_000);
});
