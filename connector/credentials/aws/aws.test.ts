import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ok } from '../../../core/result.ts';
import {
  KEYS,
  type ParameterDouble,
  rdsTokenProblem,
  startParameterStore,
} from '../../../test/harness/credentials/aws-double.ts';
import type { SessionScope } from '../credential.ts';
import { storedCredential } from '../secret-store.ts';
import { parameterStore } from './parameter-store.ts';
import { rdsLogin } from './rds-token.ts';

const SECRET = 'hunter2';
const identity = async (region: string | undefined) => ok({ ...KEYS, region: region ?? KEYS.region });

describe('from the Parameter Store', () => {
  let double: ParameterDouble;
  beforeEach(async () => {
    double = await startParameterStore();
  });
  afterEach(() => double.close());

  const credential = (id: string, key?: string) => {
    const store = parameterStore(identity, { AWS_ENDPOINT_URL_SSM: double.url });
    return storedCredential(store, id, `parameter ${id}`, key);
  };

  test('a SecureString by its name or ARN, decrypted; or one key of it', async () => {
    const arn = 'arn:aws:ssm:eu-west-1:123456789012:parameter/shop/db';
    double.parameters.set('/shop/db', { Type: 'SecureString', Value: SECRET });
    double.parameters.set(arn, { Type: 'SecureString', Value: JSON.stringify({ password: 'of the key' }) });
    const [plain, keyed] = await Promise.all([credential('/shop/db').fetch(), credential(arn, 'password').fetch()]);
    expect(plain.ok && plain.value.reveal()).toBe(SECRET);
    expect(keyed.ok && keyed.value.reveal()).toBe('of the key');
  });

  test('is asked again where it has too many requests, a few times', async () => {
    double.parameters.set('p', { Type: 'SecureString', Value: SECRET });
    double.next.push('ThrottlingException', 'ThrottlingException');
    expect((await credential('p').fetch()).ok).toBe(true);
    double.next.push(...Array<string>(9).fill('ThrottlingException'));
    expect(await credential('p').fetch()).toMatchObject({
      error: { message: 'parameter p could not be fetched (ThrottlingException): try again in a moment' },
    });
    expect(double.calls).toHaveLength(6);
  });

  test.each([
    ['AccessDeniedException', undefined, /\(AccessDeniedException\): allow the connector ssm:GetParameter on it/],
    [undefined, undefined, /\(ParameterNotFound\)$/],
    [undefined, { Type: 'StringList', Value: SECRET }, /is a StringList: store it as a SecureString/],
    [undefined, { Type: 'SecureString', Value: '' }, /is empty/],
  ])('law 11: what is wrong is said without its value: %s %j', async (refused, stored, words) => {
    if (refused) double.next.push(refused);
    if (stored) double.parameters.set('p', stored);
    const fetched = await credential('p').fetch();
    expect(fetched).toMatchObject({ ok: false, error: { message: expect.stringMatching(words) } });
    expect(inspect(fetched, { depth: 9 })).not.toContain(SECRET);
  });

  test('one that does not answer keeps nobody else waiting, and ends', async () => {
    double.parameters.set('quick', { Type: 'SecureString', Value: SECRET });
    double.silent.add('slow');
    const store = parameterStore(identity, { AWS_ENDPOINT_URL_SSM: double.url });
    const slow = store.get('slow');
    const order = [slow.then(() => 'slow'), store.get('quick').then(() => 'quick')];
    expect(await Promise.race(order)).toBe('quick');
    await double.close();
    expect(await slow).toMatchObject({ ok: false });
  });
});

describe('tokens for RDS', () => {
  const host = 'Shop.cluster-abc.eu-west-1.rds.amazonaws.com';
  const place = { host, port: 3306, user: 'app user' };

  test('are presigned for one place and user, new for each dial, and good for 15 minutes', async () => {
    const keeper = rdsLogin(undefined, identity)(place, {} as SessionScope);
    const login = await keeper.next();
    if (!login.ok) throw new Error(login.error.message);
    const token = login.value.password?.reveal() ?? '';
    const problem = (user: string, at: number) => rdsTokenProblem(token, host.toLowerCase(), 3306, user, at);
    expect(problem('app user', Date.now())).toBeUndefined();
    expect(problem('root', Date.now())).toBe('another user');
    expect(problem('app user', Date.now() + 901_000)).toBe('expired');
    expect(
      rdsTokenProblem(token.replace('DBUser=app', 'DBUser=abb'), host.toLowerCase(), 3306, 'abb user', Date.now()),
    ).toBe('signature');
    expect(inspect(login, { depth: 9 })).not.toContain('X-Amz');
  });

  test('are for the region that the host names, or the settings do', async () => {
    const asked: (string | undefined)[] = [];
    const spy = async (region: string | undefined) => {
      asked.push(region);
      return ok({ ...KEYS, region: region ?? 'none' });
    };
    for (const [named, at] of [
      [undefined, host],
      [undefined, 'db.internal'],
      ['us-east-1', host],
    ] as const)
      await rdsLogin(named, spy)({ ...place, host: at }, {} as SessionScope).next();
    expect(asked).toEqual(['eu-west-1', undefined, 'us-east-1']);
  });
});
