import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newId, SessionId } from '../../core/ids.ts';
import { exportWaitWords } from '../../core/replay/exports.ts';
import { type Asked, type Bounds, NO_TURNS, takeTurn, type Turns } from './turns.ts';

const BOUNDS: Bounds = { all: 3, person: 2, session: 2 };
const SESSIONS = Array.from({ length: 4 }, () => newId('ses'));
const SECOND = 1_000;

/** One after the other, a second apart. `NAME/SESSION/EXPORT`. */
class Desk {
  turns: Turns = NO_TURNS;
  nowMs = 1_000_000;

  ask(what: string): Asked['answer'] {
    this.nowMs += SECOND;
    const { turns, answer } = takeTurn(this.turns, turnOf(what), this.nowMs, BOUNDS);
    this.turns = turns;
    return answer;
  }
  end(what: string): void {
    const { key } = turnOf(what).place;
    this.turns = { ...this.turns, running: this.turns.running.filter(({ place }) => place.key !== key) };
  }
}

function turnOf(what: string) {
  const [asker = '', session = '', number = ''] = what.split('/');
  const key = Buffer.from(`${asker}${session}${number}`).toString('hex').padEnd(64, '0');
  return { asker, place: { session: SessionId.parse(SESSIONS[Number(session)]), key } };
}

describe('turns of exports', () => {
  it('are two of one person at once, however many are free', () => {
    const desk = new Desk();
    expect([desk.ask('ann/0/1'), desk.ask('ann/1/1')]).toEqual(['begin', 'begin']);
    expect(desk.ask('ann/2/1')).toEqual({ of: 'person', atOnce: 2, ahead: 0 });
    expect(desk.ask('bob/3/1')).toBe('begin');
    desk.end('ann/0/1');
    expect(desk.ask('ann/2/1')).toBe('begin');
  });

  it('are two of one session at once, whoever asks', () => {
    const desk = new Desk();
    expect([desk.ask('ann/0/1'), desk.ask('bob/0/2')]).toEqual(['begin', 'begin']);
    expect(desk.ask('cat/0/3')).toEqual({ of: 'session', atOnce: 2, ahead: 0 });
    expect(desk.ask('cat/1/1')).toBe('begin');
  });

  it('join the same export that is under way, or waits, and take no second turn', () => {
    const desk = new Desk();
    expect(desk.ask('ann/0/1')).toBe('begin');
    const same = takeTurn(desk.turns, { ...turnOf('ann/0/1'), asker: 'bob' }, desk.nowMs, BOUNDS);
    expect(same).toEqual({ turns: desk.turns, answer: 'under_way' });
    desk.ask('ann/1/1');
    for (let again = 0; again < 3; again++) desk.ask('ann/2/1');
    expect(desk.turns.waiting).toHaveLength(1);
  });

  it('of an export that two wait for are the one that comes first, and it is written once', () => {
    const desk = new Desk();
    for (const what of ['ann/0/1', 'ann/1/1', 'ann/2/1']) desk.ask(what);
    const { turns, answer } = takeTurn(desk.turns, { ...turnOf('ann/2/1'), asker: 'bob' }, desk.nowMs, BOUNDS);
    expect([answer, turns.waiting, turns.running.length]).toEqual(['begin', [], 3]);
    expect(takeTurn(turns, turnOf('ann/2/1'), desk.nowMs, BOUNDS).answer).toBe('under_way');
  });

  it('come to whoever has the fewest under way: a hundred of one person delay nobody else', () => {
    const desk = new Desk();
    for (let i = 0; i < 100; i++) desk.ask(`ann/${i % 4}/${i}`);
    expect(desk.turns.running).toHaveLength(2);
    expect(desk.ask('bob/3/x')).toBe('begin');
    expect(desk.ask('cat/2/x')).toMatchObject({ of: 'all', ahead: 0 });
    desk.end('ann/0/0');
    // One of hers is free and she has waited longest; two others have none under way.
    expect(desk.ask('ann/2/2')).toMatchObject({ of: expect.any(String) });
    expect(desk.ask('cat/2/x')).toBe('begin');
  });

  it('among equals come to whoever has waited longest', () => {
    const desk = new Desk();
    for (const what of ['ann/0/1', 'bob/1/1', 'cat/2/1']) desk.ask(what);
    expect(desk.ask('dan/3/1')).toEqual({ of: 'all', atOnce: 3, ahead: 0 });
    expect(desk.ask('eve/3/2')).toEqual({ of: 'all', atOnce: 3, ahead: 1 });
    desk.end('ann/0/1');
    expect(desk.ask('eve/3/2')).toMatchObject({ ahead: 1 });
    expect(desk.ask('dan/3/1')).toBe('begin');
  });

  it('pass by whoever does not ask any more, and keep the place of whoever is slow for two minutes', () => {
    const desk = new Desk();
    for (const what of ['ann/0/1', 'bob/1/1', 'cat/2/1', 'dan/3/1', 'eve/3/2']) desk.ask(what);
    desk.end('ann/0/1');
    desk.nowMs += 20 * SECOND;
    expect(desk.ask('eve/3/2')).toBe('begin');
    desk.nowMs += 60 * SECOND;
    desk.ask('fay/0/1');
    expect(desk.ask('dan/3/1')).toMatchObject({ ahead: 0 });
    desk.nowMs += 121 * SECOND;
    desk.ask('fay/0/1');
    expect(desk.turns.waiting.map(({ asker }) => asker)).toEqual(['fay']);
  });

  it('tell about how long by those that ended last', () => {
    const desk = new Desk();
    for (const what of ['ann/0/1', 'bob/1/1', 'cat/2/1']) desk.ask(what);
    expect(desk.ask('dan/3/1')).not.toHaveProperty('aboutSeconds');
    desk.turns = { ...desk.turns, took: [50_000, 70_000] };
    // A minute each; the oldest was begun four seconds ago, and then five.
    expect(desk.ask('dan/3/1')).toMatchObject({ ahead: 0, aboutSeconds: 56 });
    for (const what of ['eve/3/1', 'fay/3/1', 'gus/2/1']) desk.ask(what);
    const wait = desk.ask('gus/2/1');
    expect(wait).toMatchObject({ ahead: 2, aboutSeconds: 52 });
    expect(typeof wait === 'object' && exportWaitWords(wait)).toBe(
      'It waits: 3 exports are being written, which is as many as there are at once. 2 are begun before it. By how long the last ones took, it begins in about 1 minute.',
    );
  });

  it('are kept for fifty of one person, and further ones are told to wait', () => {
    const desk = new Desk();
    let turns = NO_TURNS;
    const answers = Array.from({ length: 60 }, (_, i) => {
      const asked = takeTurn(turns, turnOf(`ann/${i % 4}/${i}`), desk.nowMs, BOUNDS);
      turns = asked.turns;
      return asked.answer;
    });
    expect([turns.running.length, turns.waiting.length]).toEqual([2, 50]);
    expect(answers.at(-1)).toMatchObject({ of: 'person', ahead: 50 });
  });

  it('never pass a bound, and leave none free for long that somebody present may have', () => {
    const what = fc.record({ asker: fc.constantFrom('ann', 'bob', 'cat'), session: fc.nat(3), number: fc.nat(3) });
    const act = fc.oneof(fc.record({ asks: what }), fc.record({ ends: fc.nat(2) }));
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
        const desk = new Desk();
        const asked: string[] = [];
        for (const each of acts) {
          if ('asks' in each) {
            const { asker, session, number } = each.asks;
            asked.push(`${asker}/${session}/${number}`);
            desk.ask(asked.at(-1) ?? '');
          } else desk.turns = { ...desk.turns, running: desk.turns.running.toSpliced(each.ends, 1) };
          const { running } = desk.turns;
          const counts = (by: (turn: (typeof running)[number]) => string) =>
            Object.values(Object.groupBy(running, by)).map((group) => group?.length ?? 0);
          if (running.length > BOUNDS.all) return false;
          if (counts(({ asker }) => asker).some((count) => count > BOUNDS.person)) return false;
          if (counts(({ place }) => place.session).some((count) => count > BOUNDS.session)) return false;
        }
        // Two rounds of everybody's asking, and every turn is taken that may be.
        for (let round = 0; round < 2; round++) for (const each of new Set(asked)) desk.ask(each);
        const { running, waiting } = desk.turns;
        return (
          running.length === BOUNDS.all ||
          waiting.every(
            ({ asker, place }) =>
              running.filter((turn) => turn.asker === asker).length >= BOUNDS.person ||
              running.filter((turn) => turn.place.session === place.session).length >= BOUNDS.session,
          )
        );
      }),
    );
  });
});
