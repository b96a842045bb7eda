// Everything that `npm start` brings up, in order, and how it goes down again.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { type ListedResource, ResourceList } from '../../core/api.ts';
import { ProtocolName } from '../../core/protocols.ts';
import { type Secret, secret } from '../../core/secret.ts';
import { showNoteKey } from '../../core/tlog/note.ts';
import { logSigner } from '../../edge/authority/log-signer.ts';
import { ApiClient } from '../api-client.ts';
import { Failure } from '../failure.ts';
import { type ConnectorProgram, checkConnectorFile, connectorProgram } from './connector-program.ts';
import { writeConnectorFile } from './connector-file.ts';
import { type ArchiveSettings, keepArchive } from './data/archive-settings.ts';
import { type DataDir, exists } from './data/data-dir.ts';
import { runDemoSession } from './demo-session.ts';
import { dropDevFile, writeDevFile } from './data/dev-file.ts';
import type { NoticeSettings } from './notice-settings.ts';
import { oidcIssuer } from './oidc/oidc.ts';
import { DEMO_PEOPLE, PROVIDER_NAME } from './people.ts';
import { loadMysqlPassword, mysqlResource } from './mysql/mysql-resource.ts';
import type { DemoTarget } from './options.ts';
import { offersTls, type Ports } from './ports.ts';
import { sshResource } from './ssh/ssh-keys.ts';
import { type DevSecrets, loadSecrets } from './data/secrets.ts';
import { signInAs } from './sign-in.ts';
import { Supervisor } from './supervisor.ts';
import { dropElsewhere } from './unprivileged.ts';

interface EnvironmentOptions {
  readonly dir: DataDir;
  readonly ports: Ports;
  /** A connector.yaml instead of the demo's targets. */
  readonly connectorFile: string | undefined;
  /** Demo targets beside the database. */
  readonly with: ReadonlySet<DemoTarget>;
  /** YAML. In force from the first start of a data folder on. */
  readonly policy: string;
  /** Somebody named it: then it also takes the place of the one that the folder holds. */
  readonly policyIsChosen: boolean;
  readonly archive: ArchiveSettings;
  /** The name that the archive's bucket bears; undefined: it is a directory. */
  readonly store: string | undefined;
  /** Where the edge tells of requests. */
  readonly notices: NoticeSettings;
}

const HOST = 'localhost';
const StoredPolicy = z.object({ text: z.string() });
const ONLINE_WITHIN_MS = 30_000;
const CLIENT_ID = 'gatehouse-portal';

export class Environment {
  readonly portal: string;
  readonly listeners: Readonly<Partial<Record<ProtocolName, { readonly host: string; readonly port: number }>>>;
  /** What the connector announced. */
  resources: readonly ListedResource[] = [];
  readonly #options: EnvironmentOptions;
  readonly #supervisor: Supervisor;
  #tokens = new Map<string, { token: Secret<string>; expiresAt: string }>();
  #refresh: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #stopped: Promise<void> | undefined;

  constructor(options: EnvironmentOptions) {
    this.#options = options;
    // Port 80 is no part of an origin.
    this.portal = new URL(`http://${HOST}:${options.ports.portal}`).origin;
    // Somebody's own targets may be of any protocol.
    const wanted = ProtocolName.options.filter(
      (name) =>
        name === 'postgres' ||
        options.connectorFile !== undefined ||
        [...options.with].some((target) => target === name),
    );
    this.listeners = Object.fromEntries(
      wanted.map((name) => [name, { host: HOST, port: options.ports.listeners[name] }]),
    );
    this.#supervisor = new Supervisor(options.dir.logs, () => this.#writeDevFile());
  }

  /** All that it listens on, its targets included. */
  get ports(): readonly number[] {
    const { listeners: _, postgres, mariadb, sshd, ...own } = this.#options.ports;
    return [
      ...Object.values(own),
      ...Object.values(this.listeners).map(({ port }) => port),
      ...(this.#options.connectorFile === undefined ? [postgres] : []),
      ...(this.#options.with.has('mysql') ? [mariadb] : []),
      ...(this.#options.with.has('ssh') ? [sshd] : []),
    ];
  }

  /** Resolves when all of it answers; throws a Failure of one line. */
  async start(progress: (text: string) => void): Promise<void> {
    const { dir, connectorFile, archive } = this.#options;
    const secrets = await loadSecrets(dir.path);
    if (connectorFile !== undefined) {
      for (const fault of await checkConnectorFile(this.#connectorProgram(connectorFile, secrets))) progress(fault);
    }
    // A bucket that is refused ends the start before anything else is begun.
    if (archive.kind === 's3') {
      progress('trying the archive: locks, conditions, checksums');
      await this.#startFunctions(secrets, progress);
    }
    progress('starting the edge, the functions, the identity provider and the database');
    await Promise.all([
      this.#startOidc(secrets),
      ...(archive.kind === 's3' ? [] : [this.#startFunctions(secrets, progress)]),
      this.#startEdge(secrets),
      ...(connectorFile === undefined ? [this.#startPostgres(secrets)] : []),
      ...(this.#options.with.has('mysql') ? [this.#startMariadb()] : []),
      ...(this.#options.with.has('ssh') ? [this.#startSshd()] : []),
    ]);
    progress('starting the connector, signing in as the demo people');
    await Promise.all([this.#startConnector(secrets), this.#signInEverybody()]);
    this.resources = await this.#untilOnline();
    await this.#applyPolicy(progress);
    await this.#demoSession(progress);
    await this.#supervisor.settle();
    await this.#writeDevFile();
  }

  stop(): Promise<void> {
    this.#stopped ??= (async () => {
      clearTimeout(this.#refresh);
      await this.#supervisor.stop();
      await this.#writing.catch(() => {});
      await dropDevFile(this.#options.dir.path).catch(() => {});
    })();
    return this.#stopped;
  }

  #startOidc(secrets: DevSecrets): Promise<unknown> {
    const settings = {
      port: this.#options.ports.oidc,
      clientId: CLIENT_ID,
      clientSecret: secrets.oidcClient,
      redirectUri: `${this.portal}/login/callback`,
      keyFile: join(this.#options.dir.oidc, 'keys.json'),
    };
    return this.#supervisor.start({ name: 'oidc', run: { kind: 'child', entry: './oidc/oidc-process.ts', settings } });
  }

  async #startFunctions(secrets: DevSecrets, progress: (text: string) => void): Promise<void> {
    const { key } = await logSigner(secret(Uint8Array.from(Buffer.from(secrets.edge, 'base64'))), this.portal);
    const { dir, ports, archive, store } = this.#options;
    const bucket = archive.kind === 's3' && { place: { ...archive.place, ...archive.keys }, lock: archive.lock, store };
    const settings = {
      port: ports.functions,
      dynamodbPort: ports.dynamodb,
      dynamodbPath: dir.dynamodb,
      objects: dir.objects,
      search: dir.search,
      ...(bucket && { bucket }),
      token: secrets.functions,
      edgeKey: showNoteKey(key),
    };
    const run = { kind: 'child', entry: './functions-process.ts', settings } as const;
    for (const note of await this.#supervisor.start({ name: 'functions', run })) progress(note);
    if (bucket) await keepArchive(dir);
  }

  #startEdge(secrets: DevSecrets): Promise<unknown> {
    const { dir, ports, policy } = this.#options;
    const settings = {
      port: ports.portal,
      persistDirectory: dir.edge,
      settings: {
        PUBLIC_URL: this.portal,
        OIDC_ISSUER: oidcIssuer(ports.oidc),
        OIDC_CLIENT_ID: CLIENT_ID,
        OIDC_CLIENT_SECRET: secrets.oidcClient,
        OIDC_EXTRA_SCOPES: 'groups',
        PROVIDER_NAME,
        EDGE_SECRET: secrets.edge,
        POLICY: policy,
        FUNCTIONS_URL: functionsUrl(ports),
        FUNCTIONS_TOKEN: secrets.functions,
        CONNECTOR_JOIN_TOKEN: secrets.joinToken,
        ...this.#options.notices,
      },
    };
    return this.#supervisor.start({ name: 'edge', run: { kind: 'child', entry: './edge-process.ts', settings } });
  }

  async #startPostgres(secrets: DevSecrets): Promise<unknown> {
    const { dir, ports } = this.#options;
    if (dir.isNew) await dropElsewhere(dir.postgres);
    const settings = {
      port: ports.postgres,
      cluster: dir.postgres,
      rolePassword: secrets.postgresRole,
      adminPassword: secrets.postgresAdmin,
    };
    const run = { kind: 'child', entry: './postgres/postgres-process.ts', settings } as const;
    return this.#supervisor.start({ name: 'database', run });
  }

  async #startMariadb(): Promise<unknown> {
    const { dir, ports } = this.#options;
    if (dir.isNew) await dropElsewhere(dir.mysql);
    const settings = { port: ports.mariadb, data: dir.mysql, password: await loadMysqlPassword(dir.path) };
    const run = { kind: 'child', entry: './mysql/mariadb-process.ts', settings } as const;
    return this.#supervisor.start({ name: 'mysql-database', run });
  }

  #startSshd(): Promise<unknown> {
    const { dir, ports } = this.#options;
    const settings = { port: ports.sshd, directory: dir.ssh };
    const run = { kind: 'child', entry: './ssh/sshd-process.ts', settings } as const;
    return this.#supervisor.start({ name: 'ssh-host', run });
  }

  async #startConnector(secrets: DevSecrets): Promise<void> {
    const { dir, ports, connectorFile } = this.#options;
    const withMysql = this.#options.with.has('mysql');
    const more = [
      ...(withMysql ? [mysqlResource(dir.path, ports.mariadb)] : []),
      ...(this.#options.with.has('ssh') ? [await sshResource(dir.ssh, ports.sshd)] : []),
    ];
    const listeners = withMysql ? { mysql: { serverVersion: '10.11.0-MariaDB-gatehouse' } } : {};
    const file =
      connectorFile ?? (await writeConnectorFile(dir.path, ports.postgres, secrets.postgresRole, more, listeners));
    await this.#supervisor.start({
      name: 'connector',
      run: { kind: 'program', ...this.#connectorProgram(file, secrets) },
    });
  }

  #connectorProgram(file: string, secrets: DevSecrets): ConnectorProgram {
    const { dir, ports } = this.#options;
    return connectorProgram({
      file,
      edge: this.portal,
      state: dir.connector,
      objects: dir.objects,
      archive: this.#options.archive,
      functionsUrl: functionsUrl(ports),
      listeners: Object.entries(this.listeners).map(([protocol, { host, port }]) => ({
        protocol: protocol as ProtocolName,
        listen: `127.0.0.1:${port}`,
        advertise: `${host}:${port}`,
      })),
      secrets,
    });
  }

  async #signInEverybody(): Promise<void> {
    const signedIn = await Promise.all(
      DEMO_PEOPLE.map(async (person) => [person.key, await signInAs(person, this.portal)] as const),
    );
    this.#tokens = new Map(signedIn);
    const firstEnd = Math.min(...signedIn.map(([, { expiresAt }]) => Date.parse(expiresAt)));
    // Well before the tokens end, and again soon when it fails: the laptop may have slept.
    this.#refreshIn(Math.max(60_000, (firstEnd - Date.now()) / 2));
  }

  #refreshIn(ms: number): void {
    clearTimeout(this.#refresh);
    this.#refresh = setTimeout(() => {
      this.#signInEverybody()
        .then(() => this.#writeDevFile())
        .catch((error: unknown) => {
          console.error(
            `gatehouse: could not renew the demo tokens: ${error instanceof Error ? error.message : error}`,
          );
          this.#refreshIn(60_000);
        });
    }, ms).unref();
  }

  async #untilOnline(): Promise<readonly ListedResource[]> {
    const api = this.#apiAs('bob');
    const until = performance.now() + ONLINE_WITHIN_MS;
    for (;;) {
      const { resources } = await api.get('/resources', ResourceList);
      const online = resources.some(({ connector }) => connector.online);
      if (online && (await offersTls(this.#options.ports.listeners.postgres))) return resources;
      await this.#supervisor.requireAlive();
      if (performance.now() > until) {
        throw new Failure(
          1,
          'connector_failed',
          `the connector announced no resource (see ${join(this.#options.dir.logs, 'connector.log')})`,
        );
      }
      await sleep(100);
    }
  }

  async #applyPolicy(progress: (text: string) => void): Promise<void> {
    const { dir, policy, policyIsChosen } = this.#options;
    if (!policyIsChosen || dir.isNew) return;
    const api = this.#apiAs('bob');
    try {
      const held = await api.get('/policy', StoredPolicy);
      if (held.text === policy) return;
      await api.put('/policy', { text: policy }, StoredPolicy);
      progress('applied the policy as bob');
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      throw new Failure(1, error.reason, `--policy: bob could not apply it: ${error.message}`);
    }
  }

  /** Once for a data folder, and only on the demo's own target. */
  async #demoSession(progress: (text: string) => void): Promise<void> {
    const { dir, connectorFile } = this.#options;
    const done = join(dir.path, 'demo-session');
    if (connectorFile !== undefined || (await exists(done))) return;
    progress('running a first session through the gateway');
    const alice = DEMO_PEOPLE[0];
    const token = this.#tokens.get('alice')?.token;
    if (!alice || !token) throw new Error('alice has not signed in');
    try {
      await runDemoSession({
        portal: this.portal,
        token,
        email: alice.email,
        resource: 'demo',
        listener: { host: HOST, port: this.#options.ports.listeners.postgres },
      });
    } catch (error) {
      // A policy of somebody's own may well say no.
      if (!(error instanceof Failure && error.reason === 'denied')) throw error;
      progress('no first session: the policy gives alice no access to demo at once');
    }
    await writeFile(done, '');
  }

  #apiAs(person: string): ApiClient {
    const token = this.#tokens.get(person)?.token;
    return new ApiClient({ origin: this.portal, ...(token ? { token } : {}) });
  }

  /** One at a time, in order. */
  #writeDevFile(): Promise<void> {
    this.#writing = this.#writing
      .catch(() => {})
      .then(async () => {
        if (this.#stopped) return;
        const people = DEMO_PEOPLE.map(({ key, email }) => [
          key,
          { email, token: this.#tokens.get(key)?.token.reveal() ?? '' },
        ]);
        await writeDevFile(this.#options.dir.path, {
          portal: this.portal,
          api: `${this.portal}/api/v1`,
          people: Object.fromEntries(people),
          listeners: this.listeners,
          objects: this.#options.dir.objects,
          pids: { main: process.pid, ...this.#supervisor.pids() },
        });
      });
    return this.#writing;
  }
}

const functionsUrl = (ports: Ports): string => `http://127.0.0.1:${ports.functions}`;
