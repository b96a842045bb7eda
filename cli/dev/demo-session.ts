// One short session as alice, with an unmodified client through the gateway, so that the portal of
// a fresh environment has something to show: a listing, a parameter, an error, a slow query, a change.

import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { AccessAnswer, ResourceList } from '../../core/api.ts';
import { SessionPage } from '../../core/catalogue.ts';
import type { Secret } from '../../core/secret.ts';
import { ApiClient, query } from '../api-client.ts';
import { Failure } from '../failure.ts';

const VISIBLE_WITHIN_MS = 20_000;
const REASON = 'Ticket 4711: an order is missing its invoice';

interface DemoSessionOptions {
  readonly portal: string;
  readonly token: Secret<string>;
  readonly email: string;
  readonly resource: string;
  readonly listener: { readonly host: string; readonly port: number };
}

/** Resolves when the session has ended and stands in the catalogue. */
export async function runDemoSession(options: DemoSessionOptions): Promise<void> {
  const api = new ApiClient({ origin: options.portal, token: options.token });
  const { resources } = await api.get('/resources', ResourceList);
  // Nobody is there yet to approve it, and nobody should be told of a request that nobody made.
  if (resources.some(({ name, approval }) => name === options.resource && approval))
    throw new Failure(1, 'denied', 'the policy asks for an approval');
  const request = { resource: options.resource, reason: REASON, seconds: 3_600, task: 'TICKET-4711' };
  const answer = await api.post('/requests', request, AccessAnswer);
  if (!('grant' in answer)) throw new Failure(1, 'demo_session', 'the demo session was not granted');
  const client = new Client({
    host: options.listener.host,
    port: options.listener.port,
    user: options.email,
    password: answer.grant.secret,
    database: options.resource,
    application_name: 'gatehouse demo',
    // As sslmode=verify-full with the CA of /ca.pem.
    ssl: { ca: new TextDecoder().decode(await api.bytes('//ca.pem')) },
    connectionTimeoutMillis: 15_000,
  });
  client.on('error', () => {});
  await client.connect();
  try {
    await converse(client);
  } finally {
    await client.end();
  }
  await untilVisible(api, options.email);
}

/** A policy of somebody's own may block or hold any of it: that is shown too, and nobody is there to approve it yet. */
async function converse(client: Client): Promise<void> {
  client.on('notice', ({ message = '' }) => {
    if (/holds this statement/.test(message)) void client.end();
  });
  const run = (text: string, values: unknown[] = []) => client.query(text, values).catch(() => {});
  await run("select id, placed_at, status from orders where status = 'paid' order by placed_at desc limit 5");
  await sleep(300);
  await run('select first_name, last_name, email, phone, card_number from customers where id = $1', [188]);
  await sleep(400);
  // The error that everybody has made once.
  await run('select * from order_item where order_id = 307');
  await sleep(300);
  await run('select * from order_items where order_id = $1 order by line', [307]);
  await run('select pg_sleep(0.8), count(*) as orders, sum(total) as revenue from order_totals');
  await run('begin');
  await run('update orders set note = $1 where id = $2', ['Invoice sent again', 307]);
  await run('commit');
}

async function untilVisible(api: ApiClient, email: string): Promise<void> {
  const until = performance.now() + VISIBLE_WITHIN_MS;
  for (;;) {
    const page = await api.get(`/sessions${query({ email, limit: 5 })}`, SessionPage);
    if (page.sessions.some(({ state }) => state !== 'live')) return;
    if (performance.now() > until) throw new Failure(1, 'demo_session', 'the demo session did not reach the catalogue');
    await sleep(150);
  }
}
