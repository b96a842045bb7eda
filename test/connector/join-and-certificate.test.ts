// Joining and the listeners' certificate against a server that answers as the edge does.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type SecureContext, TLSSocket } from 'node:tls';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { err } from '../../core/result.ts';
import { type CertificateOptions, keepCertificate } from '../../connector/control/certificate.ts';
import { requestCertificate } from '../../connector/control/edge-http.ts';
import { createAuthorizer } from '../../connector/control/edge-token.ts';
import { ensureJoined, type JoinedIdentity } from '../../connector/control/join.ts';
import { createLogger } from '../../connector/logger.ts';
import { loadIdentity } from '../../connector/state/identity.ts';
import { type FakeEdge, JOIN_TOKEN, startFakeEdge } from './fake-edge.ts';

let state: string;
let edge: FakeEdge;
let lines: string[];
const log = createLogger((line) => lines.push(line), { level: 'debug' });

beforeEach(async () => {
  state = mkdtempSync(join(tmpdir(), 'gatehouse-join-'));
  edge = await startFakeEdge();
  lines = [];
});
afterEach(async () => {
  await edge.close();
  rmSync(state, { recursive: true });
});

function ensure(more: { environment?: Record<string, string>; edge?: string; tokenFile?: string } = {}) {
  const identity = loadIdentity(state);
  if (!identity.ok) throw new Error(identity.error);
  return ensureJoined({
    identity: identity.value,
    config: {
      name: 'test',
      edge: more.edge ?? edge.origin,
      state,
      join: more.tokenFile ? { kind: 'file', path: more.tokenFile } : { kind: 'env', name: 'TOKEN' },
    },
    environment: more.environment ?? { TOKEN: JOIN_TOKEN },
    log,
    giveUpAfterMs: 500,
  });
}

async function joined(): Promise<JoinedIdentity> {
  const result = await ensure();
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

test('joins once; the next start needs no token', async () => {
  const first = await joined();
  const second = await ensure({ environment: {} });
  expect(second).toMatchObject({ ok: true, value: { joined: { connector: first.joined.connector } } });
});

test('takes the token from a file', async () => {
  const tokenFile = join(state, 'token');
  writeFileSync(tokenFile, `${JOIN_TOKEN}\n`);
  expect(await ensure({ tokenFile })).toMatchObject({ ok: true });
});

test.each([
  ['not set', {}, /make a join token in the portal and set TOKEN$/],
  ['of nobody', { TOKEN: 'gjt_wrong' }, /^the edge refused the join token: no such join token\. A token works once/],
])('a token that is %s is one clear sentence without it', async (_name, environment, message) => {
  const result = await ensure({ environment });
  expect(result).toMatchObject({ ok: false, error: { kind: 'refused', message: expect.stringMatching(message) } });
  expect(JSON.stringify(result) + lines.join('')).not.toContain('gjt_wrong');
});

test('a token that was used is refused', async () => {
  await joined();
  rmSync(join(state, 'identity.json'));
  expect(await ensure()).toMatchObject({
    ok: false,
    error: { message: expect.stringContaining('this join token was used') },
  });
});

test('a state directory of another edge is refused, with the way out', async () => {
  await joined();
  const other = await ensure({ edge: 'https://other.example' });
  expect(other).toMatchObject({
    ok: false,
    error: { kind: 'refused', message: expect.stringContaining('belongs to a connector of http://127.0.0.1') },
  });
});

test('an edge that stays away is given up on', async () => {
  await edge.close();
  expect(await ensure()).toMatchObject({
    ok: false,
    error: { kind: 'unreachable', message: expect.stringContaining('ECONNREFUSED') },
  });
  edge = await startFakeEdge();
});

/** As main.ts wires it. */
async function request(csr: string) {
  const { privateKey, joined: at } = await joined();
  return requestCertificate(
    edge.origin,
    csr,
    createAuthorizer({ connector: at.connector, privateKey, edge: edge.origin }),
  );
}

async function certificate(more: Partial<CertificateOptions> = {}) {
  let authority = '';
  const kept = keepCertificate({
    directory: state,
    connectorName: 'test',
    hosts: ['gw.example', '127.0.0.1'],
    request: async (csr) => {
      const answer = await request(csr);
      if (answer.ok) authority = answer.value.authority;
      return answer;
    },
    askAfter: Promise.resolve(),
    log,
    random: () => 0.5,
    retry: { baseMs: 50, capMs: 100 },
    ...more,
  });
  return { kept, authority: () => authority };
}

/** What a client with sslmode=verify-full does, at `host`. */
async function handshake(context: SecureContext, authority: string, host: string): Promise<string> {
  const server = createServer((socket) => {
    new TLSSocket(socket, { isServer: true, secureContext: context }).on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await new Promise((resolve) => {
      const { port } = server.address() as AddressInfo;
      const client = connect({ host: '127.0.0.1', port, servername: host, ca: authority, minVersion: 'TLSv1.2' });
      client.on('secureConnect', () => {
        resolve(client.getProtocol() ?? '');
        client.destroy();
      });
      client.on('error', (error) => resolve(error.message));
      client.on('close', () => resolve('closed'));
    });
  } finally {
    server.close();
  }
}

test('gets a certificate that verifies in full at the names of the listener', async () => {
  const { kept, authority } = await certificate();
  await kept.available;
  const context = kept.current();
  if (!context) throw new Error('no certificate');
  expect(await handshake(context, authority(), 'gw.example')).toBe('TLSv1.3');
  expect(await handshake(context, authority(), 'other.example')).toContain("does not match certificate's altnames");
  kept.stop();
});

test('a restart while the edge is away serves the kept certificate', async () => {
  const first = await certificate();
  await first.kept.available;
  await vi.waitFor(() => expect(lines.join('')).toContain('certificate.renewed'), 15_000);
  first.kept.stop();
  const second = await certificate({ request: async () => err({ kind: 'unreachable', message: 'away' }) });
  expect(second.kept.current()).toBeDefined();
  expect(second.kept.notAfter()).toBe(first.kept.notAfter());
  second.kept.stop();
});

test('other names need another certificate', async () => {
  const first = await certificate();
  await first.kept.available;
  first.kept.stop();
  const second = await certificate({
    hosts: ['new.example'],
    request: async () => err({ kind: 'unreachable', message: 'away' }),
  });
  expect(second.kept.current()).toBeUndefined();
  second.kept.stop();
});

test('is renewed after two thirds of its life, for new connections, and tries again when that fails', async () => {
  edge.certificateLifeMs = 3_000;
  const asked: number[] = [];
  const { kept } = await certificate({
    request: async (csr) => {
      asked.push(Date.now());
      if (asked.length === 2) return err({ kind: 'unreachable', message: 'away' });
      if (asked.length === 3) edge.certificateLifeMs = 86_400_000;
      return request(csr);
    },
  });
  await kept.available;
  const first = kept.current();
  const ends = Date.parse(kept.notAfter() ?? '');
  await vi.waitFor(() => expect(asked).toHaveLength(3), 5_000);
  // A third of its life was left; X.509 counts whole seconds.
  expect(ends - (asked[1] ?? 0)).toBeLessThanOrEqual(1_100);
  await vi.waitFor(() => expect(Date.parse(kept.notAfter() ?? '')).toBeGreaterThan(Date.now() + 80_000_000), 15_000);
  expect(kept.current()).not.toBe(first);
  expect(lines.join('')).toContain('certificate.not_renewed');
  kept.stop();
});

test('never serves one that has ended', async () => {
  let now = Date.now();
  const { kept } = await certificate({ now: () => now });
  await kept.available;
  now += 90_000_000;
  expect(kept.current()).toBeUndefined();
  kept.stop();
});

test('refuses a certificate for a key that is not its own', async () => {
  let foreign: Awaited<ReturnType<typeof request>> | undefined;
  const first = await certificate({
    hosts: ['a.example'],
    request: async (csr) => {
      foreign = await request(csr);
      return foreign;
    },
  });
  await first.kept.available;
  first.kept.stop();
  const { kept } = await certificate({
    hosts: ['b.example'],
    request: async () => foreign ?? err({ kind: 'unreachable', message: 'away' }),
  });
  await vi.waitFor(() => expect(lines.join('')).toContain('a certificate for another key'), 15_000);
  expect(kept.current()).toBeUndefined();
  kept.stop();
});
