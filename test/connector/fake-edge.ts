// An edge for tests: a real WebSocket and HTTP server that speaks core/control.ts and the two
// requests of a connector, with answers a test can script. It checks what the real one checks of a
// token and forgets everything at the end.

import 'reflect-metadata';
import { createPublicKey, verify } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Socket } from 'node:net';
import { BasicConstraintsExtension, Pkcs10CertificateRequest, X509CertificateGenerator } from '@peculiar/x509';
import { decodeJwt, importJWK, jwtVerify } from 'jose';
import { type WebSocket, WebSocketServer } from 'ws';
import { RotationRequest, rotationText } from '../../core/connectors/key-rotation.ts';
import { EDGE_UNDERSTANDS, FromConnector, type FromEdge } from '../../core/control.ts';
import { type ConnectorId, type GrantId, newId, type SessionId } from '../../core/ids.ts';
import type { SessionAdmission } from '../../connector/session/edge.ts';

export const JOIN_TOKEN = 'gjt_00000000000000000000000000000000';

export interface FakeEdge {
  readonly origin: string;
  readonly keys: Map<ConnectorId, string>;
  /** Everything received, in order. */
  readonly messages: FromConnector[];
  /** Dials of the link so far, and how many are open. */
  readonly dials: number;
  readonly open: number;
  /** Sends to the newest link. */
  send(message: FromEdge): void;
  sendText(text: string): void;
  /** Closes every link with this code. */
  hangUp(code?: number, reason?: string): void;
  /** Cuts every TCP connection without a word. */
  cut(): void;
  /** Decides what to do with a message; the default answers like an edge that allows everything. */
  onMessage: (message: FromConnector, reply: (message: FromEdge) => void) => void;
  /** Answer dials with this status instead of letting them in. */
  refuseDials: number | undefined;
  /** As the refusal of a dial says. */
  refuseReason: string;
  answerPings: boolean;
  certificateLifeMs: number;
  /** `lose`: takes a new key and hangs up; `drop`: hangs up before; `refuse`: says no. */
  rotation: 'take' | 'lose' | 'drop' | 'refuse';
  /** Changes of keys that were asked for. */
  readonly rotations: RotationRequest[];
  close(): Promise<void>;
}

const SALT = Buffer.alloc(16, 7).toString('base64');

export function admitted(session: SessionId, grant: GrantId): SessionAdmission {
  return {
    session,
    identity: { subject: 'idp#1', email: 'alice@example.com', groups: [], provider: 'demo', name: 'Alice' },
    grant: {
      id: grant,
      request: newId('req'),
      reason: 'test',
      labels: {},
      until: new Date(Date.now() + 3_600_000).toISOString(),
      rule: 'test',
      policyVersion: 1,
      obligations: { record: { retainDays: 1 } },
    },
    resource: 'demo' as SessionAdmission['resource'],
    protocol: 'postgres',
  };
}

export const RULES = { policyVersion: 1, rule: 'test', limits: {} };

export function answerAll(message: FromConnector, reply: (message: FromEdge) => void): void {
  switch (message.kind) {
    case 'hello':
      reply({ kind: 'welcome', policyVersion: 1, understands: [...EDGE_UNDERSTANDS] });
      break;
    case 'grants.look_up':
      reply({ kind: 'grants.found', call: message.call, salt: SALT, iterations: 4096, candidates: [] });
      break;
    case 'session.open':
      reply({
        kind: 'session.admitted',
        call: message.call,
        opened: admitted(message.session, message.grant),
        rules: RULES,
      });
      break;
    case 'report':
      reply({ kind: 'acknowledged', seq: message.seq });
      break;
  }
}

/** `keys`: of connectors that joined before, for an edge that comes back. */
export async function startFakeEdge(port = 0, keys = new Map<ConnectorId, string>()): Promise<FakeEdge> {
  const messages: FromConnector[] = [];
  const sockets = new Set<WebSocket>();
  const connections = new Set<Socket>();
  const usedTokens = new Set<string>();
  /** By the key that took its place. */
  const replaced = new Map<string, string>();
  const authority = await makeAuthority();
  let newest: WebSocket | undefined;
  let dials = 0;

  async function authenticate(header: string | undefined): Promise<boolean> {
    const token = /^Bearer (.+)$/.exec(header ?? '')?.[1] ?? '';
    try {
      const { payload } = await jwtVerify(
        token,
        await importJWK(
          { kty: 'OKP', crv: 'Ed25519', x: keys.get(decodeJwt(token).iss as ConnectorId) ?? '' },
          'EdDSA',
        ),
        { audience: edge.origin, algorithms: ['EdDSA'], maxTokenAge: '60s' },
      );
      return payload.jti !== undefined && payload.exp !== undefined && payload.sub === payload.iss;
    } catch {
      return false;
    }
  }

  const server = createServer(async (request, response) => {
    const answer = (status: number, body: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { token: string; key: string; csr: string };
    const error = (reason: string, message: string) => ({ error: { reason, message } });
    if (request.url === '/api/v1/connectors/join') {
      if (body.token !== JOIN_TOKEN) return answer(403, error('forbidden', 'no such join token'));
      if (usedTokens.has(body.token)) return answer(409, error('conflict', 'this join token was used'));
      usedTokens.add(body.token);
      const connector = newId('con');
      keys.set(connector, body.key);
      return answer(200, { connector });
    }
    if (request.url === '/api/v1/connectors/certificate') {
      if (!(await authenticate(request.headers.authorization))) return answer(401, error('unauthorized', 'no'));
      if (!body.csr.includes('CERTIFICATE REQUEST')) return answer(400, error('bad_request', 'this is no request'));
      return answer(200, await authority.issue(body.csr, edge.certificateLifeMs));
    }
    if (request.url === '/api/v1/connectors/rotation') {
      const asked = RotationRequest.parse(body);
      edge.rotations.push(asked);
      const has = keys.get(asked.connector);
      if (edge.rotation === 'drop') return request.socket.destroy();
      const text = Buffer.from(rotationText(edge.origin, asked));
      const isSigned = (x: string, signature: string) =>
        verify(
          null,
          text,
          createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }),
          Buffer.from(signature, 'base64url'),
        );
      const isBoth = isSigned(asked.oldKey, asked.signatures.old) && isSigned(asked.newKey, asked.signatures.new);
      const isKnown = has === asked.oldKey || (has === asked.newKey && replaced.get(asked.newKey) === asked.oldKey);
      if (edge.rotation === 'refuse' || !isBoth || !isKnown) return answer(403, error('forbidden', 'not this key'));
      keys.set(asked.connector, asked.newKey);
      replaced.set(asked.newKey, asked.oldKey);
      if (edge.rotation === 'lose') return request.socket.destroy();
      return answer(200, { connector: asked.connector, key: asked.newKey });
    }
    return answer(404, error('not_found', 'no'));
  });
  server.on('connection', (socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
  });

  const links = new WebSocketServer({ noServer: true });
  server.on('upgrade', async (request, socket, head) => {
    dials++;
    const allowed = request.url === '/connectors/link' && (await authenticate(request.headers.authorization));
    const status = edge.refuseDials ?? (allowed ? undefined : 401);
    if (status !== undefined) {
      const body = JSON.stringify({ error: { reason: edge.refuseReason, message: 'this connector is not known' } });
      socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`);
      return;
    }
    links.handleUpgrade(request, socket, head, (link) => {
      newest = link;
      sockets.add(link);
      link.on('close', () => sockets.delete(link));
      link.on('message', (data) => {
        const text = String(data);
        if (text === 'ping') {
          if (edge.answerPings) link.send('pong');
          return;
        }
        const message = FromConnector.parse(JSON.parse(text));
        messages.push(message);
        edge.onMessage(message, (answer) => link.send(JSON.stringify(answer)));
      });
    });
  });

  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const edge: FakeEdge = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    keys,
    messages,
    get dials() {
      return dials;
    },
    get open() {
      return sockets.size;
    },
    send: (message) => newest?.send(JSON.stringify(message)),
    sendText: (text) => newest?.send(text),
    hangUp(code = 1012, reason = '') {
      for (const socket of sockets) socket.close(code, reason);
    },
    cut() {
      for (const connection of connections) connection.destroy();
    },
    onMessage: answerAll,
    refuseDials: undefined,
    refuseReason: 'unauthorized',
    answerPings: true,
    certificateLifeMs: 86_400_000,
    rotation: 'take',
    rotations: [],
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      edge.cut();
      await closed;
    },
  };
  return edge;
}

async function makeAuthority() {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const root = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=Test authority',
    keys,
    signingAlgorithm: algorithm,
    extensions: [new BasicConstraintsExtension(true, 0, true)],
  });
  return {
    async issue(csr: string, lifeMs: number) {
      const request = new Pkcs10CertificateRequest(csr);
      const notBefore = new Date();
      const notAfter = new Date(Date.now() + lifeMs);
      const certificate = await X509CertificateGenerator.create({
        subject: request.subject,
        issuer: root.subject,
        notBefore,
        notAfter,
        publicKey: request.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: algorithm,
        extensions: request.extensions,
      });
      return {
        certificate: certificate.toString('pem'),
        authority: root.toString('pem'),
        notAfter: notAfter.toISOString(),
      };
    },
  };
}
