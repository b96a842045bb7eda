// SFTP packet by packet: what is told of it, however it is cut.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fact } from '../../../../core/recording/facts/fact.ts';
import {
  block,
  close,
  data,
  factsOf,
  handle,
  INIT,
  listen,
  NEW,
  open,
  packet,
  READ,
  read,
  sha256,
  status,
  VERSION,
  write,
  type Said,
} from '../../../../test/harness/ssh/sftp-packets.ts';

const EVERYTHING: Said = [
  ['>', INIT],
  ['<', VERSION],
  ['>', packet(16, 1, '.')],
  ['<', packet(104, 1, 1, '/root', '/root', 0)],
  ['>', open(2, '/tmp/new', NEW)],
  ['<', handle(2, 'h')],
  ['>', Buffer.concat([write(3, 'h', 0, block('a')), write(4, 'h', 1000, block('b'))])],
  ['<', Buffer.concat([status(3, 0), status(4, 0)])],
  ['>', packet(10, 5, 'h', 4, 0o644)],
  ['<', status(5, 0)],
  ['>', close(6, 'h')],
  ['<', status(6, 0)],
  ['>', Buffer.concat([open(7, '/etc/motd', READ), packet(11, 8, '/etc')])],
  ['<', Buffer.concat([handle(7, 'r'), handle(8, 'd')])],
  ['>', Buffer.concat([read(9, 'r', 0, 1000), read(10, 'r', 1000, 1000), packet(12, 11, 'd')])],
  ['<', Buffer.concat([data(9, block('c', 700)), status(10, 1), packet(104, 11, 1, 'a', 'a', 0)])],
  ['>', read(12, 'r', 700, 300)],
  ['<', status(12, 1)],
  ['>', Buffer.concat([close(13, 'r'), close(14, 'd')])],
  ['<', Buffer.concat([status(14, 0), status(13, 0)])],
  [
    '>',
    Buffer.concat([
      packet(13, 15, '/tmp/x'),
      packet(18, 16, 'a', 'b'),
      packet(14, 17, 'new', 0),
      packet(15, 18, 'old'),
    ]),
  ],
  ['<', Buffer.concat([status(15, 3, 'Permission denied'), status(16, 0), status(17, 0), status(18, 4)])],
  ['>', Buffer.concat([packet(20, 19, 'leads/to', 'link'), packet(200, 20, 'hardlink@openssh.com', 'old', 'new')])],
  ['<', Buffer.concat([status(19, 0), status(20, 0)])],
  ['>', packet(200, 21, 'posix-rename@openssh.com', 'c', 'd')],
  ['<', status(21, 0)],
];
const accessed = (action: number, operation: string, more: object) => ({
  ...{ kind: 'file.accessed', action, operation, durationUs: 0 },
  ...more,
});
const TOLD = [
  accessed(2, 'open', { path: '/tmp/new', flags: ['write', 'create', 'truncate'] }),
  accessed(3, 'set_attributes', { path: '/tmp/new', attributes: { permissions: 0o644 } }),
  {
    ...{ kind: 'file.transferred', action: 2, path: '/tmp/new', direction: 'upload', size: 2000, durationUs: 0 },
    sha256: sha256(block('a'), block('b')),
  },
  accessed(4, 'open', { path: '/etc/motd', flags: ['read'] }),
  accessed(5, 'list', { path: '/etc' }),
  {
    ...{ kind: 'file.transferred', action: 4, path: '/etc/motd', direction: 'download', size: 700, durationUs: 0 },
    sha256: sha256(block('c', 700)),
  },
  accessed(6, 'remove', { path: '/tmp/x', error: { code: 3, message: 'Permission denied' } }),
  accessed(7, 'rename', { path: 'a', to: 'b' }),
  accessed(8, 'make_directory', { path: 'new' }),
  accessed(9, 'remove_directory', { path: 'old', error: { code: 4, message: 'failure' } }),
  accessed(10, 'symlink', { path: 'link', to: 'leads/to' }),
  accessed(11, 'link', { path: 'new', to: 'old' }),
  accessed(12, 'rename', { path: 'c', to: 'd' }),
];

describe('SFTP is read', () => {
  it('whole, and cut at every byte and every two, into the same facts', () => {
    const pieces = (size: number) => (bytes: Buffer) =>
      Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
    for (const cut of [(bytes: Buffer) => [bytes], ...[1, 2, 3, 5, 7, 13, 33].map(pieces)]) {
      const { facts, take } = listen(cut);
      // Whatever is kept of it is a copy.
      expect(take(EVERYTHING.map(([way, bytes]) => [way, Buffer.from(bytes)]))).toBeUndefined();
      expect(facts).toEqual(TOLD);
    }
  });

  it('changed anywhere it is read or refused in words, and what is told of it is sound', () => {
    const stream = EVERYTHING.map(([way, bytes]) => [way, Buffer.from(bytes)] as const);
    const change = fc.record({ at: fc.nat(stream.length - 1), byte: fc.nat(2000), to: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const said = stream.map(([way, bytes]) => [way, Buffer.from(bytes)] as const);
        for (const { at, byte, to } of changes) {
          const bytes = said[at]?.[1];
          if (bytes) bytes[byte % bytes.length] = to;
        }
        const { reader, facts, take } = listen();
        take(said);
        reader.end();
        for (const fact of facts) expect(Fact.parse(JSON.parse(JSON.stringify(fact)))).toEqual(fact);
      }),
      { numRuns: 300 },
    );
  });

  it('answers that come out of order are put in the file’s order', () => {
    const parts = ['a', 'b', 'c', 'd'].map((letter) => block(letter));
    const asked = parts.map((_, index): Said[number] => ['>', read(10 + index, 'r', index * 1000, 1000)]);
    const [fact] = factsOf([
      ['>', open(1, 'f', READ)],
      ['<', handle(1, 'r')],
      ...asked,
      ...[3, 1, 0, 2].map((index): Said[number] => ['<', data(10 + index, parts[index] ?? Buffer.alloc(0))]),
      ['>', read(20, 'r', 4000, 1000)],
      ['<', status(20, 1)],
      ['>', close(2, 'r')],
      ['<', status(2, 0)],
    ]).slice(1);
    expect(fact).toMatchObject({ size: 4000, sha256: sha256(...parts) });
    expect(fact).not.toHaveProperty('partial');
  });

  it('a name that is no UTF-8 is shown as such, and kept as it was; a long one says how long it was', () => {
    const name = Buffer.from('/tmp/\xff\xe9', 'latin1');
    const facts = factsOf([
      ['>', packet(13, 1, name)],
      ['<', status(1, 0)],
      ['>', packet(18, 2, 'a', 'x'.repeat(100_000))],
      ['<', status(2, 5)],
    ]);
    expect(facts).toMatchObject([
      { path: '/tmp/\ufffd\ufffd', pathBase64: name.toString('base64') },
      { path: 'a', to: 'x'.repeat(4096), toBytes: 100_000, error: { code: 5, message: 'bad message' } },
    ]);
  });

  it('a handle that is guessed before it is given, or again once it is closed, is another’s by no mistake', () => {
    const facts = factsOf([
      // The server gives 0 to whatever is opened first, and the client does not wait to be told.
      ['>', Buffer.concat([open(1, 'first', NEW), write(2, '0', 0, block('a', 10)), close(3, '0')])],
      ['>', Buffer.concat([open(4, 'second', NEW), write(5, '0', 0, block('b', 20)), close(6, '0')])],
      ['<', Buffer.concat([handle(1, '0'), status(2, 0), status(3, 0)])],
      ['<', Buffer.concat([handle(4, '0'), status(5, 0), status(6, 0)])],
      // Known, and closed without waiting.
      ['>', open(7, 'third', NEW)],
      ['<', handle(7, '0')],
      ['>', Buffer.concat([close(8, '0'), open(9, 'fourth', NEW), write(10, '0', 0, block('c', 30))])],
      ['<', Buffer.concat([status(8, 0), handle(9, '0'), status(10, 0)])],
      ['>', close(11, '0')],
      ['<', status(11, 0)],
    ]);
    const transferred = facts.filter(({ kind }) => kind === 'file.transferred');
    expect(transferred).toMatchObject([
      { path: 'first', size: 10, partial: ['out_of_order'] },
      { path: 'second', size: 20, partial: ['out_of_order'] },
      { path: 'third', size: 0 },
      { path: 'fourth', size: 30, partial: ['out_of_order'] },
    ]);
  });

  it('what was not answered when the channel closed is told, since it may have been done', () => {
    const { reader, facts, take, begun } = listen();
    begun();
    take([
      ['>', open(1, 'f', NEW)],
      ['<', handle(1, 'f')],
      [
        '>',
        Buffer.concat([write(2, 'f', 0, block('a', 10)), packet(13, 3, '/etc/passwd'), packet(17, 4, 'looked at')]),
      ],
    ]);
    reader.end();
    reader.end();
    expect(facts.slice(1)).toMatchObject([
      { operation: 'remove', path: '/etc/passwd', unanswered: true },
      { kind: 'file.transferred', size: 0, partial: ['not_closed', 'unanswered'] },
    ]);
    expect(facts).toHaveLength(3);
  });

  it('a client that asks for all of a file at once is slowed, by its requests and by their names', () => {
    const { reader, take, begun } = listen();
    begun();
    for (let id = 0; id < 8192; id++) {
      expect(reader.full).toBe(false);
      take([['>', read(id, 'guessed', id, 1)]]);
    }
    expect(reader.full).toBe(true);
    take([['<', status(0, 4)]]);
    expect(reader.full).toBe(false);
    const other = listen();
    other.begun();
    for (let id = 0; id < 1024; id++) other.take([['>', packet(13, id, 'x'.repeat(200_000))]]);
    expect(other.reader.full).toBe(true);
    for (let id = 0; id < 1024; id++) other.take([['<', status(id, 0)]]);
    expect(other.reader.full).toBe(false);
  });
});
