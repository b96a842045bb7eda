// The process of `gatehouse`: its streams and its exit code.

import * as http from 'node:http';
import { proxySettings } from '../core/tunnel/proxy-settings.ts';
import { runCommand } from './run-command.ts';

// `gatehouse sessions | head` is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 2));

const { argv, stdin, stdout, stderr, env } = process;
const proxy = proxySettings(env);
// From Node 24.14 on; an older one connects directly.
if (proxy && 'setGlobalProxyFromEnv' in http) http.setGlobalProxyFromEnv(proxy);
process.exitCode = await runCommand({ stdin, stdout, stderr, env }, argv.slice(2));
