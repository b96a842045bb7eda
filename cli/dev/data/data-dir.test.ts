import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exists, keepPortBase, openDataDir, settlePortBase } from './data-dir.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'gatehouse-data-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe('the data folder', () => {
  it('is made, and kept over a second start', async () => {
    const path = join(root, 'a', 'b');
    const first = await openDataDir(path, 'b', false);
    expect(first.isNew).toBe(true);
    await writeFile(join(path, 'secrets.json'), '{}');
    await writeFile(join(first.objects, 'kept'), 'x');
    await first.release();
    const second = await openDataDir(path, 'b', false);
    expect([second.isNew, second.wasKilled, await exists(join(path, 'objects', 'kept'))]).toEqual([false, false, true]);
    await second.release();
  });

  it('loses what npm start made, and nothing else, with --fresh', async () => {
    await writeFile(join(root, 'my-connector.yaml'), 'mine');
    const first = await openDataDir(root, 'd', false);
    await writeFile(join(first.objects, 'dropped'), 'x');
    await first.release();
    const second = await openDataDir(root, 'd', true);
    expect(await exists(join(root, 'my-connector.yaml'))).toBe(true);
    expect(await readdir(second.objects)).toEqual([]);
    await second.release();
  });

  it('is refused, and left as it is, when somebody else made a part of it', async () => {
    await mkdir(join(root, 'objects'));
    await writeFile(join(root, 'objects', 'precious'), 'x');
    for (const fresh of [false, true]) {
      await expect(openDataDir(root, 'd', fresh)).rejects.toMatchObject({
        message: expect.stringContaining('d holds objects, which npm start did not make'),
      });
    }
    expect(await readdir(root)).toEqual(['objects']);
    expect(await exists(join(root, 'objects', 'precious'))).toBe(true);
  });

  it('is used by one run at a time', async () => {
    const first = await openDataDir(root, 'd', false);
    await expect(openDataDir(root, 'd', false)).rejects.toMatchObject({
      reason: 'already_running',
      message: expect.stringContaining(`process ${process.pid}`),
    });
    await first.release();
    await (await openDataDir(root, 'd', false)).release();
  });

  it('is taken over from a run that was killed, even when its process id is in use again', async () => {
    await (await openDataDir(root, 'd', false)).release();
    await writeFile(join(root, 'running.pid'), `${process.pid} 12345\n`);
    const next = await openDataDir(root, 'd', false);
    expect(next.wasKilled).toBe(true);
    await next.release();
  });

  it('keeps the port base that it was made with', async () => {
    const dir = await openDataDir(root, 'd', false);
    expect(await settlePortBase(dir, 'd', undefined, 8440)).toBe(8440);
    // Nothing is kept of a base whose ports were busy.
    expect(await settlePortBase(dir, 'd', 9000, 8440)).toBe(9000);
    await keepPortBase(dir, 9000);
    expect(await settlePortBase(dir, 'd', undefined, 8440)).toBe(9000);
    await expect(settlePortBase(dir, 'd', 9100, 8440)).rejects.toMatchObject({
      message: expect.stringContaining('--port-base 9000'),
    });
    await dir.release();
    const fresh = await openDataDir(root, 'd', true);
    expect(await settlePortBase(fresh, 'd', 9100, 8440)).toBe(9100);
    await fresh.release();
  });

  it('says at once that nothing can be made there', async () => {
    await expect(openDataDir('/proc/none/here', '/proc/none/here', false)).rejects.toThrow(
      'no folder can be made there',
    );
  });

  it('says in one line that a file stands in its place', async () => {
    await writeFile(join(root, 'file'), '');
    await expect(openDataDir(join(root, 'file'), 'file', false)).rejects.toMatchObject({
      message: 'file: it is not a folder',
    });
  });
});
