// The connector's process: settings in, JSON lines out, signals, exit codes. See docs/connector.md.
//
//   0 stopped as asked, or --check found nothing    1 refused or failed, or --check found something
//   2 the settings are wrong                        3 the edge does not answer (first start only)

import * as http from 'node:http';
import { proxySettings } from '../core/tunnel/proxy-settings.ts';
import { announcementProblem } from './announce.ts';
import { checkConnector, checkTargets, findingsTable } from './check/check.ts';
import { loadConfig } from './config/load-config.ts';
import { showHostPort } from './config/host-port.ts';
import { helpText } from './config/flags.ts';
import { createLogger, describeBug } from './logger.ts';
import { countBuffersAsHeap } from './net/external-memory.ts';
import { startConnector } from './run.ts';

const REST =
  'A connector also needs name, edge, state and store, from the file or by flags (docs/connector.md). npm start -- --connector FILE gives them.';

function exit(code: number, ...messages: readonly string[]): never {
  process.stderr.write(messages.map((message) => `gatehouse connector: ${message}\n`).join(''));
  process.exit(code);
}

const loaded = loadConfig(process.argv.slice(2), process.env, process.cwd());
if (!loaded.ok) exit(2, ...loaded.error);
if (loaded.value === undefined) {
  process.stdout.write(helpText());
  process.exit(0);
}
const { config, resources, vault, check, place } = loaded.value;
const proxy = proxySettings(process.env);
// From Node 24.14 on; an older one connects directly.
if (proxy && 'setGlobalProxyFromEnv' in http) http.setGlobalProxyFromEnv(proxy);
const tooMuch = config && announcementProblem(config);
if (tooMuch !== undefined) exit(2, tooMuch);
if (check || !config) {
  const log = createLogger((line) => process.stderr.write(line), { level: 'warn' });
  const deps = { resources, vault, environment: process.env, log, place };
  const findings = await (config ? checkConnector({ ...deps, config }) : checkTargets(deps));
  if (findings.length > 0) process.stdout.write(`${findingsTable(findings)}\n`);
  const faults = findings.flatMap((finding) => finding.faults);
  if (faults.length > 0) exit(1, ...faults);
  const alone = config ? '' : `: there is nothing else in the file.\n${REST}`;
  process.stdout.write(`ok: ${resources.length === 1 ? '1 resource' : `${resources.length} resources`}${alone}\n`);
  process.exit(0);
}

// Whoever read the lines is gone: no reason to end sessions.
process.stdout.on('error', () => {});
const log = createLogger((line) => process.stdout.write(line), { level: config.logLevel });
const onBug = (error: unknown): void => exit(1, `stopped by a bug: ${describeBug(error)}`);
process.on('uncaughtException', onBug);
process.on('unhandledRejection', onBug);

countBuffersAsHeap();
const started = await startConnector({ config, environment: process.env, log });
if (!started.ok) exit(started.error.kind === 'unreachable' ? 3 : 1, started.error.message);
const connector = started.value;

/** npm passes on the Ctrl-C that the terminal has sent to every process already: that is one, not two. */
const SAME_SIGNAL_MS = 500;
let stopping = false;
let stoppedMs = 0;
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    // The second one is somebody who does not want to wait.
    if (stopping && performance.now() - stoppedMs < SAME_SIGNAL_MS) return;
    if (stopping) exit(1, `stopped at once by a second ${signal}: the next start stores what is left`);
    stopping = true;
    stoppedMs = performance.now();
    connector.stop().then(() => {
      log.info('connector.stopped');
      process.exit(0);
    }, onBug);
  });
}

const addresses = {
  pid: process.pid,
  listeners: Object.fromEntries([...connector.listeners].map(([protocol, at]) => [protocol, { ...at }])),
  health: connector.health && showHostPort(connector.health),
};
log.info('listening', addresses);
if (config.resources.length === 0)
  log.warn('resources.none', { message: 'no resources are configured: nothing can be reached' });
for (const [protocol, { plainText }] of config.listeners) {
  if (plainText !== 'always') continue;
  log.warn('listener.plain_text', {
    message: `listeners.${protocol}.plainText is "always": grants and data may cross the network unencrypted`,
  });
}
await connector.ready;
if (!stopping) log.info('ready', addresses);
