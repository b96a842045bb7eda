// HTTPS_PROXY and NO_PROXY, for requests and for WebSockets: the real command line, and a proxy that only knows CONNECT.

import { createServer as createHttp, type Server } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { gatehouse } from '../cli/run-cli.ts';
import { createAuthority } from '../harness/certificates.ts';
import { run } from '../harness/run.ts';

const HOST = 'gatehouse.example.com';
const TUNNEL = 'tun_01m7xr5fk9b56k8brj0dvrwre8';
let directory: string;
let edge: ReturnType<typeof createHttps>;
let proxy: Server;
let env: Record<string, string>;
let connects: string[];
let asked: string[];
let answer: 'carry' | '407' | 'nothing';
/** The edge's answer to a WebSocket. */
let status: number;

const portOf = (server: { address(): unknown }) => (server.address() as AddressInfo).port;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'gatehouse-proxy-'));
  const authority = await createAuthority();
  writeFileSync(join(directory, 'ca.pem'), authority.ca);
  edge = createHttps(await authority.issue([HOST]), (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    if (request.url === '/ca.pem') return void response.end(authority.ca);
    const opened = { tunnel: TUNNEL, resource: 'demo', protocol: 'postgres', host: 'gw' };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(opened));
  }).listen(0, '127.0.0.1');
  edge.on('upgrade', (request, socket) => {
    asked.push(`WebSocket ${request.url}`);
    socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`);
  });
  proxy = createHttp((_request, response) => void response.writeHead(405).end()).listen(0, '127.0.0.1');
  proxy.on('connect', (request, socket: Socket) => {
    connects.push(`${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim());
    socket.on('error', () => {});
    if (answer === 'nothing') return;
    if (answer === '407') return void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    const up = connect(portOf(edge), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      up.pipe(socket).pipe(up);
    }).on('error', () => socket.destroy());
  });
  await Promise.all([edge, proxy].map((server) => new Promise((up) => server.once('listening', up))));
});
afterAll(() => {
  for (const server of [edge, proxy]) {
    server.closeAllConnections();
    server.close();
  }
  rmSync(directory, { recursive: true, force: true });
});
beforeEach(() => {
  [connects, asked, answer, status] = [[], [], 'carry', 404];
  env = {
    GATEHOUSE_URL: `https://${HOST}`,
    GATEHOUSE_TOKEN: 'gat_x',
    HTTPS_PROXY: `http://someone:hidden@127.0.0.1:${portOf(proxy)}`,
    NODE_EXTRA_CA_CERTS: join(directory, 'ca.pem'),
  };
});

test('requests and the WebSocket go by the proxy, and are signed in there', async () => {
  const ran = await gatehouse(['connect', 'demo'], env);
  expect(asked).toEqual(['POST /api/v1/tunnels', 'GET /ca.pem', `WebSocket /api/v1/tunnels/${TUNNEL}`]);
  expect(new Set(connects)).toEqual(new Set([`${HOST}:443 Basic ${btoa('someone:hidden')}`]));
  expect([ran.code, ran.stderr]).toEqual([3, expect.stringContaining('the tunnel is no more')]);
});

test('a proxy that refuses is named with its answer, and without its password', async () => {
  answer = '407';
  const ran = await gatehouse(['connect', 'demo'], env);
  expect([ran.code, ran.stderr]).toEqual([3, expect.stringMatching(/proxy.*407/i)]);
  expect(ran.stderr).not.toContain('hidden');
  expect(asked).toEqual([]);
});

const SCRIPT = fileURLToPath(new URL('./kit/dial-by-proxy.ts', import.meta.url));
const eachWay = async (): Promise<Record<string, string>> => {
  const ran = await run(process.execPath, [SCRIPT, `https://${HOST}`], { env });
  return JSON.parse(ran.stdout || JSON.stringify({ failed: ran.stderr }));
};

test('a proxy that hangs is named, by each way of the command line and of the connector, within ten seconds', async () => {
  answer = 'nothing';
  const named = `HTTPS_PROXY is http://127.0.0.1:${portOf(proxy)}`;
  const timedOut = expect.stringMatching(/^by the proxy of HTTPS_PROXY: .*timed out/);
  expect(await eachWay()).toEqual({
    request: expect.stringContaining(`no answer in time; ${named}`),
    join: expect.stringContaining(`no answer in time; ${named}`),
    ...{ socket: timedOut, link: timedOut, relay: timedOut },
  });
});

test('the connector goes by it too, and says what it answers', async () => {
  const carried = await eachWay();
  // Its key is none that this edge knows.
  expect(carried).toMatchObject({ link: 'the edge answered 404', relay: 'the edge answered 404' });
  expect(asked.some((line) => line === 'WebSocket /connectors/link')).toBe(true);
  expect(asked.some((line) => line.startsWith('WebSocket /connectors/tunnels/tun_'))).toBe(true);
  expect(asked).toContain('POST /api/v1/connectors/join');
  expect(new Set(connects)).toEqual(new Set([`${HOST}:443 Basic ${btoa('someone:hidden')}`]));
  answer = '407';
  const refused = await eachWay();
  for (const way of ['socket', 'link', 'relay']) expect(refused[way]).toMatch(/proxy.*407/i);
  expect(JSON.stringify(refused)).not.toContain('hidden');
});

test('what NO_PROXY names is reached directly', async () => {
  const ran = await gatehouse(['whoami'], { ...env, NO_PROXY: 'example.com,.example.com' });
  expect([ran.code, connects]).toEqual([3, []]);
});
