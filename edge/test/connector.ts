// A connector as the edge sees one: its key, its tokens, its link.

import { SELF } from 'cloudflare:test';
import { base64url, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { CONNECTOR_UNDERSTANDS, FromEdge, type FromConnector } from '../../core/control.ts';
import type { ConnectorStatus } from '../../core/fleet/connector-status.ts';
import { ConnectorId, newId } from '../../core/ids.ts';
import { callerAs } from './people.ts';
import { EDGE } from './browser.ts';

export const resource = (name: string, labels: Record<string, string> = { env: 'demo' }, host = 'db.example.com') => ({
  name,
  protocol: 'postgres' as const,
  labels,
  endpoint: { host, port: 5432 },
});

type Input<K extends FromConnector['kind']> = Omit<Extract<FromConnector, { kind: K }>, never>;
type EdgeMessage<K extends FromEdge['kind']> = Extract<FromEdge, { kind: K }>;

interface HoldChange {
  readonly rule?: string;
  readonly text?: string;
  readonly digest?: string;
  readonly pattern?: string;
}

export const STATEMENT = {
  text: "grant all on orders to intern -- secret-ish 'x'",
  parameters: [],
  digest: 'ab'.repeat(32),
  tables: ['public.orders'],
  pattern: 'grant',
  inTransaction: true,
};

export class TestConnector {
  readonly id: ConnectorId;
  /** Base64url. */
  readonly key: string;
  readonly #privateKey: CryptoKey;

  constructor(id: ConnectorId, key: string, privateKey: CryptoKey) {
    this.id = id;
    this.key = key;
    this.#privateKey = privateKey;
  }

  async sign(text: string): Promise<string> {
    const signature = await crypto.subtle.sign('Ed25519', this.#privateKey, new TextEncoder().encode(text));
    return base64url.encode(new Uint8Array(signature));
  }

  static async newKey() {
    const { privateKey, publicKey } = await generateKeyPair('EdDSA', { extractable: true });
    const { x = '' } = await exportJWK(publicKey);
    return { privateKey, key: x };
  }

  static async join(name = 'tests', joinToken?: string, site?: string): Promise<TestConnector> {
    const { privateKey, key } = await TestConnector.newKey();
    const bob = await callerAs('bob');
    const token =
      joinToken ??
      (
        await (
          await bob.send('POST', `/connectors/join-tokens${site === undefined ? '' : `?site=${site}`}`)
        ).json<{ token: string }>()
      ).token;
    const joined = await SELF.fetch(`${EDGE}/api/v1/connectors/join`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'cf-connecting-ip': crypto.randomUUID() },
      body: JSON.stringify({ token, name, key }),
    });
    if (joined.status !== 200) throw new Error(`joining answered ${joined.status}`);
    return new TestConnector(
      ConnectorId.parse((await joined.json<{ connector: string }>()).connector),
      key,
      privateKey,
    );
  }

  /** With `change` one thing about it is not as it should be. */
  async jwt(
    change: {
      aud?: string;
      iss?: string;
      sub?: string;
      ageSeconds?: number;
      lifeSeconds?: number;
      jti?: string;
      key?: CryptoKey;
    } = {},
  ): Promise<string> {
    const issued = Math.floor(Date.now() / 1000) - (change.ageSeconds ?? 0);
    return new SignJWT({})
      .setProtectedHeader({ alg: 'EdDSA' })
      .setIssuer(change.iss ?? this.id)
      .setSubject(change.sub ?? this.id)
      .setAudience(change.aud ?? EDGE)
      .setIssuedAt(issued)
      .setExpirationTime(issued + (change.lifeSeconds ?? 60))
      .setJti(change.jti ?? crypto.randomUUID())
      .sign(change.key ?? this.#privateKey);
  }

  async dial(jwt?: string): Promise<Response> {
    return SELF.fetch(`${EDGE}/connectors/link`, {
      headers: { upgrade: 'websocket', authorization: `Bearer ${jwt ?? (await this.jwt())}` },
    });
  }

  /** `understands`: none, as a connector of an earlier release. */
  async link(
    resources: readonly ReturnType<typeof resource>[],
    live: readonly string[] = [],
    understands: readonly string[] = CONNECTOR_UNDERSTANDS,
    more: object = {},
  ): Promise<TestLink> {
    const link = await this.open();
    const said = { kind: 'hello', connector: this.id, build: 'tests', resources, live, ...more };
    link.send({ ...said, ...(understands.length > 0 && { understands }) } as unknown as FromConnector);
    await link.next('welcome');
    return link;
  }

  async open(): Promise<TestLink> {
    const response = await this.dial();
    if (!response.webSocket) throw new Error(`the link answered ${response.status}`);
    return new TestLink(response.webSocket);
  }
}

export class TestLink {
  readonly #socket: WebSocket;
  readonly #arrived: FromEdge[] = [];
  readonly #waiting = new Set<() => void>();
  #call = 0;
  #pong: (() => void) | undefined;
  closed: { code: number; reason: string } | undefined;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.accept();
    socket.addEventListener('message', ({ data }) => {
      if (data === 'pong') return this.#pong?.();
      this.#arrived.push(FromEdge.parse(JSON.parse(String(data))));
      for (const wake of this.#waiting) wake();
    });
    socket.addEventListener('close', ({ code, reason }) => {
      this.closed = { code, reason };
      for (const wake of this.#waiting) wake();
    });
  }

  send(message: FromConnector | string | ArrayBuffer): void {
    this.#socket.send(
      typeof message === 'string' || message instanceof ArrayBuffer ? message : JSON.stringify(message),
    );
  }

  /** How it stands, as a connector tells it. */
  tellStatus(status: Partial<ConnectorStatus> = {}): void {
    const usual = { accepting: true, sessions: 0, logFree: 1e9, backlog: { bytes: 0, objects: 0 } };
    this.send({ kind: 'connector.status', status: { ...usual, ...status } });
  }

  /** Resolves once it was answered, which the runtime does without waking the object. */
  ping(): Promise<void> {
    return new Promise((resolve) => {
      this.#pong = resolve;
      this.#socket.send('ping');
    });
  }

  close(): void {
    this.#socket.close(1000, 'done');
  }

  /** The next message of this kind (and call); others stay for those who ask for them. */
  async next<K extends FromEdge['kind']>(
    kind: K,
    matches: (message: EdgeMessage<K>) => boolean = () => true,
  ): Promise<EdgeMessage<K>> {
    return this.#until(() => {
      const index = this.#arrived.findIndex((message) => message.kind === kind && matches(message as EdgeMessage<K>));
      return index < 0 ? undefined : (this.#arrived.splice(index, 1)[0] as EdgeMessage<K>);
    });
  }

  async whenClosed(): Promise<{ code: number; reason: string }> {
    return this.#until(() => this.closed);
  }

  pending(kind: FromEdge['kind']): number {
    return this.#arrived.filter((message) => message.kind === kind).length;
  }

  async lookUp(email: string, name: string): Promise<EdgeMessage<'grants.found'>> {
    const call = ++this.#call;
    this.send({ kind: 'grants.look_up', call, email, resource: name, protocol: 'postgres' } as Input<'grants.look_up'>);
    return this.next('grants.found', (message) => message.call === call);
  }

  async find(digest: string, name: string): Promise<EdgeMessage<'grants.found'>> {
    const call = ++this.#call;
    this.send({ kind: 'grants.find', call, digest, resource: name, protocol: 'postgres' } as Input<'grants.find'>);
    return this.next('grants.found', (message) => message.call === call);
  }

  async openSession(
    grant: string,
    session: string = newId('ses'),
    address = '10.0.0.9',
  ): Promise<EdgeMessage<'session.admitted' | 'session.refused'>> {
    const call = ++this.#call;
    this.send({ kind: 'session.open', call, session, grant, client: { address } } as Input<'session.open'>);
    return Promise.race([
      this.next('session.admitted', (message) => message.call === call),
      this.next('session.refused', (message) => message.call === call),
    ]);
  }

  /** As the first release asks. `change`: what is not as in an ordinary statement of `session`. */
  async askHold(session: string, request: string, change: HoldChange = {}) {
    const call = ++this.#call;
    const { rule = 'ruled', ...statement } = change;
    this.send({
      kind: 'hold.ask',
      call,
      request,
      session,
      rule,
      policyVersion: 1,
      statement: { ...STATEMENT, ...statement },
    } as unknown as FromConnector);
    return Promise.race([
      this.next('hold.asked', (message) => message.call === call),
      this.next('hold.refused', (message) => message.call === call),
    ]);
  }

  /** As connectors ask now. */
  async askAction(session: string, request: string, action: object) {
    const call = ++this.#call;
    const ask = { call, request, session, rule: 'ruled', policyVersion: 1 };
    this.send({ kind: 'hold.action', ...ask, action } as unknown as FromConnector);
    return Promise.race([
      this.next('hold.asked', (message) => message.call === call),
      this.next('hold.refused', (message) => message.call === call),
    ]);
  }

  async claimHold(session: string, request: string, digest = STATEMENT.digest) {
    const call = ++this.#call;
    this.send({ kind: 'hold.claim', call, request, session, digest } as unknown as FromConnector);
    return Promise.race([
      this.next('hold.claimed', (message) => message.call === call),
      this.next('hold.refused', (message) => message.call === call),
    ]);
  }

  async report(seq: number, report: object): Promise<void> {
    this.send({ kind: 'report', seq, report } as Input<'report'>);
    await this.next('acknowledged', (message) => message.seq === seq);
  }

  #until<T>(find: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => {
        this.#waiting.delete(look);
        reject(
          new Error(`nothing came; closed: ${JSON.stringify(this.closed)}; arrived: ${JSON.stringify(this.#arrived)}`),
        );
      }, 8000);
      const look = () => {
        const found = find();
        if (found === undefined) return;
        clearTimeout(deadline);
        this.#waiting.delete(look);
        resolve(found);
      };
      this.#waiting.add(look);
      look();
    });
  }
}
