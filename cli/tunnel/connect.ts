// A local port for a resource, through the edge: no route to the connector is needed.

import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { ResourceName } from '../../core/resource.ts';
import { checked, type Cli, wholeNumber } from '../cli.ts';
import { clientOfJob } from '../access/job-grant.ts';
import type { ApiClient } from '../api-client.ts';
import { Failure, usage } from '../failure.ts';
import type { Terminal } from '../output.ts';
import { isHangUp, openLocalPort } from './local-port.ts';
import type { Tunnel } from './open-tunnel.ts';
import { lostFailure, tellingPort, tellingTunnel } from './telling-tunnel.ts';

interface Options {
  readonly port?: string;
  readonly stdio?: boolean;
  readonly grant?: string;
}

export function addConnect(command: Command, cli: Cli): void {
  command
    .argument('RESOURCE', 'its name, as gatehouse resources lists it; you hold a grant for it')
    .option('--port <N>', 'the port on 127.0.0.1 (default: any free one)')
    .option('--stdio', 'one connection, on standard input and output: for ProxyCommand of ssh')
    .option('--grant <FILE>', 'in a job: what request --workload printed; no login')
    .action(async (name: string, options: Options, command: Command) => {
      const resource = checked(ResourceName, name, 'RESOURCE');
      if (options.stdio && options.port !== undefined) throw usage('--stdio opens no port');
      const port = options.port === undefined ? 0 : wholeNumber(options.port, '--port', 1, 65_535);
      const output = cli.output(command);
      const client =
        options.grant === undefined
          ? (await cli.open(command)).client
          : await clientOfJob(options.grant, resource, cli.terminal.env);
      if (options.stdio) return carryOne(client, resource, cli.terminal);
      const { tunnel, tell } = await tellingPort(client, resource, cli.terminal).catch((error: unknown) => {
        const over = options.grant !== undefined && error instanceof Failure && error.reason === 'unauthorized';
        throw over ? new Failure(1, 'denied', `the grant in ${options.grant} has ended: ask for another`) : error;
      });
      const stop = () => tunnel.close();
      process.once('SIGINT', stop).once('SIGTERM', stop);
      try {
        const local = await openLocalPort(tunnel, port, tell);
        await output.answer(
          { resource, host: '127.0.0.1', port: local.port, protocol: tunnel.opened.protocol },
          () => `${resource} is at 127.0.0.1:${local.port} until this command ends (Ctrl-C)`,
        );
        const closed = await tunnel.closed;
        local.close();
        if (closed.kind === 'lost') throw lostFailure(resource, closed);
      } finally {
        tunnel.close();
        process.off('SIGINT', stop).off('SIGTERM', stop);
      }
    });
}

/** Until the resource has said all. */
async function carryOne(client: ApiClient, resource: ResourceName, terminal: Terminal): Promise<void> {
  const { tunnel } = await tellingTunnel(client, resource, terminal);
  const stop = () => tunnel.close();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    await carry(tunnel, terminal);
  } finally {
    tunnel.close();
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

async function carry(tunnel: Tunnel, { stdin, stdout }: Terminal): Promise<void> {
  const remote = tunnel.connect();
  // Whoever runs this may be gone before the answer, and the resource before all was asked.
  const asked = pipeline(stdin, remote).catch(() => {});
  try {
    await pipeline(remote, stdout, { end: false });
  } catch (error) {
    const closed = await Promise.race([tunnel.closed, undefined]);
    if (closed?.kind === 'lost') throw lostFailure(tunnel.opened.resource, closed);
    if (!(error instanceof Error) || !isHangUp(error))
      throw new Failure(3, 'connection_lost', error instanceof Error ? error.message : 'the connection failed');
  } finally {
    if ('destroy' in stdin && typeof stdin.destroy === 'function') stdin.destroy();
    await asked;
  }
}
