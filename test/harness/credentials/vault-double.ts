// A server that answers as Vault's HTTP API is documented (https://developer.hashicorp.com/vault/api-docs): logins of four methods,
// KV version 1 and 2, the database engine with dynamic and static roles, leases and tokens that end, and the states of a node.
//
// Not covered: policies (a path is allowed or it is not), response wrapping, the database behind a role, Enterprise's
// replication but for its status codes. Of the AWS method it checks the signature's parts, and asks no AWS.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

interface Lease {
  readonly role: string;
  readonly token: string;
  endsAt: number;
  readonly maxEndsAt: number;
  readonly renewable: boolean;
}

interface VaultDoubleOptions {
  readonly tls?: { readonly cert: string; readonly key: string };
}

export class VaultDouble {
  address = '';
  /** Milliseconds that its tokens and leases live, and at most. */
  tokenMs = 60_000;
  leaseMs = 60_000;
  leaseMaxMs = 600_000;
  renewable = true;
  /** Answers of the next requests, before they are looked at: a status, with headers. */
  readonly next: { readonly status: number; readonly headers?: Record<string, string> }[] = [];
  /** Answers nothing to paths that begin so. */
  silent: string | undefined;
  readonly calls: {
    readonly method: string;
    readonly path: string;
    readonly namespace: string | undefined;
    readonly body: Record<string, unknown>;
  }[] = [];
  readonly tokens = new Map<string, { endsAt: number }>();
  readonly leases = new Map<string, Lease>();
  readonly denied = new Set<string>();
  readonly kv = new Map<string, Record<string, unknown>>();
  readonly statics = new Map<string, { username: string; password: string }>();
  secretId = 'the secret id';
  jwt = 'the jwt';
  #made = 0;
  readonly #close: () => Promise<void>;

  private constructor(close: () => Promise<void>) {
    this.#close = close;
  }

  static async start({ tls }: VaultDoubleOptions = {}): Promise<VaultDouble> {
    const take = (request: IncomingMessage, response: ServerResponse) => void double.#take(request, response);
    const server = tls ? createTlsServer({ cert: tls.cert, key: tls.key }, take) : createServer(take);
    const double = new VaultDouble(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    double.address = `${tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return double;
  }

  close(): Promise<void> {
    return this.#close();
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const path = decodeURIComponent((request.url ?? '').replace(/^\/v1\//, ''));
    const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
    const { method = '', headers } = request;
    this.calls.push({ method, path, namespace: headers['x-vault-namespace'] as string | undefined, body });
    const answer = (status: number, value?: object, more: Record<string, string> = {}) =>
      response.writeHead(status, { 'content-type': 'application/json', ...more }).end(value && JSON.stringify(value));
    const fail = (status: number, ...errors: string[]) => answer(status, { errors });
    if (this.silent !== undefined && path.startsWith(this.silent)) return;
    const said = this.next.shift();
    if (said) return void answer(said.status, { errors: ['Vault is sealed, and the token was hunter2'] }, said.headers);
    if (headers['x-vault-request'] !== 'true') return void fail(412, 'missing X-Vault-Request');
    const login = /^auth\/(.+)\/login$/.exec(path);
    if (login && method === 'POST') {
      if (!this.#knows(login[1] ?? '', body)) return void fail(400, 'invalid role or secret ID');
      const token = `hvs.${++this.#made}`;
      this.tokens.set(token, { endsAt: Date.now() + this.tokenMs });
      return void answer(200, {
        auth: {
          client_token: token,
          lease_duration: this.tokenMs / 1000,
          renewable: this.renewable,
          policies: ['default'],
        },
      });
    }
    const token = String(headers['x-vault-token'] ?? '');
    const held = this.tokens.get(token);
    if (!held || held.endsAt < Date.now() || this.denied.has(path)) return void fail(403, 'permission denied');
    if (path === 'auth/token/renew-self') {
      held.endsAt = Date.now() + this.tokenMs;
      return void answer(200, { auth: { client_token: token, lease_duration: this.tokenMs / 1000, renewable: true } });
    }
    if (path === 'sys/leases/renew') return void this.#renew(body, answer, fail);
    if (path === 'sys/leases/revoke') {
      if (!this.leases.delete(String(body.lease_id))) return void fail(400, 'invalid lease ID');
      return void answer(204);
    }
    const creds = /^(.+)\/creds\/(.+)$/.exec(path);
    if (creds) {
      if (creds[2] !== 'app') return void fail(400, `unknown role: ${creds[2]}`);
      const id = `${path}/${++this.#made}`;
      const now = Date.now();
      const lease = {
        role: 'app',
        token,
        endsAt: now + this.leaseMs,
        maxEndsAt: now + this.leaseMaxMs,
        renewable: this.renewable,
      };
      this.leases.set(id, lease);
      return void answer(200, {
        ...{ lease_id: id, renewable: this.renewable, lease_duration: this.leaseMs / 1000 },
        data: { username: `v-app-${this.#made}`, password: `made password ${this.#made}` },
      });
    }
    const known = this.statics.get(path) ?? this.kv.get(path);
    if (!known) return void fail(404);
    answer(200, { data: /\/data\//.test(path) ? { data: known, metadata: { version: 1 } } : known });
  }

  #renew(
    body: Record<string, unknown>,
    answer: (status: number, value: object) => unknown,
    fail: (status: number, ...errors: string[]) => unknown,
  ): unknown {
    const lease = this.leases.get(String(body.lease_id));
    if (!lease || lease.endsAt < Date.now()) return fail(400, 'lease not found');
    if (!lease.renewable) return fail(400, 'lease is not renewable');
    lease.endsAt = Math.min(lease.maxEndsAt, Date.now() + Number(body.increment) * 1000);
    const left = (lease.endsAt - Date.now()) / 1000;
    return answer(200, { lease_id: body.lease_id, renewable: true, lease_duration: Math.round(left) });
  }

  #knows(mount: string, body: Record<string, unknown>): boolean {
    switch (mount) {
      case 'approle':
        return body.role_id === 'the role id' && body.secret_id === this.secretId;
      case 'kubernetes':
        return body.role === 'gatehouse' && body.jwt === this.jwt;
      case 'aws': {
        const decoded = (name: string) => Buffer.from(String(body[name]), 'base64').toString();
        const headers = JSON.parse(decoded('iam_request_headers')) as Record<string, string[]>;
        const signed = /SignedHeaders=([^,]+)/.exec(headers.authorization?.[0] ?? '')?.[1]?.split(';') ?? [];
        return (
          body.role === 'gatehouse' &&
          body.iam_http_request_method === 'POST' &&
          /^https:\/\/sts\.[a-z0-9-]+\.amazonaws\.com\/$/.test(decoded('iam_request_url')) &&
          decoded('iam_request_body') === 'Action=GetCallerIdentity&Version=2011-06-15' &&
          headers['x-vault-aws-iam-server-id']?.[0] === 'vault.example.com' &&
          ['host', 'x-amz-date', 'x-vault-aws-iam-server-id'].every((name) => signed.includes(name) && name in headers)
        );
      }
      default:
        return false;
    }
  }
}
