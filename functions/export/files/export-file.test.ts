import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import {
  block,
  close,
  data,
  handle,
  INIT,
  NEW,
  open,
  read,
  READ,
  status,
  VERSION,
  write,
} from '../../../test/harness/ssh/sftp-packets.ts';
import { entryOf, exportedBytes, openerOf } from '../../../test/harness/session/exported.ts';
import { RecordingBuilder } from '../../../test/harness/recording-builder.ts';
import { exportSession } from '../registry.ts';

const sha256 = (...parts: Buffer[]) => createHash('sha256').update(Buffer.concat(parts)).digest('hex');
type Said = readonly (readonly ['client' | 'target', Buffer])[];

function recorded(
  said: Said,
  fact: { path: string; direction: 'upload' | 'download'; size: number; sha256?: string },
  cut = Infinity,
) {
  const builder = new RecordingBuilder({ protocol: 'ssh' }).fact(
    { kind: 'lane.opened', lane: 1, of: 'sftp', label: 'sftp' },
    1,
  );
  for (const [from, bytes] of [['client', INIT], ['target', VERSION], ...said] as const)
    for (let at = 0; at < bytes.length; at += cut) builder.bytes(from, bytes.subarray(at, at + cut), 1);
  return builder
    .fact({ kind: 'file.transferred', action: 3, ...fact }, 1)
    .fact({ kind: 'lane.closed', lane: 1, recorded: 'full' }, 1)
    .end();
}
const exported = (builder: RecordingBuilder, file = '3') => exportedBytes(builder, { format: 'file', file });
const [A, B, C] = [block('a'), block('b'), block('c')];

const outOfOrder: Said = [
  ['client', Buffer.concat([open(1, '/f', READ), open(2, '/g', NEW)])],
  ['target', Buffer.concat([handle(1, 'h'), handle(2, 'i')])],
  [
    'client',
    Buffer.concat([read(3, 'h', 0, 1000), read(4, 'h', 1000, 1000), read(5, 'h', 2000, 1000), write(6, 'i', 0, C)]),
  ],
  ['target', Buffer.concat([data(5, C), data(4, B), status(6, 0), data(3, A)])],
  ['client', Buffer.concat([close(7, 'h'), close(8, 'i')])],
  // The same handle again, for another file.
  ['target', Buffer.concat([status(7, 0), status(8, 0)])],
  ['client', open(9, '/f', READ)],
  ['target', handle(9, 'h')],
  ['client', read(10, 'h', 0, 1000)],
  ['target', data(10, B)],
];
const ABC = { path: '/f', direction: 'download', size: 3000, sha256: sha256(A, B, C) } as const;

it.each([Infinity, 1, 7, 1004])('puts answers in their order, in chunks of %d bytes', async (cut) => {
  expect((await exported(recorded(outOfOrder, ABC, cut))).equals(Buffer.concat([A, B, C]))).toBe(true);
  const second = { path: '/f', direction: 'download', size: 1000, sha256: sha256(B) } as const;
  expect((await exported(recorded(outOfOrder, second, cut))).equals(B)).toBe(true);
  const upload = { path: '/g', direction: 'upload', size: 1000, sha256: sha256(C) } as const;
  expect((await exported(recorded(outOfOrder, upload, cut))).equals(C)).toBe(true);
});

it.each([
  [{ ...ABC, sha256: sha256(A, B) }, 'its content is not in the recording'],
  [{ ...ABC, size: 2999 }, 'its content is not in the recording'],
  [{ path: '/f', direction: 'download', size: 3000 } as const, 'not one content'],
])('refuses what the recording does not hold as it was told', async (fact, why) => {
  await expect(exported(recorded(outOfOrder, fact))).rejects.toThrow(why);
});

it('refuses, and does not fall over, whatever stands on the lane', async () => {
  for (const bytes of [
    Buffer.alloc(64, 0xff),
    Buffer.alloc(64),
    Buffer.from([0, 0, 0, 9, 5, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]),
  ])
    await expect(
      exported(
        recorded(
          [
            ['client', bytes],
            ['target', bytes],
          ],
          ABC,
        ),
      ),
    ).rejects.toThrow('not in the recording');
});

it.each([
  ['../../etc/passwd', '-3-passwd'],
  ['/a/.bashrc', '-3-.bashrc'],
  ['C:\\x\\y.txt', '-3-y.txt'],
  ['/a/b"; rm -rf \u202e\r\nSet-Cookie: x', '-3-b_rm_-rf_Set-Cookie_x'],
  ['/dir/', '-3'],
  [`/${'n'.repeat(300)}`, `-3-${'n'.repeat(80)}`],
])('gives %j a name that is safe', async (path, ending) => {
  const builder = recorded(outOfOrder, { ...ABC, path });
  const made = await exportSession(entryOf(builder.opened), openerOf(builder), { format: 'file', file: path });
  expect(made.ok && made.value.fileName).toBe(`${builder.session}${ending}`);
  expect(made.ok && made.value.fileName).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/);
});

it('finds a file by the number as it is written elsewhere, and by its name where one file has it', async () => {
  const only = () => recorded(outOfOrder, { ...ABC, path: '/srv/a/f' });
  for (const wanted of ['3', '#3', 'f', '/srv/a/f'])
    expect((await exported(only(), wanted)).equals(Buffer.concat([A, B, C])), wanted).toBe(true);
  for (const wanted of ['a/f', '#4', '']) await expect(exported(only(), wanted)).rejects.toThrow('no such file');
  const two = new RecordingBuilder({ protocol: 'ssh' });
  for (const [action, path] of [
    [3, '/a/f'],
    [4, '/b/f'],
  ] as const)
    two.fact({ kind: 'file.transferred', action, ...ABC, path }, 1);
  await expect(exported(two.end(), 'f')).rejects.toThrow('3 (download), 4 (download)');
});
