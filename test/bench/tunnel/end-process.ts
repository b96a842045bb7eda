// One end of tunnels in a process of its own: `node end-process.ts connector|person DIRECTORY`, with GATEHOUSE_URL and
// GATEHOUSE_JOIN_TOKEN or GATEHOUSE_TOKEN. Lines of JSON out: `{ports}` of the services without a tunnel, or of a tunnel's local
// ports, then `{open}` for each `open N` that comes in. Ends with its standard input.

import { createServer, type AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { ApiClient } from '../../../cli/api-client.ts';
import { openLocalPort } from '../../../cli/tunnel/local-port.ts';
import type { Tunnel } from '../../../cli/tunnel/open-tunnel.ts';
import { countBuffersAsHeap } from '../../../connector/net/external-memory.ts';
import { secret } from '../../../core/secret.ts';
import { startTunnelConnector } from '../../tunnel/kit/connector.ts';
import { heard, tunnelPerson } from '../../tunnel/kit/person.ts';
import { SERVICES } from '../../tunnel/kit/services.ts';

const [role, directory = ''] = process.argv.slice(2);
const { GATEHOUSE_URL: url = '', GATEHOUSE_JOIN_TOKEN: joinToken = '', GATEHOUSE_TOKEN: token = '' } = process.env;
const say = (it: object): void => console.log(JSON.stringify(it));
const lines = createInterface({ input: process.stdin });
lines.on('close', () => process.exit(0));

if (role === 'connector') {
  countBuffersAsHeap();
  const ports: Record<string, number> = {};
  for (const [name, service] of Object.entries(SERVICES)) {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      service(socket, { address: 'direct', via: 'listener' }),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ports[name] = (server.address() as AddressInfo).port;
  }
  await startTunnelConnector({ edge: { url, joinToken }, directory, services: SERVICES, limits: { ofAPerson: 1_000 } });
  say({ ports });
} else {
  const person = tunnelPerson(new ApiClient({ origin: url, token: secret(token) }));
  for (const name of Object.keys(SERVICES)) await person.grant(name);
  const tunnel = await person.open('echo');
  const ports: Record<string, number> = {};
  for (const name of Object.keys(SERVICES)) {
    const to: Tunnel = { ...tunnel, connect: () => tunnel.connect(name) };
    ports[name] = (await openLocalPort(to, 0, (fault) => console.error(fault))).port;
  }
  say({ ports });
  const idle: Tunnel[] = [];
  lines.on('line', (line) => {
    const [what, count] = line.split(' ');
    void (what === 'open' ? openIdle(Number(count)) : answering()).then((open) => say({ open }));
  });
  const openIdle = async (count: number): Promise<number> => {
    while (idle.length < count) idle.push(await openPatiently());
    return idle.length;
  };
  const openPatiently = async (): Promise<Tunnel> => {
    for (;;) {
      try {
        return await person.open('echo');
      } catch (error) {
        // 240 a minute for each person.
        if (!(error instanceof Error) || !error.message.includes('too often')) throw error;
        await new Promise((resolve) => setTimeout(resolve, 2_000));
      }
    }
  };
  /** Of those that are idle, through how many an echo comes back. */
  const answering = async (): Promise<number> => {
    const echoes = idle.map(async (one) => {
      const stream = one.connect('echo');
      stream.on('error', () => {});
      stream.end('x');
      return (await heard(stream).catch(() => '')) === 'x';
    });
    return (await Promise.all(echoes)).filter(Boolean).length;
  };
}
