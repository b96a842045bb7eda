// Gatehouse's API as a stand-in that answers what a test tells it, and the command line that asks it.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { command, gatehouse } from './run-cli.ts';

interface Reply {
  readonly status?: number;
  readonly body?: unknown;
  /** As it is, instead of JSON. */
  readonly text?: string | Buffer;
}

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly body: string;
  readonly authorization: string | undefined;
}

export const fault = (reason: string, message: string) => ({ error: { reason, message } });

/** For the tests of one file: each begins without replies, which are by method and path (`GET /api/v1/sessions`). */
export function useFakeApi() {
  let server: Server;
  const replies: Record<string, Reply | (() => Reply)> = {};
  const seen: Asked[] = [];
  beforeAll(async () => {
    server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      const { method = '', url = '', headers } = request;
      seen.push({ method, url, body, authorization: headers.authorization });
      // With its query, where a test tells them apart.
      const found = replies[`${method} ${url}`] ?? replies[`${method} ${url.split('?')[0]}`];
      const none = { status: 404, body: fault('not_found', 'none') };
      const reply: Reply = typeof found === 'function' ? found() : (found ?? none);
      response
        .writeHead(reply.status ?? 200, { 'content-type': 'application/json' })
        .end(reply.text ?? JSON.stringify(reply.body));
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
  });
  afterAll(() => server.close());
  beforeEach(() => {
    for (const key of Object.keys(replies)) delete replies[key];
    seen.length = 0;
  });

  const origin = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const account = () => ({ GATEHOUSE_URL: origin(), GATEHOUSE_TOKEN: 'gat_secret' });
  return {
    replies,
    /** What was asked, in order. */
    seen,
    origin,
    run: (...args: string[]) => command(args, account()),
    /** As a process, for what only one can show. */
    runProcess: (...args: string[]) => gatehouse(args, account()),
  };
}
