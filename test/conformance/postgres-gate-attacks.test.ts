// The attack table (test/attacks) over the wire: what is to be blocked or held never reaches the
// server, which logs every statement that it gets, in either form of the protocol.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RULE_SETS } from '../attacks/postgres.ts';
import type { Expected } from '../attacks/rule-set.ts';
import { parse, query, run, sync } from '../harness/postgres/client-messages.ts';
import { answersOf, type Guarded, startGuarded } from '../harness/guarded.ts';

let g: Guarded;

beforeAll(async () => {
  g = await startGuarded(undefined, ['log_statement=all', 'log_min_error_statement=panic', 'statement_timeout=2000']);
});

afterAll(() => g?.close());

const STOPPED: readonly Expected[] = ['block', 'hold'];
/** The table judges without a session. This one knows that nobody has prepared it, so it lets the server say so. */
const NOT_THERE = 'execute p';
let number = 0;

describe.each(RULE_SETS)('under the rules "$name"', ({ statements, unparsable, rows }) => {
  const stopped = rows.filter(
    ([statement, expected]) => STOPPED.includes(expected) && !statement.includes('\0') && statement !== NOT_THERE,
  );

  it.each([
    ['as Query', (text: string) => [query(text)]],
    ['as Parse, Bind and Execute', (text: string) => [run(text), sync()]],
  ] as const)('what is stopped stays here, %s', async (_form, messagesOf) => {
    g.rules(statements, unparsable ? { unparsable } : {});
    const marks: string[] = [];
    const peer = await g.session();
    // Names without a schema then lead to where the table's rules look.
    g.gateway.edge.applyRules(g.rules([], { statements: undefined as never }));
    peer.send(query('set search_path = hr, vault, public'));
    await peer.upTo('Z');
    g.gateway.edge.applyRules(g.rules(statements, unparsable ? { unparsable } : {}));
    for (const [statement, expected] of stopped) {
      const mark = `attack-${++number}-`;
      marks.push(mark);
      peer.send(...messagesOf(`/* ${mark} */ ${statement}`));
      if (expected === 'hold') {
        // Several statements have no place in the extended protocol: the server refuses them when they are parsed.
        let answered = false;
        const answers = peer.upTo('Z').finally(() => {
          answered = true;
        });
        while (!answered) {
          const held = g.gateway.edge.held.shift();
          held?.decide({ kind: 'denied', by: ['bob@example.com'], comment: '' });
          await new Promise((resolve) => setImmediate(resolve));
        }
        expect([statement, ...answersOf(await answers)].join(' ')).toMatch(/E 4.... Z I$/);
      } else {
        // 42601: it has a syntax error, whatever else it is.
        expect([statement, ...answersOf(await peer.upTo('Z'))].join(' ')).toMatch(/ E 42[56]01 Z I$/);
      }
    }
    peer.socket.end();
    await g.recorded();
    expect(marks.filter((mark) => g.server.log().includes(mark))).toEqual([]);
  });
});

it("a name that nobody has prepared is the server's to refuse", async () => {
  g.rules([{ block: ['drop'] }]);
  const peer = await g.session();
  peer.send(query(NOT_THERE));
  expect(answersOf(await peer.upTo('Z'))).toEqual(['E 26000', 'Z I']);
});

it('a text that cannot be read in its encoding is not guessed at', async () => {
  g.rules([{ block: ['drop'] }]);
  const peer = await g.session();
  peer.send(query("set client_encoding = 'sjis'"));
  await peer.upTo('Z');
  // 0x95 0x5c is one letter of SJIS, whose second byte is that of a backslash.
  const text = Buffer.concat([Buffer.from("select '"), Buffer.from([0x95, 0x5c]), Buffer.from("'")]);
  peer.send(parse('', 'select 1'), sync());
  await peer.upTo('Z');
  const message = Buffer.concat([Buffer.from('Q'), Buffer.alloc(4), text, Buffer.alloc(1)]);
  message.writeInt32BE(text.length + 5, 1);
  peer.send(message);
  expect(answersOf(await peer.upTo('Z'))).toEqual(['T', 'D', 'C SELECT 1', 'Z I']);
  peer.send(query("set client_encoding = 'utf8'"));
  await peer.upTo('Z');
  peer.send(message);
  expect(answersOf(await peer.upTo('Z'))).toEqual(['E 42501', 'Z I']);
});
