// Access that needs an approval, from the command line and in Slack, and the audit log's proof of it.

import { chmod, cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { AuditPage } from '../../../core/audit/audit-page.ts';
import { withNames } from '../../../core/audit/names.ts';
import { gatehouse, until } from '../../cli/run-cli.ts';
import { answer, applyPolicy, approveInSlack, as, base, data, heard, root } from './gatehouse.ts';

const POLICY = `administrators: ["demo:administrators"]
auditors: ["demo:auditors"]
rules:
  - name: demo
    resources: { name: demo }
    who: ["demo:developers"]
    access: { ttl: 1h, reason: required, approval: { from: ["demo:dba"] } }
  - name: rest
    resources: {}
    who: [everyone]
    access: { ttl: 1h }
`;

export function testApprovals(): void {
  beforeAll(async () => {
    heard.length = 0;
    expect(await applyPolicy(POLICY)).toMatchObject({ code: 0, stderr: '' });
    const { grants } = await answer('alice', 'grants');
    for (const { id } of grants) await as('alice', 'revoke', id);
  });

  it('alice asks and waits, bob approves, alice has her secret, and the log proves it', async () => {
    const waiting = as('alice', 'request', 'demo', '--reason', 'SHOP-1', '--wait', '60');
    let id = '';
    await until(async () => {
      const { approvals } = JSON.parse((await as('bob', 'approvals')).stdout);
      id = approvals[0]?.id ?? '';
      return id !== '';
    }, 30_000);
    expect((await as('alice', 'approve', id)).code).toBe(1);
    expect(JSON.parse((await as('bob', 'approve', id, '--comment', 'ok')).stdout).approval.state).toBe('approved');
    const { code, stdout } = await waiting;
    expect(code).toBe(0);
    const { grant } = JSON.parse(stdout);
    expect(grant.secret).toMatch(/^ght_/);
    const again = JSON.parse((await as('alice', 'request', 'demo', '--reason', 'SHOP-1')).stdout);
    expect(again.live.id).toBe(grant.id);
    await as('alice', 'revoke', grant.id);

    expect(heard.some(({ method, body }) => method === 'chat.postMessage' && body.includes(id))).toBe(true);
    await until(
      async () => heard.some(({ method, body }) => method === 'chat.update' && body.includes('Approved by bob@')),
      20_000,
    );
    const { entries, names } = AuditPage.parse(
      JSON.parse((await as('carol', 'audit', '--kind', 'request.approved')).stdout),
    );
    expect(entries[0] && withNames(entries[0], names)).toMatchObject({ actor: 'bob@example.com', object: id });
    expect(JSON.parse((await as('carol', 'audit', 'verify')).stdout).whole).toBe(true);
    expect(JSON.stringify(heard)).not.toContain(grant.secret);
  });

  it('bob approves in Slack', async () => {
    const { request } = JSON.parse((await as('alice', 'request', 'demo', '--reason', 'SHOP-2')).stdout);
    expect(request.link).toBe(`http://localhost:${base}/requests/${request.id}`);
    await approveInSlack(request.id);
    const { grant } = JSON.parse((await as('alice', 'request', 'demo', '--reason', 'SHOP-2')).stdout);
    expect(grant.secret).toMatch(/^ght_/);
  });

  it('the log is in the object store within minutes, and both are proven, in place and as a copy', async () => {
    const objects = join(data, 'objects');
    await until(async () => (await readdir(join(objects, 'audit')).catch(() => [])).length > 0, 150_000);
    const { code, stdout } = await as('carol', 'audit', 'verify');
    const report = JSON.parse(stdout);
    expect([code, report]).toMatchObject([0, { whole: true, proven: true, export: { faults: [] } }]);
    expect(report.export.exportedThrough).toBeGreaterThan(0);
    const copy = join(root, 'copy');
    await cp(join(objects, 'audit'), copy, { recursive: true });
    expect((await gatehouse(['audit', 'verify', '--dir', copy, '--json'])).code).toBe(0);
    const [name = ''] = (await readdir(copy)).sort();
    const bytes = await readFile(join(copy, name));
    bytes[bytes.length - 20] = (bytes[bytes.length - 20] ?? 0) ^ 1;
    await chmod(join(copy, name), 0o644);
    await writeFile(join(copy, name), bytes);
    expect((await gatehouse(['audit', 'verify', '--dir', copy, '--json'])).code).toBe(1);
    // The same in the archive itself, as somebody with the directory in their hands could.
    await chmod(join(objects, 'audit', name), 0o644);
    await writeFile(join(objects, 'audit', name), bytes);
    const tampered = await as('carol', 'audit', 'verify');
    expect([tampered.code, JSON.parse(tampered.stdout).export.faults[0]]).toMatchObject([
      1,
      { object: name, reason: 'piece_damaged' },
    ]);
  }, 240_000);
}
