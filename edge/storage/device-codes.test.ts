// How long sign-ins that a connector asked for may be confirmed and used.

import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { newId } from '../../core/ids.ts';
import { Identity } from '../../core/identity.ts';
import { ResourceName } from '../../core/resource.ts';
import { DEVICE_CODES_SCHEMA, DeviceCodes } from './device-codes.ts';

const BOB = Identity.parse({
  subject: 'idp#bob',
  email: 'bob@example.com',
  name: 'Bob',
  groups: [],
  provider: 'demo',
  authenticatedAt: '2026-11-20T08:00:00.000Z',
});

test('one is confirmed within two minutes, and used within ten of that', async () => {
  const stub = env.DIRECTORY.get(env.DIRECTORY.idFromName('sign-ins'));
  await runInDurableObject(stub, (_, { storage }) => {
    storage.sql.exec(DEVICE_CODES_SCHEMA);
    const codes = new DeviceCodes(storage.sql);
    const [connector, resource] = [newId('con'), ResourceName.parse('web')];
    const begin = (userCode: string) => {
      const asked = { hash: userCode, userCode, address: '10.0.0.9', userAgent: '', signIn: { connector, resource } };
      expect(codes.start(asked, 0)).toBe(true);
    };
    begin('late');
    expect(codes.describe('late', 119_999)).toMatchObject({ resource: 'web' });
    expect(codes.decide('late', BOB, 120_000)).toBe(false);
    expect(codes.signIn('late', connector, 120_000)).toEqual({ kind: 'expired' });
    begin('soon');
    expect(codes.decide('soon', BOB, 100_000)).toBe(true);
    expect(codes.signIn('soon', connector, 699_999)).toMatchObject({ kind: 'approved', identity: BOB });
    expect(codes.signIn('soon', connector, 700_000)).toEqual({ kind: 'expired' });
    // A login of a terminal is good as long as before.
    codes.start({ hash: 'cli', userCode: 'cli', address: '', userAgent: '' }, 0);
    expect(codes.decide('cli', BOB, 599_999)).toBe(true);
    expect(codes.poll('cli', 600_000)).toEqual({ kind: 'expired' });
  });
});
