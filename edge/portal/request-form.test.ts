// The request form as the edge serves it: what it says of the rule before anybody asks.

import { beforeAll, expect, test } from 'vitest';
import { Browser, EDGE } from '../test/browser.ts';
import { resource, TestConnector } from '../test/connector.ts';
import { callerAs } from '../test/people.ts';

const REASON = 'Dumps of 2 TB; <the job> keeps its own log.';

let page: Browser;
beforeAll(async () => {
  await (await TestConnector.join('forms')).link([resource('dumped', { env: 'dumps' }), resource('demo')]);
  const bob = await callerAs('bob');
  const { text } = await (await bob.send('GET', '/policy')).json<{ text: string }>();
  const exempt = `  - name: nightly-dump
    resources: { env: dumps }
    who: ["user:alice@example.com"]
    access: { ttl: 6h }
    record: { exempt: "${REASON}", retain: 60d }
`;
  expect((await bob.send('PUT', '/policy', { text: text + exempt })).status).toBe(200);
  page = new Browser();
  await page.signIn('alice');
});

/** What the form says behind a term, as text. */
async function termsOf(name: string): Promise<Record<string, string>> {
  const response = await page.fetch(`${EDGE}/request/${name}`);
  expect(response.status).toBe(200);
  const body = await response.text();
  const plain = (html: string) =>
    html
      .replace(/<[^>]+>/g, '')
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>');
  const terms = body.slice(body.indexOf('id="terms"'));
  return Object.fromEntries(
    [...terms.matchAll(/<dt>(.*?)<\/dt><dd>(.*?)<\/dd>/gs)].map(([, term = '', said = '']) => [term, plain(said)]),
  );
}

test('of an exempt rule says that no statement and no result is recorded, and why', async () => {
  const { Recorded: recorded } = await termsOf('dumped');
  expect(recorded).toBe(`no statements and no results, only what the policy decided: ${REASON}, kept 60 d`);
});

test('of any other rule says that everything is', async () => {
  const { Recorded: recorded } = await termsOf('demo');
  expect(recorded).toBe('everything, kept 30 d');
});
