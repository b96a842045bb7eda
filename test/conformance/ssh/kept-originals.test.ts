// What detectors hid of a program's output, where a rule keeps it (ADR 52): with that put back it is what the program wrote. What the
// client typed or piped in is not kept, since nobody knows which of it is a password.

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SessionRules } from '../../../core/policy/session-rules.ts';
import { until } from '../../harness/run.ts';
import { type SshGateway, startSshGateway } from '../../harness/ssh/ssh-gateway.ts';
import { hasSshd, startSshd, type Sshd } from '../../harness/ssh/sshd.ts';

const CARD = '4111 1111 1111 1111';
const mask: NonNullable<SessionRules['mask']> = [{ detect: ['credit-card', 'email'], with: 'placeholder' }];

describe.skipIf(!hasSshd)('SSH: what masks hid', () => {
  let sshd: Sshd;
  let gateway: SshGateway;
  let directory: string;
  const file = (name: string) => join(directory, name);
  const LONG = Array.from({ length: 20_000 }, (_, i) => `line ${i} of ${i % 9 === 0 ? CARD : 'nobody'}\n`).join('');
  beforeAll(async () => {
    sshd = await startSshd();
    directory = mkdtempSync(join(tmpdir(), 'gatehouse-kept-'));
    writeFileSync(file('cards'), `a ${CARD}\nb alice@example.com\n`);
    writeFileSync(file('long'), LONG);
    gateway = await startSshGateway(sshd.upstream, { rules: { mask } as Partial<SessionRules> });
    gateway.edge.originals = [await identityToRecipient(await generateX25519Identity())];
  });
  afterAll(async () => {
    expect(gateway.bugs).toEqual([]);
    await gateway.close();
    sshd.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const over = () => until('it is over', () => gateway.log.last.ended !== undefined);

  it('in stdout and stderr of a command', async () => {
    const ran = await gateway.ssh([`cat ${file('cards')}; echo "bob@example.com" >&2`]);
    expect(ran.stdout.toString()).toBe('a [credit-card]\nb [email]\n');
    await over();
    const { last } = gateway.log;
    expect(last.wire('target', 1).toString()).toBe('a [credit-card]\nb [email]\n');
    expect(last.clear('target', 1).toString()).toBe(`a ${CARD}\nb alice@example.com\n`);
    expect(last.clear('target', 2).toString()).toBe('bob@example.com\n');
  });

  it('in long output, and in a value that comes in pieces', async () => {
    await gateway.ssh([
      `cat ${file('long')}; printf '4111 11'; sleep 0.06; printf '11 1111'; sleep 0.06; printf ' 1111\\n'`,
    ]);
    await over();
    const { last } = gateway.log;
    expect(last.wire('target', 1).includes(CARD)).toBe(false);
    expect(last.clear('target', 1).equals(Buffer.from(`${LONG}${CARD}\n`))).toBe(true);
  });

  it('goes on behind a value that is too large to be kept, which is counted', async () => {
    const key = `${randomBytes(5_000_000)
      .toString('base64')
      .replace(/(.{64})/g, '$1\n')}\n`;
    writeFileSync(file('key'), `-----BEGIN RSA PRIVATE KEY-----\n${key}-----END RSA PRIVATE KEY-----\n`);
    const detect = ['credit-card', 'email', 'private-key'] as const;
    const other = await startSshGateway(sshd.upstream, {
      rules: { mask: [{ detect: [...detect], with: 'placeholder' }] } as Partial<SessionRules>,
    });
    other.edge.originals = gateway.edge.originals;
    await other.ssh([`cat ${file('key')}; sleep 1; cat ${file('cards')}`]);
    await until('it is over', () => other.log.last.ended !== undefined);
    const { last } = other.log;
    expect(last.wire('target', 1).toString()).toMatch(/a \[credit-card\]\nb \[email\]\n$/);
    expect(last.clear('target', 1).toString()).toMatch(`a ${CARD}\nb alice@example.com\n`);
    expect(last.facts('mask.applied').flatMap(({ notKept }) => notKept ?? [])).toEqual([
      { reason: 'too_large', count: 1 },
    ]);
    await other.close();
  });

  it('in a terminal, and nothing of what went in', async () => {
    const ran = await gateway
      .ssh([`cat; cat ${file('cards')}`], {
        input: `typed ${CARD}\n`,
        options: ['-tt'],
      })
      .catch(() => undefined);
    expect(ran === undefined || ran.code !== undefined).toBe(true);
    if (!gateway.log.last.ended) await over();
    const { last } = gateway.log;
    expect(last.clear('client', 1).equals(last.wire('client', 1))).toBe(true);
    expect(last.clear('client', 1).toString()).not.toContain('4111');
  });
});
