// The control link of a connector, and a fake edge at its other end.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'vitest';
import type { Report } from '../../core/control.ts';
import { newId, type SessionId } from '../../core/ids.ts';
import { secret } from '../../core/secret.ts';
import { createEdgeLink, type EdgeLink, type EdgeLinkTiming } from '../../connector/control/edge-link.ts';
import { joinEdge } from '../../connector/control/edge-http.ts';
import { createAuthorizer } from '../../connector/control/edge-token.ts';
import { openOutbox, type Outbox } from '../../connector/control/outbox.ts';
import { createLogger } from '../../connector/logger.ts';
import { type FakeEdge, JOIN_TOKEN, startFakeEdge } from './fake-edge.ts';

export const FAST: Partial<EdgeLinkTiming> = {
  welcomeMs: 2_000,
  callMs: 300,
  pingMs: 50,
  graceMs: 150,
  signInLookMs: 10,
  backoffBaseMs: 20,
  backoffCapMs: 60,
};

interface LinkParts {
  readonly directory: string;
  readonly edge: FakeEdge;
  readonly outbox: Outbox;
  /** What the link wrote to its log. */
  readonly lines: { event: string; message?: string }[];
  makeLink(timing?: Partial<EdgeLinkTiming>, more?: Partial<Parameters<typeof createEdgeLink>[0]>): EdgeLink;
}

/** A fake edge, and what makes links to it. `live`: sessions that a hello tells of. */
export async function startLinkParts(live: () => SessionId[]): Promise<LinkParts> {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-link-'));
  const edge = await startFakeEdge();
  const outbox = openOutbox({ directory, onFault: (message) => expect.fail(message) });
  const lines: { event: string; message?: string }[] = [];
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const key = publicKey.export({ format: 'jwk' }).x ?? '';
  const joined = await joinEdge(edge.origin, { token: secret(JOIN_TOKEN), name: 'test', key });
  if (!joined.ok) throw new Error(joined.error.message);
  const makeLink: LinkParts['makeLink'] = (timing = FAST, more = {}) =>
    createEdgeLink({
      edge: edge.origin,
      connector: joined.value,
      build: 'test',
      authorize: createAuthorizer({ connector: joined.value, privateKey, edge: edge.origin }),
      describe: () => ({ resources: [], live: live() }),
      outbox,
      log: createLogger((line) => lines.push(JSON.parse(line)), { level: 'debug' }),
      saltKey: secret(Buffer.alloc(32, 1)),
      random: () => 0.99,
      timing,
      ...more,
    });
  return { directory, edge, outbox, lines, makeLink };
}

export const ended = (session = newId('ses')): Report => ({
  kind: 'session.ended',
  session,
  reason: 'client_closed',
  message: '',
  at: new Date().toISOString(),
});
export const attempt = (email: string): Report => ({
  kind: 'attempt.refused',
  email,
  resource: 'demo',
  protocol: 'postgres',
  reason: 'credentials_wrong',
  clientAddress: '127.0.0.1',
  at: new Date().toISOString(),
});
