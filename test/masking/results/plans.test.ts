// A plan beside masked columns: of a literal with lines in it that meets one, nothing stays in the recording either.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { SCHEMA } from '../live/live-schema.ts';
import { leave, NOTHING, type Place, place, psql } from '../place.ts';

const LINES = `E'Dear Zitadelle\\nZitadelle one\\nSubject: Zitadelle two\\nGroup of Zitadelle\\n{"Subject": "Zitadelle"}\\nend'`;

let at: Place;
beforeAll(async () => {
  at = await place('shared', [SCHEMA]);
});
beforeEach(() => {
  at.gateway.log.sessions.length = 0;
});
afterAll(() => leave(at));

test.each(['', '(verbose)', '(analyze)', '(format json)', '(verbose, format yaml)', '(format xml)'])(
  'explain %s',
  async (options) => {
    const ran = await psql(at, [
      `explain ${options} select * from people where email > ${LINES} or email = ${LINES}`,
      `explain ${options} select name from orders o join people p on p.id = o.person and p.email > ${LINES} order by 1`,
    ]);
    expect(ran.leaks).toEqual(NOTHING);
    expect(ran.recorded).not.toContain('Zitadelle');
    if (!options.includes('format')) expect(ran.stdout).toMatch(/Scan on .*people_1 .*\(cost=/);
  },
);
