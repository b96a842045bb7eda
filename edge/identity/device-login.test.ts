import { SELF } from 'cloudflare:test';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newUserCode, readUserCode } from '../storage/device-codes.ts';
import { Browser, EDGE } from '../test/browser.ts';
import { callerAs } from '../test/people.ts';
import { audit } from '../test/grants.ts';

interface Codes {
  device_code: string;
  user_code: string;
  verification_uri: string;
  verification_uri_complete: string;
  interval: number;
}
const SAME_ORIGIN = { 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' };

const begin = async (): Promise<Codes> =>
  (
    await SELF.fetch(`${EDGE}/api/v1/device/code`, {
      method: 'POST',
      headers: { 'user-agent': 'gatehouse-cli/1 (linux)' },
    })
  ).json();

const poll = async (deviceCode: string) => {
  const response = await SELF.fetch(`${EDGE}/api/v1/device/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: deviceCode }),
  });
  return { status: response.status, body: await response.json<Record<string, string>>() };
};

const decide = (browser: Browser, userCode: string, approve: boolean, headers: Record<string, string> = SAME_ORIGIN) =>
  browser.fetch(`${EDGE}/api/v1/device/decision`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ user_code: userCode, approve }),
  });

describe('device login', () => {
  test('from code to token, approved by a person who signed in', async () => {
    const codes = await begin();
    expect(codes.verification_uri).toBe(`${EDGE}/device`);
    expect(codes.verification_uri_complete).toContain(codes.user_code);
    expect(await poll(codes.device_code)).toMatchObject({ status: 400, body: { error: 'authorization_pending' } });

    const browser = new Browser();
    await browser.signIn('alice');
    const approved = await decide(browser, codes.user_code.toLowerCase().replace('-', ' '), true);
    expect(await approved.json()).toMatchObject({ userCode: codes.user_code, userAgent: 'gatehouse-cli/1 (linux)' });

    const { status, body } = await poll(codes.device_code);
    expect(status).toBe(200);
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 43200 });
    const me = await SELF.fetch(`${EDGE}/api/v1/me`, { headers: { authorization: `Bearer ${body.access_token}` } });
    expect(await me.json()).toMatchObject({ identity: { email: 'alice@example.com' } });
    // Once: a second poll finds nothing.
    expect(await poll(codes.device_code)).toMatchObject({ status: 400, body: { error: 'expired_token' } });
  });

  test('a turned away login says so', async () => {
    const codes = await begin();
    const browser = new Browser();
    await browser.signIn('alice');
    expect((await decide(browser, codes.user_code, false)).status).toBe(200);
    expect(await poll(codes.device_code)).toMatchObject({ body: { error: 'access_denied' } });
    expect((await decide(browser, codes.user_code, true)).status).toBe(404);
  });

  test('who polls too fast is told to slow down', async () => {
    const codes = await begin();
    await poll(codes.device_code);
    expect(await poll(codes.device_code)).toMatchObject({ body: { error: 'slow_down' } });
  });

  test('a code nobody asked for, and a request without one', async () => {
    expect(await poll('gdc_guess')).toMatchObject({ body: { error: 'expired_token' } });
    const bare = await SELF.fetch(`${EDGE}/api/v1/device/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'password' }),
    });
    expect(await bare.json()).toMatchObject({ error: 'invalid_request' });
  });

  test('a token cannot approve a login, nor can another site in the name of somebody signed in', async () => {
    const codes = await begin();
    const alice = await callerAs('alice');
    expect((await alice.send('POST', '/device/decision', { user_code: codes.user_code, approve: true })).status).toBe(
      403,
    );
    const browser = new Browser();
    await browser.signIn('alice');
    for (const headers of [
      { 'content-type': 'application/json' },
      { ...SAME_ORIGIN, 'sec-fetch-site': 'cross-site' },
    ]) {
      expect((await decide(browser, codes.user_code, true, headers)).status).toBe(403);
    }
    expect(await poll(codes.device_code)).toMatchObject({ body: { error: 'authorization_pending' } });
  });

  test('guessing user codes ends soon', async () => {
    const browser = new Browser();
    await browser.signIn('mallory');
    const answers = new Set<number>();
    for (let i = 0; i < 40; i++) answers.add((await decide(browser, 'BCDF-GHJK', true)).status);
    expect(answers).toEqual(new Set([404, 429]));
  });

  test('a token can be revoked by whoever holds it', async () => {
    const alice = await callerAs('alice');
    expect((await alice.get('/me')).status).toBe(200);
    expect((await alice.send('DELETE', '/token')).status).toBe(204);
    expect((await alice.get('/me')).status).toBe(401);
    const { entries } = await audit.list({ kind: 'token.revoked', limit: 1 });
    expect(entries[0]?.actor).toBe('alice@example.com');
  });
});

describe('user codes', () => {
  test('are made of letters that are not mixed up, and read back however they are typed', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.uint8Array({ minLength: 16, maxLength: 16 })), (stream) => {
        let drawn = 0;
        const code = newUserCode(() =>
          drawn++ > 50 ? new Uint8Array(16) : (stream.next().value ?? new Uint8Array(16)),
        );
        expect(code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/);
        expect(readUserCode(` ${code.toLowerCase().replace('-', '–')} `)).toBe(code);
      }),
    );
    for (const wrong of ['', 'BCDF', 'BCDF-GHJA', 'BCDF-GHJK-L', 'x'.repeat(1000)])
      expect(readUserCode(wrong)).toBeUndefined();
  });
});
