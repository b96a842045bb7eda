// Masks on what only some clients send: cursors, procedures with variables, COM_FIELD_LIST, bytes in a text.

import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CAPABILITIES } from '../../../connector/protocols/mysql/wire/capabilities.ts';
import { packet } from '../../../connector/protocols/mysql/wire/packets.ts';
import { readError } from '../../../connector/protocols/mysql/wire/replies.ts';
import { littleEndian } from '../../../connector/protocols/mysql/wire/values.ts';
import { type GuardedMysql, startGuardedMysql } from '../../harness/mysql/guarded.ts';
import { dialMysql, logInRawMysql, query, type RawMysql, USUAL } from '../../harness/mysql/raw-mysql.ts';
import { run } from '../../harness/run.ts';

let place: GuardedMysql;

beforeAll(async () => {
  place = await startGuardedMysql();
  await place.server.sql(
    'use shop',
    'create table people (id int primary key, name varchar(50), ssn varchar(20), pay int)',
    "insert into people select seq, concat('n', seq), if(seq % 7 = 0, null, concat('123-45-', 6000 + seq)), seq from seq_1_to_250",
    'create procedure show_all() select ssn from people',
    'create procedure names(in least int, inout total int) begin select id, name from people where id >= least; set total = total + least; end',
  );
});
beforeEach(() => place.rules([], { mask: [{ columns: ['people.ssn', 'people.pay'], with: 'placeholder' }] }));
afterAll(() => place.close());

const NO_CURSOR = 0;
const READ_ONLY = 1;
const prepare = (text: string): Buffer => packet(0, 0x16, text);
const execute = (id: number, flags: number): Buffer => packet(0, 0x17, littleEndian(id, 4), flags, littleEndian(1, 4));
const fetch = (id: number, rows: number): Buffer => packet(0, 0x1c, littleEndian(id, 4), littleEndian(rows, 4));

interface Answer {
  readonly rows: readonly string[];
  readonly status: number;
  readonly error: number | undefined;
}

class Client {
  readonly peer: RawMysql;
  readonly deprecatesEof: boolean;

  constructor(peer: RawMysql, deprecatesEof: boolean) {
    this.peer = peer;
    this.deprecatesEof = deprecatesEof;
  }

  async prepare(text: string): Promise<number> {
    this.peer.send(prepare(text));
    const { payload } = await this.#next();
    if (payload[0] === 0xff) throw new Error(readError(payload).message);
    const columns = payload.readUInt16LE(5);
    for (let left = columns > 0 ? columns + (this.deprecatesEof ? 0 : 1) : 0; left > 0; left--) await this.#next();
    return payload.readUInt32LE(1);
  }

  /** Of an execution: definitions, and rows where no cursor was opened. */
  async result(): Promise<Answer> {
    const first = await this.#next();
    if (first.payload[0] === 0xff) return { rows: [], status: 0, error: readError(first.payload).code };
    for (let left = first.payload[0] as number; left > 0; left--) await this.#next();
    if (!this.deprecatesEof) {
      const { payload } = await this.#next();
      const status = payload.readUInt16LE(3);
      if ((status & 64) !== 0) return { rows: [], status, error: undefined };
    }
    return this.rows();
  }

  /** Numbers of packets go up by one. */
  async rows(): Promise<Answer> {
    const rows: string[] = [];
    for (;;) {
      const { payload } = await this.#next();
      if (payload[0] === 0xff) return { rows, status: 0, error: readError(payload).code };
      if (payload[0] === 0xfe && payload.length < 9) return { rows, status: payload.readUInt16LE(3), error: undefined };
      rows.push(payload.toString('latin1'));
    }
  }

  async #next() {
    const one = await this.peer.next();
    if (!one) throw new Error('the connection ended');
    return one;
  }
}

async function connect(deprecatesEof: boolean): Promise<Client> {
  const peer = await dialMysql(place.gateway.port);
  const capabilities = deprecatesEof ? USUAL : USUAL & ~CAPABILITIES.DEPRECATE_EOF;
  expect((await logInRawMysql(peer, 'alice@example.com#demo', place.secret, capabilities))?.payload[0]).toBe(0);
  return new Client(peer, deprecatesEof);
}

const CURSOR_EXISTS = 64;
const LAST_ROW_SENT = 128;

describe.each([
  ['with DEPRECATE_EOF', true],
  ['without it', false],
])('a cursor of a client %s', (_name, deprecatesEof) => {
  it.each([1, 100, 1000])('has its rows masked, %i at a time', async (size) => {
    const client = await connect(deprecatesEof);
    const id = await client.prepare('select id, ssn, name from shop.people where id <= 120 order by id');
    client.peer.send(execute(id, READ_ONLY));
    const opened = await client.result();
    expect(opened).toMatchObject({ rows: [], error: undefined });
    expect(opened.status & CURSOR_EXISTS).toBe(CURSOR_EXISTS);
    const rows: string[] = [];
    for (let status = 0; (status & LAST_ROW_SENT) === 0; ) {
      client.peer.send(fetch(id, size));
      const got = await client.rows();
      expect(got.error).toBeUndefined();
      rows.push(...got.rows);
      ({ status } = got);
    }
    expect(rows).toHaveLength(120);
    expect(rows.join()).not.toMatch(/123-45/);
    expect(rows.filter((row) => row.includes('[masked]'))).toHaveLength(120 - 17);
    expect(rows.every((row, at) => row.includes(`n${at + 1}`))).toBe(true);
    client.peer.stream.destroy();
  });

  it('is opened and fetched in one write, and again', async () => {
    const client = await connect(deprecatesEof);
    const id = await client.prepare('select ssn from shop.people where id = 1');
    const other = await client.prepare('select name from shop.people where id = 1');
    for (const round of [1, 2]) {
      client.peer.send(execute(id, READ_ONLY), execute(other, READ_ONLY), fetch(id, 5), fetch(other, 5));
      await client.result();
      await client.result();
      expect([round, (await client.rows()).rows.join()]).toEqual([round, expect.stringContaining('[masked]')]);
      expect([round, (await client.rows()).rows.join()]).toEqual([round, expect.stringContaining('n1')]);
    }
    client.peer.send(execute(id, NO_CURSOR));
    expect((await client.result()).rows.join()).toContain('[masked]');
    client.peer.stream.destroy();
  });

  it('without rows, of what has no form that looks masked, and where none is open', async () => {
    const client = await connect(deprecatesEof);
    const none = await client.prepare('select ssn from shop.people where id < 0');
    client.peer.send(execute(none, READ_ONLY));
    await client.result();
    client.peer.send(fetch(none, 10));
    expect(await client.rows()).toMatchObject({ rows: [], error: undefined });
    const sum = await client.prepare('select sum(pay) from shop.people');
    client.peer.send(execute(sum, READ_ONLY));
    expect(await client.result()).toMatchObject({ error: 1227 });
    // The target has it open; nobody is shown its rows.
    client.peer.send(fetch(sum, 10));
    expect(await client.rows()).toMatchObject({ rows: [], error: 1227 });
    const closed = await client.prepare('select ssn from shop.people');
    client.peer.send(fetch(closed, 10), fetch(9999, 10));
    expect((await client.rows()).error).toBe(1421);
    expect((await client.rows()).error).toBe(1243);
    client.peer.send(query('select 1'));
    expect((await client.result()).rows).toHaveLength(1);
    client.peer.stream.destroy();
  });

  it('that was opened before detectors were in force is not shown', async () => {
    place.rules([], {});
    const client = await connect(deprecatesEof);
    const id = await client.prepare('select ssn from shop.people');
    client.peer.send(execute(id, READ_ONLY));
    await client.result();
    const { rules } = place.gateway.edge;
    place.gateway.edge.applyRules({
      ...rules,
      policyVersion: rules.policyVersion + 1,
      mask: [{ detect: ['us-ssn'], with: 'placeholder' }],
    });
    client.peer.send(fetch(id, 10));
    expect(await client.rows()).toMatchObject({ rows: [], error: 1227 });
    client.peer.send(execute(id, READ_ONLY), fetch(id, 10));
    await client.result();
    expect((await client.rows()).rows.join()).toMatch(/\[us-ssn\]/);
    client.peer.stream.destroy();
  });

  it('COM_FIELD_LIST shows definitions, and none of tables that hold data of others', async () => {
    const client = await connect(deprecatesEof);
    client.peer.send(packet(0, 2, 'shop'));
    expect((await client.peer.next())?.payload[0]).toBe(0);
    client.peer.send(packet(0, 4, 'people\0'));
    const { rows, error } = await client.rows();
    expect([rows.length, error]).toEqual([4, undefined]);
    expect(rows.join()).toContain('ssn');
    client.peer.send(packet(0, 4, 'processlist\0'), packet(0, 2, 'performance_schema'));
    expect((await client.rows()).error).toBe(1227);
    expect((await client.rows()).error).toBe(1227);
    client.peer.stream.destroy();
  });
});

it("a name without a database is one of the server's own where the login was into one", async () => {
  await place.server.sql('create table shop.sessions (id int)', 'insert into shop.sessions values (7)');
  const ask = async (database: string) => {
    const c = await place.connect({ database });
    const seen = async (sql: string) =>
      c.query(sql).then(
        ([rows]) => rows,
        ({ errno }) => errno,
      );
    const answers = [await seen('select * from sessions'), await seen('select * from shop.sessions')];
    await c.changeUser({ user: 'alice@example.com#demo', password: place.secret, database: 'shop' });
    answers.push(await seen('select id from sessions'));
    await c.changeUser({ user: 'alice@example.com#demo', password: place.secret, database: 'sys' });
    answers.push(await seen('select * from session'));
    await c.end();
    return answers;
  };
  expect(await ask('shop')).toEqual([[{ id: 7 }], [{ id: 7 }], [{ id: 7 }], 1227]);
  expect(await ask('performance_schema')).toEqual([1227, [{ id: 7 }], [{ id: 7 }], 1227]);
});

it('bytes that are no letters may stand between quotes, and nowhere else', async () => {
  const client = await connect(true);
  const ask = async (before: string, after: string) => {
    client.peer.send(
      packet(0, 3, Buffer.concat([Buffer.from(before), Buffer.from([0xff, 0x80, 0xc3, 0x27]), Buffer.from(after)])),
    );
    const { rows, error } = await client.result();
    return error ?? rows.join();
  };
  expect(await ask("select hex(_binary '", ') as h from shop.people where id = 1')).toContain('FF80C3');
  expect(await ask("select ssn, _binary '", ' as b from shop.people where id = 1')).toContain('[masked]');
  expect(await ask("select concat(ssn), _binary '", ' as b from shop.people where id = 1')).toContain('[masked]');
  expect(await ask('select id as ', " from shop.people where id = '1'")).toBe(1064);
  client.peer.stream.destroy();
});

it('PHP reads cursors and calls procedures', async () => {
  const { gateway, secret, caFile } = place;
  const script = join(import.meta.dirname, '../../fixtures/mysql/drivers/masked.php');
  const { stdout, stderr } = await run('/usr/bin/php', [
    ...[script, String(gateway.port), 'alice@example.com#demo', secret, caFile],
  ]);
  expect(stderr).toBe('');
  expect(stdout.trimEnd().split('\n')).toEqual([
    'cursor [248,"n248","[masked]"]',
    'cursor [249,"n249","[masked]"]',
    'cursor [250,"n250","[masked]"]',
    'called [[249,"n249"],[250,"n250"]]',
    'total {"total":"254"}',
    'show_all 1227',
  ]);
});
