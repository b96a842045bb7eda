// Approvals from the command line, against a stand-in that answers what a test tells it. With everything that
// npm start brings up: test/e2e/example-policy/approvals.ts.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AuditEntry, chainAuditEntry } from '../../core/audit/audit.ts';
import { command } from './run-cli.ts';

const ID = 'req_01m7xr5fhpxd5ccp0p7jtdc9r1';
const AT = '2026-11-20T10:00:00.000Z';
const pending = { id: ID, state: 'pending', link: `https://gw/requests/${ID}` };
const issued = {
  grant: { id: 'grt_01m7xr5fhpxd5ccp0p7jtdc9r1', secret: 'ght_once', resource: 'demo', until: AT },
  connect: { psql: 'psql "..."' },
};
const approval = {
  id: ID,
  kind: 'access',
  state: 'approved',
  requester: { email: 'alice@example.com', name: 'Alice' },
  resource: 'demo',
  reason: 'look \x1b[31m',
  labels: {},
  rule: 'demo',
  askedAt: AT,
  decideBy: AT,
  workSeconds: 3600,
  needed: 1,
  votes: [],
  link: pending.link,
  yours: false,
  mayDecide: true,
  mayReview: false,
};

describe('a command', () => {
  let server: Server;
  let origin: string;
  let replies: Record<string, (search: URLSearchParams) => unknown>;
  let seen: string[];
  beforeAll(async () => {
    server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      const url = new URL(request.url ?? '/', 'http://x');
      seen.push(`${request.method} ${url.pathname.replace('/api/v1', '')}${url.search} ${body}`.trim());
      const reply = replies[`${request.method} ${url.pathname.replace('/api/v1', '')}`]?.(url.searchParams);
      response
        .writeHead(reply === undefined ? 404 : 200, { 'content-type': 'application/json' })
        .end(JSON.stringify(reply ?? { error: { reason: 'not_found', message: 'none' } }));
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());
  beforeEach(() => {
    seen = [];
    replies = {};
  });
  const run = (...args: string[]) => command(args, { GATEHOUSE_URL: origin, GATEHOUSE_TOKEN: 'gat_secret' });

  it('that waits fetches the grant once it is approved, and prints it as if it had come at once', async () => {
    let looks = 0;
    replies['POST /requests'] = () => ({ request: pending });
    replies[`GET /requests/${ID}`] = () => ({ request: { ...pending, state: ++looks < 2 ? 'pending' : 'approved' } });
    replies[`POST /requests/${ID}/claim`] = () => issued;
    const { code, stdout } = await run('request', 'demo', '--wait', '20', '--json');
    expect([code, JSON.parse(stdout)]).toEqual([0, issued]);
    expect(seen.at(-1)).toBe(`POST /requests/${ID}/claim {}`);
  });

  it('fetches at once what was approved after an earlier request', async () => {
    replies['POST /requests'] = () => ({ request: { ...pending, state: 'approved' } });
    replies[`POST /requests/${ID}/claim`] = () => issued;
    expect(JSON.parse((await run('request', 'demo', '--json')).stdout)).toEqual(issued);
  });

  it.each(['denied', 'expired', 'withdrawn'])('exits 1 when the request is %s, with the reason', async (state) => {
    replies['POST /requests'] = () => ({ request: pending });
    replies[`GET /requests/${ID}`] = () => ({
      request: { ...pending, state },
      approval: { ...approval, state, ended: { at: AT, by: 'bob@example.com', reason: 'not now' } },
    });
    const { code, stdout, stderr } = await run('request', 'demo', '--wait', '20', '--json');
    expect([code, stdout, JSON.parse(stderr).error.reason]).toEqual([1, '', state]);
    expect(stderr).toContain('not now');
  });

  it('says that there is a live grant already', async () => {
    const live = { live: { id: issued.grant.id, resource: 'demo', until: AT }, message: 'You hold a live grant.' };
    replies['POST /requests'] = () => live;
    expect(JSON.parse((await run('request', 'demo', '--json')).stdout)).toEqual(live);
    expect((await run('request', 'demo')).stdout).toMatch(
      /^You hold a live grant\.\nIt ends at 2026-11-20 \S+: gatehouse revoke grt_\S+ ends it now\.\n$/,
    );
  });

  it('says of a grant what is masked, and what that means for dumps', async () => {
    replies['POST /requests'] = () => issued;
    expect((await run('request', 'demo')).stdout).not.toContain('masked');
    replies['POST /requests'] = () => ({ ...issued, grant: { ...issued.grant, masks: ['people.ssn', 'iban'] } });
    expect((await run('request', 'demo')).stdout).toMatch(
      /^masked +people\.ssn, iban: in dumps too, which must not be restored over the original$/m,
    );
  });

  it('breaks the glass only when it is told to', async () => {
    replies['POST /requests'] = () => issued;
    await run('request', 'demo', '--reason', 'down', '--break-glass');
    await run('request', 'demo');
    expect(seen[0]).toContain('"breakGlass":true');
    expect(seen[1]).not.toContain('breakGlass');
  });

  it('lists, approves and denies', async () => {
    replies['GET /approvals'] = () => ({ approvals: [approval] });
    replies[`POST /approvals/${ID}/decision`] = () => approval;
    expect(JSON.parse((await run('approvals', '--json')).stdout)).toEqual({ approvals: [approval] });
    expect((await run('approvals', '--all')).stdout).toContain('look \\x1b[31m');
    expect(JSON.parse((await run('approve', ID, '--comment', 'ok', '--json')).stdout)).toEqual({ approval });
    expect((await run('deny', ID, '--reason', 'no')).code).toBe(0);
    expect(seen).toEqual([
      'GET /approvals?state=open',
      'GET /approvals?state=all',
      `POST /approvals/${ID}/decision {"decision":"approve","comment":"ok"}`,
      `POST /approvals/${ID}/decision {"decision":"deny","comment":"no"}`,
    ]);
  });

  it("takes back a request of one's own, which the list says how to do", async () => {
    const mine = { ...approval, state: 'pending', yours: true, mayDecide: false };
    replies['GET /approvals'] = () => ({ approvals: [mine] });
    replies[`POST /requests/${ID}/withdraw`] = () => ({ ...mine, state: 'withdrawn' });
    expect((await run('approvals')).stdout).toContain(`\n  gatehouse withdraw ${ID}\n`);
    const { code, stdout } = await run('withdraw', ID);
    expect([code, stdout]).toEqual([0, 'Withdrawn: alice@example.com asked for access to demo.\n']);
    expect(seen.at(-1)).toBe(`POST /requests/${ID}/withdraw`);
  });

  it.each(['sql \u200b', '\u202e', '\u009b2J', '\u{e0041}', '\ufe0f'])(
    'shows what nobody sees in what waits and why: %j',
    async (unseen) => {
      const held = {
        kind: 'statement',
        session: 'ses_01m7xr5fhpxd5ccp0p7jtdc9r1',
        text: `drop table t${unseen}`,
        parameters: [`v${unseen}`],
        digest: 'ab'.repeat(32),
        touches: [`t${unseen}`],
        inTransaction: false,
      };
      replies['GET /approvals'] = () => ({
        approvals: [{ ...approval, state: 'pending', kind: 'statement', reason: `why${unseen}`, held }],
      });
      for (const stdout of [(await run('approvals')).stdout, (await run('approvals', '--json')).stdout])
        expect(stdout.replaceAll('\n', '')).toMatch(/^[\x20-\x7e]*$/);
    },
  );

  it('lists what a statement that waits says, since that is what one says yes to', async () => {
    const statement = {
      session: 'ses_01m7xr5fhpxd5ccp0p7jtdc9r1',
      text: 'delete from orders\nwhere id = 7 -- \u001b[31m',
      parameters: ["a'\u001b", null],
      pattern: 'delete',
      digest: 'ab'.repeat(32),
      tables: ['orders'],
      inTransaction: true,
    };
    replies['GET /approvals'] = () => ({
      approvals: [{ ...approval, state: 'pending', kind: 'statement', statement }],
    });
    const { stdout } = await run('approvals');
    expect(stdout).toMatch(
      /waits to run a statement on demo\n\n {4}delete from orders\n {4}where id = 7 -- \\x1b\[31m\n {4}\$1 = 'a'\\x1b'\n {4}\$2 = NULL\n/,
    );
    expect(stdout).toMatch(/tables +orders\n/);
    expect(stdout).toMatch(/rule +\S+, which holds "delete"\n/);
    expect(stdout).toMatch(/why +look /);
    expect(stdout).toMatch(/transaction +open/);
    expect(stdout).toMatch(/asked .* ago\n/);
    expect(stdout).toMatch(/decide by /);
  });

  it('tells of a request that is over in the past: who, what, when, its outcome, and by whom', async () => {
    const ended = { at: AT, by: 'bob@example.com', reason: 'not in the sale' };
    const votes = [{ email: 'carol@example.com', at: AT, comment: '', via: 'portal' }];
    replies['GET /approvals'] = () => ({
      approvals: [
        { ...approval, state: 'denied', mayDecide: false, ended },
        { ...approval, state: 'claimed', mayDecide: false, votes },
        {
          ...approval,
          state: 'expired',
          mayDecide: false,
          ended: { ...ended, by: 'gatehouse', reason: 'not decided in time' },
        },
      ],
    });
    const { stdout } = await run('approvals', '--all');
    expect(stdout).toMatch(/denied: not in the sale +bob@example\.com +/);
    expect(stdout).toMatch(/access given +carol@example\.com +/);
    expect(stdout).toMatch(/expired: not decided in time +nobody +/);
    expect(stdout).not.toMatch(/claimed|waiting|asks/);
  });

  describe('audit', () => {
    let log: AuditEntry[];
    beforeAll(async () => {
      log = [];
      for (let i = 0; i < 1200; i++) {
        const event = { kind: 'grant.issued', actor: 'alice@example.com', object: `${i}`, details: {} } as const;
        log.push(await chainAuditEntry(log.at(-1), event, AT));
      }
    });
    const serve = (entries: readonly AuditEntry[]) => (search: URLSearchParams) => {
      const before = Number(search.get('cursor') ?? Number.MAX_SAFE_INTEGER);
      const older = entries.filter(({ sequence }) => sequence < before).reverse();
      const page = older.slice(0, Number(search.get('limit')));
      return { entries: page, ...(page.length < older.length && { cursor: String(page.at(-1)?.sequence) }) };
    };

    it('passes its filters on', async () => {
      replies['GET /audit'] = serve(log);
      const { stdout } = await run(
        'audit',
        '--since',
        '2026-11-20',
        '--actor',
        'a@b.c',
        '--kind',
        'grant.issued',
        '--json',
      );
      expect(JSON.parse(stdout).entries.length).toBe(100);
      expect(seen).toEqual(['GET /audit?since=2026-11-20T00%3A00%3A00.000Z&actor=a%40b.c&kind=grant.issued&limit=100']);
    });
  });
});
