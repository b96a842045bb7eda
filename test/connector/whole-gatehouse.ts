// The connector's process between the real edge (workerd), the real functions, a real PostgreSQL 15
// and the real psql.

import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, vi } from 'vitest';
import type { HostPort } from '../../connector/config/host-port.ts';
import { AccessAnswer } from '../../core/api.ts';
import { SessionPage } from '../../core/catalogue.ts';
import { secret } from '../../core/secret.ts';
import { showNoteKey } from '../../core/tlog/note.ts';
import { ApiClient } from '../../cli/api-client.ts';
import { oidcIssuer, startOidc } from '../../cli/dev/oidc/oidc.ts';
import { DEMO_PEOPLE, DEMO_POLICY } from '../../cli/dev/people.ts';
import { signInAs } from '../../cli/dev/sign-in.ts';
import { logSigner } from '../../edge/authority/log-signer.ts';
import { buildWorker } from '../../edge/build.ts';
import { type RunningEdge, startEdge } from '../../edge/dev-server.ts';
import { CALLBACK_PATH } from '../../edge/paths.ts';
import { startFunctions, startLocalDynamoDb } from '../../functions/local.ts';
import { DEBIAN_BIN, findClient, freePort, startPostgres, type PostgresServer } from '../harness/postgres/postgres.ts';
import { type ConnectorProcess, runConnector } from './connector-process.ts';

export const TARGET_PASSWORD = `target-${randomBytes(12).toString('hex')}`;
export const psql = findClient('psql');
const run = promisify(execFile);

export let directory: string;
export let postgres: PostgresServer;
export let edge: RunningEdge;
let edgeOptions: Parameters<typeof startEdge>[0];
export let connector: ConnectorProcess;
let connectorArgs: readonly string[];
let connectorEnv: Record<string, string>;
export let alice: ApiClient;
export let bob: ApiClient;
export let carol: ApiClient;
export let carolsToken: string;
export let alicesToken: string;
export let bobsToken: string;
const stops: (() => Promise<unknown>)[] = [];

export async function startTheEdge(): Promise<void> {
  edge = await startEdge(edgeOptions);
}

export function startConnector(): void {
  connector = runConnector(connectorArgs, connectorEnv);
}

/** Another one of the same resource, with a state of its own; it ends with the file. */
export async function startReplica(
  name: string,
  environment: Record<string, string>,
): Promise<{ readonly replica: ConnectorProcess; readonly port: number }> {
  const port = await freePort();
  const own: Readonly<Record<string, string>> = {
    '--name': name,
    '--state': join(directory, name),
    '--listen-postgres': `127.0.0.1:${port}`,
    '--advertise-postgres': `localhost:${port}`,
  };
  const args = connectorArgs.map((arg, at) => own[connectorArgs[at - 1] ?? ''] ?? arg);
  const replica = runConnector(args, { ...connectorEnv, ...environment });
  stops.push(async () => {
    replica.child.kill('SIGKILL');
    await replica.ended;
  });
  return { replica, port };
}

/** For the file that calls it. `site`: of its connector. */
export function withWholeGatehouse(site?: string): void {
  beforeAll(async () => {
    if (!psql) return;
    directory = mkdtempSync(join(tmpdir(), 'gatehouse-e2e-'));
    stops.push(async () => rmSync(directory, { recursive: true, force: true }));

    postgres = await startPostgres({
      version: 15,
      hba: ['host all app 127.0.0.1/32 scram-sha-256'],
      settings: ['log_connections=on'],
    });
    stops.push(() => postgres.stop());
    const admin = ['-h', postgres.host, '-p', String(postgres.port), '-U', 'postgres', '-qc'];
    execFileSync(join(DEBIAN_BIN, 'psql'), [...admin, `create role app login password '${TARGET_PASSWORD}'`]);
    execFileSync(join(DEBIAN_BIN, 'psql'), [...admin, 'create database shop owner app']);

    const dynamodb = await startLocalDynamoDb({});
    stops.push(() => dynamodb.close());
    const functionsToken = randomBytes(24).toString('hex');
    const oidcPort = await freePort();
    const edgePort = await freePort();
    const portal = `http://localhost:${edgePort}`;
    const edgeSecret = randomBytes(32).toString('base64');
    const { key } = await logSigner(secret(Uint8Array.from(Buffer.from(edgeSecret, 'base64'))), portal);
    const functions = await startFunctions({
      port: 0,
      objectsDirectory: join(directory, 'objects'),
      dynamoEndpoint: dynamodb.endpoint,
      token: secret(functionsToken),
      edgeKey: showNoteKey(key),
      report: () => {},
      // So that some come in parts, of a few kilobytes.
      isLargeExport: (_, { format }) => format === 'csv',
      exportPartBytes: 4096,
    });
    stops.push(() => functions.close());

    const client = { clientId: 'gatehouse-portal', clientSecret: randomBytes(16).toString('hex') };
    const oidc = await startOidc({
      ...client,
      port: oidcPort,
      redirectUri: `${portal}${CALLBACK_PATH}`,
      keyFile: join(directory, 'oidc.json'),
    });
    stops.push(() => oidc.stop());
    const joinToken = `gjt_${randomBytes(20).toString('hex')}`;
    const worker = await buildWorker({ outputDirectory: join(directory, 'worker') });
    edgeOptions = {
      worker,
      port: edgePort,
      persistDirectory: join(directory, 'edge'),
      settings: {
        PUBLIC_URL: portal,
        OIDC_ISSUER: oidcIssuer(oidcPort),
        OIDC_CLIENT_ID: client.clientId,
        OIDC_CLIENT_SECRET: client.clientSecret,
        OIDC_EXTRA_SCOPES: 'groups',
        PROVIDER_NAME: 'demo',
        EDGE_SECRET: edgeSecret,
        POLICY: DEMO_POLICY,
        FUNCTIONS_URL: functions.url,
        FUNCTIONS_TOKEN: functionsToken,
        CONNECTOR_JOIN_TOKEN: joinToken,
        // Smaller than any: what is witnessed goes into the object store at once, and is proven from there.
        WITNESS_OBJECT_BYTES: '10000',
      },
    };
    await startTheEdge();
    stops.push(() => edge.close());

    writeFileSync(join(directory, 'password'), `${TARGET_PASSWORD}\n`, { mode: 0o600 });
    writeFileSync(
      join(directory, 'connector.yaml'),
      [
        'resources:',
        '  - name: demo',
        '    protocol: postgres',
        '    labels: { env: demo }',
        '    host: 127.0.0.1',
        `    port: ${postgres.port}`,
        '    database: shop',
        '    user: app',
        '    password: { file: password }',
        '    tls: { mode: off }',
        'limits: { diskFreeMegabytes: 50 }',
        '',
      ].join('\n'),
    );
    const listenPort = await freePort();
    connectorArgs = [
      ...['--config', join(directory, 'connector.yaml'), '--name', 'local', '--edge', portal],
      ...['--state', join(directory, 'connector'), '--store-directory', join(directory, 'objects')],
      ...['--events-url', functions.url, '--listen-postgres', `127.0.0.1:${listenPort}`],
      ...['--advertise-postgres', `localhost:${listenPort}`, '--health', '127.0.0.1:0', '--log-level', 'debug'],
    ];
    connectorEnv = {
      GATEHOUSE_JOIN_TOKEN: joinToken,
      GATEHOUSE_EVENTS_TOKEN: functionsToken,
      ...(site !== undefined && { GATEHOUSE_SITE: site }),
    };
    startConnector();
    stops.push(async () => {
      connector.child.kill('SIGKILL');
      await connector.ended;
    });
    await connector.event('ready');

    const signIn = async (key: string) => {
      const person = DEMO_PEOPLE.find((it) => it.key === key);
      if (!person) throw new Error(`no ${key}`);
      return (await signInAs(person, edge.url)).token;
    };
    const alices = await signIn('alice');
    alicesToken = alices.reveal();
    alice = new ApiClient({ origin: edge.url, token: alices });
    bobsToken = (await signIn('bob')).reveal();
    bob = new ApiClient({ origin: edge.url, token: secret(bobsToken) });
    const carols = await signIn('carol');
    carolsToken = carols.reveal();
    carol = new ApiClient({ origin: edge.url, token: carols });
  });

  afterAll(async () => {
    for (const stop of stops.reverse()) await stop();
  });
}

interface Granted {
  readonly id: string;
  readonly secret: string;
}

export async function grant(): Promise<Granted> {
  const answer = await alice.post('/requests', { resource: 'demo', reason: 'end to end' }, AccessAnswer);
  if (!('grant' in answer)) throw new Error('not granted');
  return answer.grant;
}

function listener(): HostPort {
  const listening = connector.lines.find((it) => it.event === 'listening') as
    | { listeners: { postgres: HostPort } }
    | undefined;
  if (!listening) throw new Error('the connector does not listen');
  return listening.listeners.postgres;
}

/** `tls` false: by a tunnel, which has it around. */
const conninfo = (dbname = 'demo', { port = listener().port, tls = true }: Partial<Place> = {}): string =>
  `host=localhost hostaddr=127.0.0.1 port=${port} dbname=${dbname} user=alice@example.com ${tls ? `sslmode=verify-full sslrootcert=${join(directory, 'ca.pem')}` : 'sslmode=disable'}`;

interface Place {
  readonly port: number;
  readonly tls: boolean;
}

/** One psql, to its end. */
export async function query(
  sql: string,
  password: string,
  dbname?: string,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { PATH: process.env.PATH ?? '', PGPASSWORD: password, HOME: directory };
  try {
    const { stdout, stderr } = await run(psql ?? '', ['-XAtq', '-d', conninfo(dbname), '-c', sql], {
      env,
      timeout: 30_000,
    });
    return { code: 0, stdout: stdout.trim(), stderr };
  } catch (error) {
    const failed = error as { code: number; stdout: string; stderr: string };
    return { code: failed.code, stdout: failed.stdout, stderr: failed.stderr };
  }
}

/** A psql that stays: `ask` gives the answer's first line. */
export function stay(password: string, place?: Partial<Place>) {
  const env = { PATH: process.env.PATH ?? '', PGPASSWORD: password, HOME: directory };
  const child: ChildProcess = spawn(psql ?? '', ['-XAtq', '-d', conninfo('demo', place)], { env });
  let out = '';
  let errors = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  return {
    async ask(sql: string): Promise<string> {
      out = '';
      child.stdin?.write(`${sql}\n`);
      await vi.waitFor(() => expect(out + errors).toContain('\n'), 10_000);
      return (out + errors).trim();
    },
    stderr: () => errors,
    closed: new Promise<number | null>((resolve) => child.on('close', resolve)),
    quit: () => child.stdin?.end('\\q\n'),
    kill: () => child.kill('SIGKILL'),
  };
}

export async function newestSession() {
  const { sessions } = await alice.get('/sessions?limit=1', SessionPage);
  return sessions[0];
}
