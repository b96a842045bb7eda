import { expect, test } from 'vitest';
import { maskPlan } from './plan-lines.ts';

test.each([
  ['Seq Scan on people p  (cost=0.00..1.06 rows=1 width=73)', undefined],
  [
    '  ->  Index Only Scan using people_email_key on app.people  (cost=0.14..8.16 rows=1 width=4) (actual time=0.01..0.02 rows=1.00 loops=1)',
    undefined,
  ],
  ['Sort Method: quicksort  Memory: 25kB', undefined],
  ['  Rows Removed by Filter: 4', undefined],
  ['Planning Time: 0.064 ms', undefined],
  ['  Worker 0:  actual rows=1 loops=1', undefined],
  ['  Filter: (id = 987654321)', '  Filter: (id = *********)'],
  [
    "  Index Cond: ((t1.email)::text = 'it''s secret'::text)",
    "  Index Cond: ((t1.email)::text = '************'::text)",
  ],
  [
    "  Filter: ((note ~~ '%secret%'::text) AND (born > '1987-06-05'::date) AND (a = $1))",
    "  Filter: ((note ~~ '********'::text) AND (born > '**********'::date) AND (a = $1))",
  ],
  ["  Output: id, 'secret'::text, 12.5", "  Output: id, '******'::text, ****"],
  ["  Settings: work_mem = '4MB'", "  Settings: work_mem = '***'"],
  ["  Something New: 7 'x'", '  ********* **** * ***'],
  ['  ->  Hash Right Anti Join  (cost=1.0..2.0 rows=1 width=4) (never executed)', undefined],
  ['  Buckets: 1024  Batches: 1  Memory Usage: 9kB', undefined],
  ['  InitPlan 1 (returns $0)', undefined],
  ['  ->  Seq Scan on "Odd Name" x', undefined],
  ['Trigger t: time=0.123 calls=1', undefined],
  // Of a value with a line's end in it.
  ["  Filter: (note = 'first", "  Filter: (note = '****'"],
  ["secret second'::text)", '****** **************'],
  ['Secret second', '****** ******'],
  ['Subject: secret second', '******** ****** ******'],
  ['Group of the secret second', '***** ** *** ****** ******'],
  ['{"Subject": "secret"}', '*********** *********'],
  [
    '- Plan: \n    Filter: "(id = 1)"\n    Startup Cost: 0.50',
    '- Plan: \n    Filter: "(id = *)"\n    Startup Cost: 0.50',
  ],
])('%s', (line, masked = line) => {
  expect(maskPlan(line)).toBe(masked);
});

test('in JSON keys and costs stay, and it can be read', () => {
  const plan = [
    {
      Plan: {
        'Node Type': 'Seq Scan',
        'Relation Name': 'people',
        'Startup Cost': 0.5,
        Output: ['id', "'secret'::text", '(12 + id)'],
        Filter: '((email)::text = \'a "quoted" secret\\n\'::text)',
        'Other Thing': 42,
      },
      'Planning Time': 0.25,
    },
  ];
  const masked = maskPlan(JSON.stringify(plan, undefined, 2), true);
  expect(masked).not.toContain('secret');
  expect(JSON.parse(masked)).toMatchObject([
    {
      Plan: {
        'Node Type': 'Seq Scan',
        'Relation Name': 'people',
        'Startup Cost': 0.5,
        Output: ['id', "'******'::text", '(** + id)'],
        'Other Thing': 0,
      },
      'Planning Time': 0.25,
    },
  ]);
});
