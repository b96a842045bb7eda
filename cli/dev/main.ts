// `npm start`: the whole of Gatehouse on one machine. Prints where it is and `ready`, stops on
// Ctrl-C, and says in one line what kept it from starting.

import { readFile } from 'node:fs/promises';
import { PROTOCOLS, type ProtocolName } from '../../core/protocols.ts';
import { Failure, usage } from '../failure.ts';
import { readPolicyFile } from '../policy/file.ts';
import { codeOf } from '../files/file-error.ts';
import { archiveSettings, settleArchive } from './data/archive-settings.ts';
import { describeFileError, keepPortBase, openDataDir, settlePortBase } from './data/data-dir.ts';
import { dropDevFile, endLeftovers } from './data/dev-file.ts';
import { Environment } from './environment.ts';
import { noticeSettings } from './notice-settings.ts';
import { DEFAULT_PORT_BASE, readStartOptions, START_HELP, type StartOptions } from './options.ts';
import { DEMO_PEOPLE, DEMO_POLICY } from './people.ts';
import { portsFrom, requireFree } from './ports.ts';

/** How long the ports of a run that was killed may take to come free. */
const LEFTOVER_PATIENCE_MS = 8_000;
const PARENT_CHECK_MS = 1_000;

async function main(): Promise<void> {
  // npm runs this in the package's folder; paths are meant from where npm was called.
  const { npm_lifecycle_event: script, INIT_CWD: calledFrom } = process.env;
  const workingDirectory = script === 'start' && calledFrom ? calledFrom : process.cwd();
  const options = readStartOptions(process.argv.slice(2), workingDirectory);
  if (options === 'help') return void process.stdout.write(START_HELP);
  if (options.connector !== undefined) await readable(options.connector, '--connector');
  const policy = options.policy === undefined ? DEMO_POLICY : (await readPolicyFile(options.policy, '--policy')).text;
  const archive = archiveSettings(process.env);
  const dir = await openDataDir(options.data, options.dataShown, options.fresh);
  const settle = async () => ({
    base: await settlePortBase(dir, options.dataShown, options.portBase, DEFAULT_PORT_BASE),
    store: await settleArchive(dir, options.dataShown, archive),
  });
  const { base, store } = await settle().catch(async (error) => {
    await dir.release();
    throw error;
  });
  const ports = portsFrom(base);
  const environment = new Environment({
    dir,
    ports,
    connectorFile: options.connector,
    with: options.with,
    policy,
    policyIsChosen: options.policy !== undefined,
    notices: noticeSettings(process.env),
    archive,
    store,
  });
  const stopped = stopOnSignals(async () => {
    await environment.stop();
    await dir.release();
  });
  try {
    if (dir.wasKilled) await endLeftovers(dir.path);
    await dropDevFile(dir.path);
    await requireFree(environment.ports, dir.wasKilled ? LEFTOVER_PATIENCE_MS : 0);
    await keepPortBase(dir, base);
    const begun = performance.now();
    await environment.start((text) => console.log(`  ${text}`));
    console.log(greeting(environment, options, performance.now() - begun));
    console.log('ready');
  } catch (error) {
    if (stopped.asked) return stopped.done;
    await environment.stop();
    await dir.release();
    throw error;
  }
}

/** Ctrl-C, kill, a closed terminal; and npm gone without a word. A second Ctrl-C a while later does not wait. */
function stopOnSignals(stop: () => Promise<void>): { asked: boolean; done: Promise<void> } {
  const state = { asked: false, done: Promise.resolve() };
  let askedMs = 0;
  const ask = (): void => {
    if (state.asked) {
      // npm passes on what the terminal has sent already: not a second wish.
      if (performance.now() - askedMs > 1_500) process.exit(130);
      return;
    }
    state.asked = true;
    askedMs = performance.now();
    console.log('stopping');
    state.done = stop().then(
      () => process.exit(0),
      (error) => fail(error),
    );
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, ask);
  if (process.env.npm_lifecycle_event === 'start') {
    const parent = process.ppid;
    setInterval(() => process.ppid !== parent && ask(), PARENT_CHECK_MS).unref();
  }
  return state;
}

async function readable(path: string, flag: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    throw usage(
      `${flag} ${path}: ${codeOf(error) === 'ENOENT' ? 'there is no such file' : `cannot be read (${codeOf(error)})`}`,
    );
  });
}

function greeting(environment: Environment, options: StartOptions, tookMs: number): string {
  const data = options.dataShown === '.gatehouse' ? '' : ` --data ${options.dataShown}`;
  const people = DEMO_PEOPLE.map(({ key, email, role }) => `    ${key.padEnd(6)} ${email.padEnd(20)} ${role}`);
  const names = environment.resources.map(({ name }) => name);
  const targets = Object.entries(environment.listeners).flatMap(([protocol, { host, port }]) => {
    const those = environment.resources.filter((resource) => resource.protocol === protocol);
    const title = PROTOCOLS[protocol as ProtocolName].title;
    return those.length === 0 ? [] : [`${those.map(({ name }) => name).join(', ')} (${title} at ${host}:${port})`];
  });
  return [
    '',
    `Gatehouse is up after ${(tookMs / 1_000).toFixed(1)} s.`,
    '',
    `  Portal   ${environment.portal}`,
    '  People   no password, pick one on the sign-in page',
    ...people,
    `  Targets  ${targets.join('\n           ')}`,
    '',
    'Ask for access and paste the line it prints:',
    `    npx --no -- gatehouse${data} --as alice request ${names[0] ?? 'RESOURCE'} --reason "a look around"`,
    'Then find the session, play it and prove it:',
    `    npx --no -- gatehouse${data} --as alice sessions`,
    `    npx --no -- gatehouse${data} --as alice replay SESSION`,
    `    npx --no -- gatehouse${data} --as carol verify --all`,
    '',
    'Ctrl-C stops everything; the next start keeps the data, --fresh drops it.',
  ].join('\n');
}

function fail(error: unknown): void {
  const message = error instanceof Failure ? error.message : describeFileError(error);
  // A policy's mistakes are a line each.
  for (const each of error instanceof Failure ? message.split('\n') : [message.replace(/\s*\n\s*/g, ' ')])
    console.error(`gatehouse: ${each}`);
  if (process.env.GATEHOUSE_DEBUG) console.error(error);
  process.exit(error instanceof Failure ? error.exitCode : 1);
}

await main().catch(fail);
