import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { KeyedHash } from '../../core/masking/ways.ts';
import type { CredentialSource } from '../credentials/credential.ts';
import { createLogger } from '../logger.ts';
import { maskingHash, masksByItself } from './masking-key.ts';

const KEY = '5f'.repeat(32);
const lines: string[] = [];
const log = createLogger((line) => lines.push(line), { level: 'debug' });
const ownKey = () => randomBytes(32);
const make = (own: ReturnType<typeof ownKey>, maskingKey?: CredentialSource, environment = { MASKING: KEY }) =>
  maskingHash({ config: { maskingKey }, environment, log }, own);

async function hashOf(made: ReturnType<typeof make>, value = 'alice@example.com'): Promise<string> {
  const hash = await made;
  if (!hash.ok) throw new Error(hash.error);
  const keyed: KeyedHash = hash.value;
  return Buffer.from(keyed(Buffer.from(value))).toString('hex');
}

describe('the key of masked values', () => {
  const env = { kind: 'env', name: 'MASKING' } as const;

  it('given, it makes connectors mask alike, each with a key of its own', async () => {
    expect(await hashOf(make(ownKey(), env))).toBe(await hashOf(make(ownKey(), env)));
    expect(await hashOf(make(ownKey(), env))).not.toBe(
      await hashOf(make(ownKey(), env, { MASKING: KEY.replace('5', '6') })),
    );
    expect(await hashOf(make(ownKey(), env), 'bob@example.com')).not.toBe(await hashOf(make(ownKey(), env)));
  });

  it('not given, it is the connector’s own: the same on every start, and no other’s', async () => {
    const own = ownKey();
    expect(await hashOf(make(own))).toBe(await hashOf(make(own)));
    expect(await hashOf(make(own))).not.toBe(await hashOf(make(ownKey())));
  });

  it.each<[string, { MASKING: string }, string]>([
    ['short', { MASKING: KEY.slice(0, 31) }, 'masking.key: it is shorter than 32 bytes'],
    ['empty', { MASKING: '' }, 'masking.key: environment variable MASKING is empty'],
  ])('law 11: one that is %s stops the start, and its value is not told', async (_, environment, message) => {
    const made = await make(ownKey(), env, environment);
    expect(made).toMatchObject({ ok: false, error: expect.stringContaining(message) });
    expect(JSON.stringify([made, lines])).not.toContain('5f5f');
  });
});

it('says so where tasks of a role have none in common', () => {
  const maskingKey = { kind: 'env', name: 'MASKING' } as const;
  const iam = { kind: 'iam', region: 'eu-central-1' } as const;
  expect(masksByItself({ join: iam, maskingKey: undefined })).toContain('Set masking.key, the same for all');
  expect(masksByItself({ join: iam, maskingKey })).toBeUndefined();
  expect(masksByItself({ join: { kind: 'env', name: 'TOKEN' }, maskingKey: undefined })).toBeUndefined();
});
