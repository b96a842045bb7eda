// What the target says in words (errors, notices, answers of function calls) through the rewriter.

import { describe, expect, test } from 'vitest';
import { ResultMasker } from '../../../connector/protocols/postgres/results/result-masker.ts';
import { mask } from '../../../core/masking/masked.ts';
import { masksOf } from '../masks-of.ts';
import { resolve, RULES, run, typesOf } from './people-result.ts';
import { SimpleGuide } from './simple-guide.ts';
import { int32, message } from './wire.ts';

describe('words of the target', () => {
  const error = (fieldsOf: Record<string, string>) =>
    message(
      'E',
      Buffer.from(
        `${Object.entries(fieldsOf)
          .map(([code, text]) => `${code}${text}\0`)
          .join('')}\0`,
      ),
    );
  const said = (message: Buffer, text?: string) =>
    run(
      masksOf([{ columns: ['people.email'], with: 'hash' }]).masks,
      message,
      [],
      text === undefined ? undefined : { text },
    ).bytes.toString('latin1');
  test('keep names and lose values', () => {
    const duplicate = said(
      error({
        S: 'ERROR',
        C: '23505',
        M: 'duplicate key value violates unique constraint "people_email_key"',
        D: 'Key (email)=(a@b.c) already exists.',
        s: 'public',
        t: 'people',
        n: 'people_email_key',
        F: 'nbtinsert.c',
        R: '_bt_check_unique',
      }),
    );
    expect(duplicate).toContain('duplicate key value violates unique constraint "people_email_key"');
    expect(duplicate).toContain('Key (email)=([withheld]) already exists.');
    const syntax = said(
      error({ S: 'ERROR', C: '22P02', M: 'invalid input syntax for type integer: "a@b.c"', F: 'numutils.c' }),
    );
    expect(syntax).toContain('invalid input syntax for type integer: "[withheld]"');
  });
  test('keep what the client wrote itself', () => {
    const wrong = error({
      S: 'ERROR',
      C: '42P01',
      M: 'relation "poeple" does not exist',
      P: '15',
      F: 'parse_relation.c',
    });
    expect(said(wrong, 'select * from poeple')).toContain('relation "poeple" does not exist');
    const read = error({ S: 'ERROR', C: '42P01', M: 'relation "poeple" does not exist', F: 'namespace.c' });
    expect(said(read, 'select email::regclass from x')).not.toContain('poeple');
    const key = error({ S: 'ERROR', C: '23505', D: 'Key (id, name)=(17, Ann) already exists.', F: 'nbtinsert.c' });
    expect(said(key, "insert into people values (17, 'Ann')")).toContain('(id, name)=(17, Ann)');
    for (const other of ["values (170, 'Ann')", "values (1.17, 'Ann')", "values (17, 'Anna')", 'values ($1, $2)'])
      expect(said(key, `insert into people ${other}`)).toContain('(id, name)=([withheld])');
  });
  test.each([
    ['42704', 'ascii.c', 'alice is not a valid encoding name'],
    ['42883', 'parse_func.c', 'aggregate alice(integer) does not exist'],
    ['42883', 'parse_func.c', 'function alice(integer, a.alice) is not unique'],
    ['42704', 'amcmds.c', 'operator 1 (integer, alice) of alice does not exist'],
    ['42704', 'parse_type.c', 'type alice does not exist'],
    ['42704', 'functioncmds.c', 'cast from type integer to type alice does not exist'],
    // What stands behind a colon may hold quotes itself.
    ['42883', 'regproc.c', 'operator does not exist: alice"x"'],
    ['22023', 'varlena.c', 'invalid normalization form: alice"id"alice'],
  ])('lose names without quotes that were read while the statement ran: %s %s %s', (C, F, M) => {
    const told = error({ S: 'ERROR', C, M, F });
    expect(said(told, 'select f(email, id) from people')).not.toContain('alice');
    // What the client wrote itself, and what is about a place in it.
    expect(said(told, `select f('${M.replace(/^.*: /, '')}'), alice, a.alice from people`)).toContain(M);
    if (!M.includes(':')) expect(said(error({ S: 'ERROR', C, M, F, P: '8' }), 'select 1')).toContain('alice');
  });
  test('keep what the server says in words alone', () => {
    const M = 'left operand of jsonpath operator + is not a single numeric value';
    for (const text of [
      M,
      'cannot subscript type integer because it is not an array',
      'function lower(integer) does not exist',
    ])
      expect(said(error({ S: 'ERROR', C: '42883', M: text, F: 'x.c' }), 'drop function lower(int)')).toContain(text);
  });
  test('are searched by detectors where there is no column rule', () => {
    const { masks } = masksOf([{ detect: ['email'], with: 'placeholder' }]);
    const notice = message('N', Buffer.from('SNOTICE\0C00000\0Mhello alice@example.com\0\0'));
    expect(run(masks, notice).bytes.toString()).toContain('Mhello [email]');
  });
  test('a function call is refused where a column may be hidden, and is searched where not', () => {
    const answer = message('V', Buffer.concat([int32(13), Buffer.from('alice@exam.io')]));
    expect(typesOf(run(masksOf(RULES).masks, answer).bytes)).toBe('E');
    expect(run(masksOf([{ detect: ['email'], with: 'hash' }]).masks, answer).bytes.toString()).toContain(
      '[email]******',
    );
  });
  test('a long answer of a function call is not taken for an answer to the call before it', () => {
    const { masks } = masksOf([{ columns: ['people.email'], with: 'hash' }]);
    const guide = Object.assign(new SimpleGuide(masks, resolve), {
      ready: () => true,
      calledPasses: () => handed === 0,
    });
    let handed = 0;
    const length = 2 * 1024 * 1024;
    const stream = Buffer.concat([
      message('V', Buffer.concat([int32(1), Buffer.from('x')])),
      message('Z', Buffer.from('I')),
      message('V', Buffer.concat([int32(length), Buffer.alloc(length, 'x')])),
    ]);
    const masker = new ResultMasker(masks, guide);
    const out: Buffer[] = [];
    for (let chunk = stream.subarray(0, 1000); ; chunk = Buffer.alloc(0)) {
      for (const part of mask(masker, chunk)) {
        out.push(Buffer.from(part));
        handed += part.length;
      }
      if (!masker.more) break;
    }
    expect(typesOf(Buffer.concat(out))).toBe('VZE');
  });
  test('a long answer of a function call is refused where it would be searched, and never NULL', () => {
    const length = 2 * 1024 * 1024;
    const long = Buffer.concat([
      message('V', Buffer.concat([int32(length), Buffer.alloc(length, 'x')])),
      message('Z', Buffer.from('I')),
    ]);
    for (const rules of [RULES, [{ detect: ['email'], with: 'hash' } as const]]) {
      const { bytes } = run(masksOf([...rules]).masks, long, [1000]);
      expect(typesOf(bytes)).toBe('EZ');
      expect(bytes.toString('latin1')).toContain('0A000');
    }
  });
});
