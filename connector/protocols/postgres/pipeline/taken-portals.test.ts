import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Doubt, Portal, Statement } from './statement.ts';
import { TakenPortals } from './taken-portals.ts';

const statement = (number: number, portal: string | undefined): Statement => ({
  ...{ number, action: number, continued: false, startedUs: 0, portal, tags: [], error: undefined, finished: false },
  ...{ limited: false, suspended: false, executed: true, prepares: undefined, sequence: 0, source: undefined },
  ...{ ranUnseen: false, calls: undefined },
});
const portal = (name: string, since: number): Portal => ({
  ...{ name, statement: 's', prepared: undefined, meanings: [], parameters: [], formats: undefined, offset: 0 },
  ...{ executed: false, held: undefined, latest: undefined, segment: 0, since, uncertain: undefined },
});

const TEXTS = {
  'close c': 'CLOSE CURSOR',
  'declare c cursor for select 1': 'DECLARE CURSOR',
  "select 'close'": 'SELECT',
};
const OTHERS = {
  'select f()': 'SELECT',
  'select 1': 'SELECT',
  'savepoint x': 'SAVEPOINT',
  'update t set a = 1': 'UPDATE',
};
const TAGS: Readonly<Record<string, string>> = { ...TEXTS, ...OTHERS };
const mayTake = (text: string) => text in TEXTS;
const mayCall = (text: string) => mayTake(text) || /\(|update/.test(text);

test('the doubt about a portal is what all that ran since gives, however it is asked', () => {
  const step = fc.record({
    text: fc.constantFrom(...Object.keys(TAGS)),
    portal: fc.constantFrom(undefined, 'c', 'd', 'e'),
    answered: fc.nat(3),
    asked: fc.constantFrom('c', 'd', 'e'),
    since: fc.nat(40),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const taken = new TakenPortals();
      const ran: { text: string; it: Statement }[] = [];
      let answered = 0;
      for (const { text, portal: own, answered: more, asked, since } of steps) {
        const it = statement(ran.length + 1, own);
        taken.runs(it, text);
        ran.push({ text, it });
        for (let count = 0; count < more && answered < ran.length; count++) {
          const done = ran[answered++];
          done?.it.tags.push(TAGS[done.text] ?? '');
          if (done) done.it.finished = true;
        }
        const others = ran.filter(({ it: { number, portal: whose } }) => number > since && whose !== asked);
        const took = ran.some((one) => one.it.number > since && one.it.finished && /CURSOR/.test(TAGS[one.text] ?? ''));
        const waits = others.some((one) => mayTake(one.text) && !one.it.finished);
        const exact: Doubt | undefined =
          took || waits ? 'taken' : others.some((one) => mayCall(one.text)) ? 'code' : undefined;
        expect(taken.doubtOf(portal(asked, since))).toBe(exact);
      }
    }),
  );
});

// What costs more than its share takes minutes here, and the test does not end.
test.each(['select f()', 'close d'])('a pipeline of 100,000 of %j is asked about as often', (text) => {
  const taken = new TakenPortals();
  const all = Array.from({ length: 100_000 }, (_, index) => statement(index + 1, index % 2 === 0 ? 'c' : 'd'));
  let doubts = 0;
  for (const one of all) {
    taken.runs(one, text);
    if (taken.doubtOf(portal('c', one.number))) doubts++;
  }
  expect(doubts).toBe(0);
  for (const one of all) {
    one.finished = true;
    if (one.number % 1_000 === 0) taken.doubtOf(portal('c', 0));
  }
  expect(taken.doubtOf(portal('c', 99_999))).toBe('code');
});
