// A real Ceph with its S3 gateway, for tests: one monitor, one memory-backed OSD, one radosgw, all on
// loopback. It enforces Object Lock, versions and conditional puts. Up in about 15 s, 290 MB.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './postgres/postgres.ts';

const PROGRAMS = ['ceph-mon', 'ceph-osd', 'radosgw', 'radosgw-admin', 'ceph', 'ceph-authtool', 'monmaptool'];
const PACKAGES = 'radosgw ceph-mon ceph-osd ceph-mgr';
const START_DEADLINE_MS = 90_000;

export interface CephS3 {
  readonly endpoint: string;
  readonly region: string;
  /** Of a user who may do everything that the lock does not forbid. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  stop(): Promise<void>;
}

/** Why Ceph cannot be started here; undefined: it can. */
export function cephMissing(): string | undefined {
  const paths = (process.env.PATH ?? '').split(':').concat('/usr/bin', '/usr/sbin');
  const missing = PROGRAMS.filter((name) => !paths.some((path) => existsSync(join(path, name))));
  if (missing.length > 0) return `not installed: ${missing.join(', ')} (apt-get install ${PACKAGES})`;
  return process.getuid?.() === 0 ? undefined : 'Ceph is started as root only';
}

export async function startCeph(): Promise<CephS3> {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-ceph-'));
  const [monV2, monV1, port] = [await freePort(), await freePort(), await freePort()];
  for (const name of ['run', 'mon', 'osd', 'log']) mkdirSync(join(directory, name));
  const config = join(directory, 'ceph.conf');
  const keyring = join(directory, 'keyring');
  writeFileSync(config, configuration(directory, monV2, monV1, port));
  const children: ChildProcess[] = [];
  const start = (program: string, ...args: string[]): void => {
    const log = openSync(join(directory, 'log', `${program}.out`), 'a');
    children.push(spawn(program, ['-c', config, ...args, '-f'], { stdio: ['ignore', log, log] }));
  };
  const stop = async (): Promise<void> => {
    await Promise.all(children.reverse().map(end));
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const monmap = join(directory, 'monmap');
    const addresses = `[v2:127.0.0.1:${monV2},v1:127.0.0.1:${monV1}]`;
    await run('ceph-authtool', '--create-keyring', keyring, '--gen-key', '-n', 'mon.', '--cap', 'mon', 'allow *');
    const admin = ['--cap', 'mon', 'allow *', '--cap', 'osd', 'allow *', '--cap', 'mgr', 'allow *'];
    await run('ceph-authtool', keyring, '--gen-key', '-n', 'client.admin', ...admin);
    await run('monmaptool', '--create', '--addv', 'a', addresses, '--fsid', randomUUID(), '--clobber', monmap);
    await run('ceph-mon', '-c', config, '-i', 'a', '--mkfs', '--monmap', monmap, '--keyring', keyring);
    start('ceph-mon', '-i', 'a');
    const osd = randomUUID();
    await ceph(config, 'osd', 'new', osd);
    const caps = ['mon', 'allow profile osd', 'osd', 'allow *', 'mgr', 'allow profile osd'];
    appendFileSync(keyring, await ceph(config, 'auth', 'get-or-create', 'osd.0', ...caps));
    await run('ceph-osd', '-c', config, '-i', '0', '--mkfs', '--osd-uuid', osd);
    start('ceph-osd', '-i', '0');
    await ceph(config, 'osd', 'crush', 'add', 'osd.0', '1.0', 'host=localhost', 'root=default');
    start('radosgw', '-n', 'client.admin', '-k', keyring, '--no-mon-config');
    const endpoint = `http://127.0.0.1:${port}`;
    await answers(endpoint);
    const credentials = { accessKeyId: 'AKIATEST', secretAccessKey: randomUUID() };
    const keys = [`--access-key=${credentials.accessKeyId}`, `--secret-key=${credentials.secretAccessKey}`];
    await run('radosgw-admin', '-c', config, 'user', 'create', '--uid=test', '--display-name=test', ...keys);
    return { endpoint, region: 'us-east-1', credentials, stop };
  } catch (error) {
    const logs = ['ceph-mon', 'ceph-osd', 'radosgw'].map((name) => tail(join(directory, 'log', `${name}.out`)));
    await stop();
    throw new Error(`Ceph did not start\n${logs.join('\n')}`, { cause: error });
  }
}

function configuration(directory: string, monV2: number, monV1: number, port: number): string {
  return `[global]
mon host = [v2:127.0.0.1:${monV2},v1:127.0.0.1:${monV1}]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pg autoscale mode = off
mon allow pool size one = true
osd crush chooseleaf type = 0
mon max pg per osd = 1000
run dir = ${directory}/run
log file = ${directory}/log/$name.log
admin socket = ${directory}/run/$name.asok
pid file = ${directory}/run/$name.pid
mon data = ${directory}/mon
osd data = ${directory}/osd
osd objectstore = memstore
memstore device bytes = 1073741824
keyring = ${directory}/keyring
ms bind ipv6 = false
mgr initial modules =
rgw frontends = beast endpoint=127.0.0.1:${port}
rgw enable usage log = false
rgw crypt require ssl = false
`;
}

const execute = promisify(execFile);
const run = async (program: string, ...args: string[]): Promise<string> =>
  (await execute(program, args, { timeout: START_DEADLINE_MS })).stdout;
/** Waits for the monitor where it is not up yet. */
const ceph = (config: string, ...args: string[]): Promise<string> =>
  run('ceph', '-c', config, '--connect-timeout', '60', ...args);

async function answers(endpoint: string): Promise<void> {
  const deadline = Date.now() + START_DEADLINE_MS;
  while (Date.now() < deadline) {
    const response = await fetch(endpoint, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
    await response?.body?.cancel();
    if (response?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error(`radosgw did not answer at ${endpoint}`);
}

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    // A throw-away cluster in memory: nothing to save by asking nicely.
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}

const tail = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8').slice(-2_000) : '');
