// SFTP that is not understood.

import { describe, expect, it } from 'vitest';
import {
  block,
  data,
  handle,
  INIT,
  listen,
  open,
  packet,
  READ,
  status,
  write,
  type Said,
} from '../../../../test/harness/ssh/sftp-packets.ts';

describe('SFTP is refused', () => {
  const giant = Buffer.from([0, 4, 4, 1, 6]);
  it.each<[string, Said, string]>([
    [
      'a packet that is longer than any',
      [['>', giant]],
      'the client sends a packet of 263169 bytes, where SFTP has 256 KiB at most',
    ],
    ['the same of the target', [['<', giant]], 'the target sends a packet of 263169 bytes'],
    ['a packet of nothing', [['>', Buffer.alloc(5)]], 'a packet without a type'],
    ['an unknown type', [['>', packet(22, 1)]], 'packet type 22'],
    [
      'an unknown extension',
      [['>', packet(200, 1, 'copy-everything@example.com')]],
      'the extension copy-everything@example.com',
    ],
    ['a request that is cut short', [['>', packet(18, 1, 'a')]], 'cut short'],
    ['a length beyond its packet', [['>', packet(13, 1, { raw: Buffer.from([0xff, 0xff, 0xff, 0xff]) })]], 'cut short'],
    ['a second beginning', [['>', INIT]], 'packet type 1'],
    [
      'a number that is still to be answered',
      [
        ['>', packet(17, 1, 'a')],
        ['>', packet(17, 1, 'b')],
      ],
      'not answered, 1',
    ],
    [
      'content longer than its packet',
      [['>', packet(6, 1, 'h', 0, 0, 9, { raw: block('a', 4) })]],
      'more or fewer bytes',
    ],
    ['a handle longer than any', [['>', packet(6, 1, 'h'.repeat(257), 0, 0, 'x')]], 'more than 256 bytes'],
    ['an answer to nothing', [['<', status(1, 0)]], 'an answer to a request that nobody made'],
    [
      'an answer of another kind',
      [
        ['>', packet(17, 1, 'a')],
        ['<', handle(1, 'h')],
      ],
      'another kind',
    ],
    [
      'content for what was written',
      [
        ['>', packet(13, 1, 'a')],
        ['<', data(1, block('a', 3))],
      ],
      'another kind',
    ],
    [
      'a write to a handle that nobody was given',
      [
        ['>', write(1, 'h', 0, block('a', 3))],
        ['<', status(1, 0)],
      ],
      'a handle that it gave nobody',
    ],
    [
      'one handle for two files',
      [
        ['>', Buffer.concat([open(1, 'a', READ), open(2, 'b', READ)])],
        ['<', Buffer.concat([handle(1, 'h'), handle(2, 'h')])],
      ],
      'another file’s already',
    ],
  ])('%s, with words', (_, said, words) => {
    const { take, begun } = listen();
    begun();
    expect(take(said.map(([way, bytes]) => [way, Buffer.from(bytes)]))).toContain(words);
  });

  it('whatever begins as something else, and other versions', () => {
    expect(listen().take([['>', Buffer.from('GET / HTTP/1.1\r\n')]])).toBe('the client sends something else than SFTP');
    const told = listen().take([
      ['>', Buffer.from(INIT)],
      ['<', Buffer.from('Welcome to web-1!\n')],
    ]);
    expect(told).toContain('maybe words that start-up files of its login print');
    const other = listen().take([
      ['>', packet(1, 6)],
      ['<', packet(2, 6)],
    ]);
    expect(other).toContain('version 6 of SFTP, and only 3 is understood');
  });

  it('more open files than are followed', () => {
    const { take, begun } = listen();
    begun();
    const open8192 = (id: number): Said => [
      ['>', open(id, 'f', READ)],
      ['<', handle(id, `h${id}`)],
    ];
    for (let id = 0; id < 8192; id++) expect(take(open8192(id))).toBeUndefined();
    expect(take(open8192(9999))).toContain('more than 8192 handles');
  });
});
