// docs/audit.md says enough to prove the log without us: another language, with nothing of the product.

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeAuditPiece } from '../../core/audit/audit-archive.ts';
import { type AuditEntry, chainAuditEntry } from '../../core/audit/audit.ts';

const READER = join(import.meta.dirname, 'audit_second_reader.py');
const read = (folder: string) => promisify(execFile)('python3', [READER, folder]);

/** What JSON writes in more than one way, if one lets it. */
const DETAILS: AuditEntry['details'][] = [
  {},
  { z: 1, a: 'x', Z: true, é: null, '\u{1f600}': 'astral sorts before', '\uffff': 'the last' },
  { numbers: 1e21, small: 1e-7, half: 0.5, minus: -3 },
  { text: 'quote " slash / back \\ tab \t nul \u0000 del \u007f line \u2028 emoji \u{1f600} \u00e9' },
  { '': '', 'with "quotes"': '\b\f\n\r' },
];
const log: AuditEntry[] = [];
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gatehouse-audit-'));
  for (let i = 0; i < 25; i++) {
    const details = DETAILS[i % DETAILS.length] ?? {};
    const event = { kind: 'grant.issued', actor: 'zoë@example.com', object: `o ${i}`, details } as const;
    log.push(await chainAuditEntry(log.at(-1), event, '2026-11-20T10:00:00.000Z'));
  }
  for (const part of [log.slice(0, 10), log.slice(10, 11), log.slice(11)]) {
    const { name, bytes } = encodeAuditPiece(part);
    await writeFile(join(folder, name), bytes);
  }
});
afterAll(() => rm(folder, { recursive: true }));

describe('a second verifier of the audit log', () => {
  it('finds the same head', async () => {
    expect((await read(folder)).stdout).toBe(`25 ${log.at(-1)?.digest}\n`);
  });

  it('finds a changed entry', async () => {
    const { name, bytes } = encodeAuditPiece(log.slice(11));
    const changed = Buffer.from(bytes).toString().replace('o 13', 'o 31');
    await writeFile(join(folder, name), changed);
    await expect(read(folder)).rejects.toMatchObject({ code: 1, stderr: 'entry 14: digest\n' });
    await writeFile(join(folder, name), bytes);
  });
});
