// What is told of the content of a file, and when it is said that it may be something else.

import { describe, expect, it } from 'vitest';
import {
  APPEND,
  block,
  close,
  data,
  EXCLUSIVE,
  factsOf,
  handle,
  NEW,
  open,
  packet,
  READ,
  read,
  sha256,
  status,
  u64,
  WRITE,
  write,
  type Said,
} from '../../../../test/harness/ssh/sftp-packets.ts';

describe('what went over, and why it may not be the whole file', () => {
  it.each<[string, number, Said, object]>([
    [
      'a gap',
      READ,
      [
        ['>', read(5, 'f', 0, 10)],
        ['>', read(6, 'f', 20, 10)],
        ['<', data(5, block('a', 10))],
        ['<', data(6, block('b', 10))],
      ],
      { size: 20, partial: ['gaps'] },
    ],
    [
      'what went over twice',
      READ,
      [
        ['>', read(5, 'f', 0, 10)],
        ['>', read(6, 'f', 5, 10)],
        ['<', data(5, block('a', 10))],
        ['<', data(6, block('b', 10))],
      ],
      { size: 20, partial: ['overlaps'] },
    ],
    [
      'an end that nobody saw',
      READ,
      [
        ['>', read(5, 'f', 0, 10)],
        ['<', data(5, block('a', 10))],
      ],
      { size: 10, sha256: sha256(block('a', 10)), partial: ['end_not_seen'] },
    ],
    [
      'a beginning that was left out',
      READ,
      [
        ['>', read(5, 'f', 7, 10)],
        ['<', data(5, block('a', 10))],
        ['>', read(6, 'f', 17, 1)],
        ['<', status(6, 1)],
      ],
      { offset: 7, sha256: sha256(block('a', 10)), partial: ['beginning_missing'] },
    ],
    [
      'a read that failed',
      READ,
      [
        ['>', read(5, 'f', 0, 10)],
        ['<', status(5, 4)],
      ],
      { size: 0, partial: ['read_failed', 'end_not_seen'] },
    ],
    [
      'blocks too far ahead to be kept',
      READ,
      [
        ...Array.from({ length: 12 }, (_, at): Said[number] => ['>', read(100 + at, 'f', at * 250_000, 250_000)]),
        ...Array.from({ length: 11 }, (_, at): Said[number] => ['<', data(101 + at, block('a', 250_000))]),
        ['<', data(100, block('a', 250_000))],
      ],
      { size: 3_000_000, partial: ['out_of_order'] },
    ],
    [
      'a write that failed, which is not counted',
      NEW,
      [
        ['>', write(5, 'f', 0, block('a', 10))],
        ['>', write(6, 'f', 10, block('b', 10))],
        ['<', status(5, 0)],
        ['<', status(6, 4)],
      ],
      { size: 10, partial: ['write_failed'] },
    ],
    ['a write without an answer', NEW, [['>', write(5, 'f', 0, block('a', 10))]], { size: 0, partial: ['unanswered'] }],
    [
      'an upload into what is there',
      WRITE,
      [
        ['>', write(5, 'f', 0, block('a', 10))],
        ['<', status(5, 0)],
      ],
      { size: 10, sha256: sha256(block('a', 10)), partial: ['not_truncated'] },
    ],
    [
      'an upload behind what is there, whatever offsets it names',
      WRITE | APPEND,
      [
        ['>', write(5, 'f', 0, block('a', 10))],
        ['>', write(6, 'f', 0, block('b', 10))],
        ['<', status(5, 0)],
        ['<', status(6, 0)],
      ],
      { size: 20, sha256: sha256(block('a', 10), block('b', 10)), partial: ['appended', 'not_truncated'] },
    ],
    [
      'a file that is cut to nothing, written, and cut to what was written',
      WRITE,
      [
        ['>', packet(10, 4, 'f', 1, ...u64(0))],
        ['<', status(4, 0)],
        ['>', write(5, 'f', 0, block('a', 10))],
        ['<', status(5, 0)],
        ['>', packet(10, 6, 'f', 1, ...u64(10))],
        ['<', status(6, 0)],
      ],
      { size: 10, sha256: sha256(block('a', 10)) },
    ],
    [
      'a file that is cut afterwards',
      NEW,
      [
        ['>', write(5, 'f', 0, block('a', 10))],
        ['<', status(5, 0)],
        ['>', packet(10, 6, 'f', 1, ...u64(3))],
        ['<', status(6, 0)],
      ],
      { size: 10, sha256: sha256(block('a', 10)), partial: ['resized'] },
    ],
    ['an upload of nothing', NEW, [], { direction: 'upload', size: 0, sha256: sha256() }],
    [
      'an offset that no file has',
      NEW,
      [
        ['>', packet(6, 5, 'f', 0xffff_ffff, 0xffff_ffff, block('a', 10))],
        ['<', status(5, 4)],
      ],
      { size: 0, partial: ['write_failed', 'beginning_missing'] },
    ],
  ])('%s is said', (_, flags, said, told) => {
    const facts = factsOf([
      ['>', open(1, 'f', flags)],
      ['<', handle(1, 'f')],
      ...said,
      ['>', close(2, 'f')],
      ['<', status(2, 0)],
    ]);
    const transferred = facts.filter(({ kind }) => kind === 'file.transferred');
    expect(transferred).toHaveLength(1);
    expect(transferred[0]).toMatchObject(told);
    for (const name of ['sha256', 'partial']) if (!(name in told)) expect(transferred[0]).not.toHaveProperty(name);
  });

  it('both ways of one file are told apart', () => {
    const facts = factsOf([
      ['>', open(1, 'f', READ | WRITE)],
      ['<', handle(1, 'f')],
      ['>', write(2, 'f', 0, block('a', 5))],
      ['<', status(2, 0)],
      ['>', read(3, 'f', 0, 5)],
      ['<', data(3, block('a', 5))],
      ['>', close(4, 'f')],
      ['<', status(4, 0)],
    ]);
    expect(facts.slice(1)).toMatchObject([
      { direction: 'upload', size: 5, action: 2 },
      { direction: 'download', size: 5, action: 2 },
    ]);
  });
});

describe('a file that is changed by other means while it is open', () => {
  const CONTENT = block('a', 10);
  const upload = (name: string, id = 100): Said => [
    ['>', open(id, name, NEW)],
    ['<', handle(id, name)],
    ['>', write(id + 1, name, 0, CONTENT)],
    ['<', status(id + 1, 0)],
  ];
  const closed = (name: string, id = 200): Said => [
    ['>', close(id, name)],
    ['<', status(id, 0)],
  ];
  const done = (request: Buffer, id: number, code = 0): Said => [
    ['>', request],
    ['<', status(id, code)],
  ];
  const rename = (from: string, to: string) => packet(18, 5, from, to);
  const told = (...said: readonly Said[]) =>
    factsOf(said.flat()).flatMap((fact) => (fact.kind === 'file.transferred' ? [[fact.path, fact.partial]] : []));
  const CHANGED = [['/f', ['changed_otherwise']]];

  it.each<[string, Said]>([
    ['cut by its name', done(packet(9, 5, '/f', 1, ...u64(3)), 5)],
    ['cut by another spelling of it', done(packet(9, 5, '//./f', 1, ...u64(3)), 5)],
    ['removed', done(packet(13, 5, '/f'), 5)],
    ['renamed', done(rename('/f', '/g'), 5)],
    ['renamed over', done(rename('/g', '/f'), 5)],
    ['renamed with the extension', done(packet(200, 5, 'posix-rename@openssh.com', '/g', '/f'), 5)],
    [
      'emptied by another opening',
      [
        ['>', open(5, '/f', NEW)],
        ['<', handle(5, 'other')],
      ],
    ],
    [
      'written by another handle',
      [['>', open(5, '/f', WRITE)], ['<', handle(5, 'other')], ...done(write(6, 'other', 5, block('b', 1)), 6)],
    ],
    [
      'cut by another handle',
      [['>', open(5, '/f', WRITE)], ['<', handle(5, 'other')], ...done(packet(10, 6, 'other', 1, ...u64(3)), 6)],
    ],
    [
      'copied into by another handle',
      [
        ['>', open(5, '/f', WRITE)],
        ['<', handle(5, 'other')],
        ...done(packet(200, 6, 'copy-data', 'other', 0, 0, 0, 0, 'other', 0, 0), 6),
      ],
    ],
    ['changed by what is not answered when it is closed', [['>', packet(13, 5, '/f')]]],
  ])('%s is not told as whole', (_, changes) => {
    expect(told(upload('/f'), changes, closed('/f')).filter(([path]) => path === '/f')[0]).toEqual(CHANGED[0]);
  });

  it('with a directory above it', () => {
    expect(told(upload('/d/f'), done(rename('/d', '/e'), 5), closed('/d/f'))).toEqual([
      ['/d/f', ['changed_otherwise']],
    ]);
    expect(told(upload('/dd/f'), done(rename('/d', '/e'), 5), closed('/dd/f'))).toEqual([['/dd/f', undefined]]);
  });

  it('is whole where nothing of that was done', () => {
    for (const changes of [
      done(packet(13, 5, '/f'), 5, 3),
      done(rename('/f', '/g'), 5, 4),
      done(packet(9, 5, '/f', 4, 0o600), 5),
      done(packet(13, 5, '/other'), 5),
      [...upload('/other', 10), ...closed('/other', 20)],
    ])
      expect(told(upload('/f'), changes, closed('/f')).find(([path]) => path === '/f')).toEqual(['/f', undefined]);
    // Two after each other, and two that read.
    expect(told(upload('/f'), closed('/f'), upload('/f'), closed('/f'))).toEqual([
      ['/f', undefined],
      ['/f', undefined],
    ]);
    const reading = (name: string, id: number): Said => [
      ['>', open(id, '/f', READ)],
      ['<', handle(id, name)],
      ['>', read(id + 1, name, 0, 100)],
      ['<', data(id + 1, CONTENT)],
      ['>', read(id + 1, name, 10, 100)],
      ['<', status(id + 1, 1)],
    ];
    expect(told(reading('a', 10), reading('b', 20), closed('a'), closed('b'))).toEqual([
      ['/f', undefined],
      ['/f', undefined],
    ]);
  });

  it('read while the same handle writes it, or while it grows', () => {
    const reads = (at: number, id: number): Said => [
      ['>', read(id, 'h', at, 10)],
      ['<', data(id, CONTENT)],
    ];
    const ended: Said = [
      ['>', read(9, 'h', 20, 10)],
      ['<', status(9, 1)],
    ];
    const both: Said = [
      ['>', open(1, '/f', READ | WRITE)],
      ['<', handle(1, 'h')],
    ];
    const written = done(write(5, 'h', 10, CONTENT), 5);
    expect(told(both, reads(0, 2), written, reads(10, 3), ended, closed('h')).at(-1)).toEqual(CHANGED[0]);
    const early: Said = [
      ['>', read(9, 'h', 10, 10)],
      ['<', status(9, 1)],
    ];
    const one: Said = [
      ['>', open(1, '/f', READ)],
      ['<', handle(1, 'h')],
    ];
    expect(told(one, reads(0, 2), early, reads(10, 3), closed('h'))).toEqual(CHANGED);
  });

  it('blocks that go from the end to the beginning are out of order, and none of them is missing', () => {
    const said = [3, 2, 1, 0].flatMap((at): Said => done(write(10 + at, 'h', at * 10, CONTENT), 10 + at));
    const all = factsOf([['>', open(1, '/f', NEW)], ['<', handle(1, 'h')], ...said, ...closed('h')]);
    expect(all.at(-1)).toMatchObject({ size: 40, partial: ['out_of_order'] });
    expect(all.at(-1)).not.toHaveProperty('offset');
  });

  it('opened as new without being created is not known to have been empty', () => {
    const all = factsOf([
      ['>', open(1, '/f', WRITE | EXCLUSIVE)],
      ['<', handle(1, 'h')],
      ...done(write(2, 'h', 0, CONTENT), 2),
      ...closed('h'),
    ]);
    expect(all.at(-1)).toMatchObject({ partial: ['not_truncated'] });
  });
});
