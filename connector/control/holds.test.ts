import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { FromConnector, FromEdge, Report } from '../../core/control.ts';
import { newId } from '../../core/ids.ts';
import { Digest } from '../../core/recording/segment.ts';
import type { AskedHold, HoldOutcome } from '../session/edge.ts';
import { createHolds, HOLD_TIMING, type EdgeHolds } from './holds.ts';
import type { LinkConnection } from './link-connection.ts';

type Said = FromEdge | undefined;
type Asked = Extract<FromConnector, { kind: 'hold.ask' | 'hold.action' | 'hold.claim' }>;

/** One link: what was asked over it, each to be answered by the test. */
class Link implements Pick<LinkConnection, 'call'> {
  readonly calls: { message: Omit<Asked, 'call'>; answer(said: Said): void }[] = [];
  call = ((message: Omit<Asked, 'call'>) =>
    new Promise<Said>((answer) => this.calls.push({ message, answer }))) as LinkConnection['call'];
}

const MINUTE_MS = 60_000;
const held = (more: Partial<AskedHold['action']> = {}): AskedHold => ({
  request: newId('req'),
  session: newId('ses'),
  rule: 'orders',
  policyVersion: 3,
  withinMs: 10 * MINUTE_MS,
  action: {
    kind: 'statement',
    text: 'grant all on t to bob',
    parameters: [],
    digest: Digest.parse('ab'.repeat(32)),
    touches: ['t'],
    inTransaction: false,
    ...more,
  },
});

describe('a held statement', () => {
  let link: Link | undefined;
  let reports: Report[];
  let holds: EdgeHolds;
  let one: AskedHold;
  let outcome: HoldOutcome | undefined;
  let shown: string | undefined;

  beforeEach(() => {
    vi.useFakeTimers();
    link = new Link();
    reports = [];
    outcome = undefined;
    shown = undefined;
    holds = createHolds({
      link: () => link,
      report: (report) => reports.push(report),
      now: () => Date.now(),
      timing: HOLD_TIMING,
    });
    one = held();
    holds.linked(true);
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function hold() {
    const it = holds.hold(one);
    void it.outcome.then((settled) => {
      outcome = settled;
    });
    void it.link.then((address) => {
      shown = address;
    });
    return it;
  }
  const passes = (ms: number) => vi.advanceTimersByTimeAsync(ms);
  const last = () => {
    const call = link?.calls.at(-1);
    if (!call) throw new Error('nothing was asked');
    return call;
  };
  const standing = (state: Extract<FromEdge, { kind: 'hold.decided' }>['state'], within = 10 * MINUTE_MS) => ({
    request: one.request,
    state,
    decideBy: new Date(Date.now() + within).toISOString(),
    by: state === 'pending' ? [] : ['bob@example.com'],
    comment: state === 'pending' ? '' : 'fine',
  });
  const asked = (state: Parameters<typeof standing>[0]): FromEdge => ({
    kind: 'hold.asked',
    call: 1,
    ...standing(state),
    link: 'https://edge/requests/1',
  });
  const decided = (state: Parameters<typeof standing>[0]) =>
    holds.decided({ kind: 'hold.decided', ...standing(state) });
  const goesDown = async () => {
    const closed = link;
    link = undefined;
    for (const call of closed?.calls ?? []) call.answer(undefined);
    await passes(0);
  };
  const comesBack = async (anyAction = true) => {
    link = new Link();
    holds.linked(anyAction);
    await passes(0);
  };

  it('is asked of an edge of the first release in its words', async () => {
    hold();
    await goesDown();
    await comesBack(false);
    const { kind: _, touches, ...rest } = one.action;
    expect(last().message).toMatchObject({ kind: 'hold.ask', statement: { ...rest, tables: touches } });
    expect(last().message).not.toHaveProperty('action');
    last().answer(asked('approved'));
    await passes(0);
    expect(last().message).toMatchObject({ kind: 'hold.claim', digest: one.action.digest });
  });

  it('is refused where the edge of the first release knows no such thing', async () => {
    holds.linked(false);
    one = held({ kind: 'command', text: 'rm -rf /' });
    hold();
    await passes(0);
    expect(link?.calls).toEqual([]);
    expect(outcome).toMatchObject({ kind: 'failed', comment: expect.stringContaining('on statements alone') });
  });

  it('shows where it is decided, and goes on only when its approval was claimed', async () => {
    hold();
    expect(last().message).toMatchObject({ kind: 'hold.action', request: one.request, rule: 'orders' });
    expect(last().message).not.toHaveProperty('withinMs');
    last().answer(asked('pending'));
    await passes(0);
    expect(shown).toBe('https://edge/requests/1');
    decided('approved');
    await passes(MINUTE_MS / 2);
    expect(outcome).toBeUndefined();
    expect(last().message).toEqual({
      kind: 'hold.claim',
      request: one.request,
      session: one.session,
      digest: one.action.digest,
    });
    last().answer({ kind: 'hold.claimed', call: 2 });
    await passes(0);
    expect(outcome).toEqual({ kind: 'approved', by: ['bob@example.com'], comment: 'fine' });
    expect(holds.waiting).toBe(0);
    expect(reports).toEqual([]);
  });

  it('does not go on when its approval cannot be claimed', async () => {
    hold();
    last().answer(asked('approved'));
    await passes(0);
    last().answer({ kind: 'hold.refused', call: 2, message: 'its digest is another' });
    await passes(0);
    expect(outcome).toEqual({ kind: 'failed', by: [], comment: 'its digest is another' });
  });

  it.each(['denied', 'expired', 'withdrawn'] as const)('ends with what was decided: %s', async (state) => {
    hold();
    last().answer(asked('pending'));
    await passes(0);
    decided(state);
    await passes(0);
    expect(outcome).toEqual({ kind: state, by: ['bob@example.com'], comment: 'fine' });
  });

  it('fails at once when the edge will not have it, or when it does not fit on the link', async () => {
    hold();
    last().answer({ kind: 'hold.refused', call: 1, message: 'no rule holds this any more' });
    await passes(0);
    expect(outcome).toMatchObject({ kind: 'failed', comment: 'no rule holds this any more' });
    one = held({ parameters: Array.from({ length: 200 }, () => 'ü'.repeat(2_000)) });
    hold();
    await passes(0);
    expect(outcome).toMatchObject({ kind: 'failed', comment: expect.stringContaining('too long') });
    expect(link?.calls).toHaveLength(1);
  });

  it('waits ten minutes over four reconnects, and is approved while the edge is away', async () => {
    hold();
    last().answer(asked('pending'));
    await passes(0);
    for (const minutes of [1, 3, 4]) {
      await goesDown();
      await passes(minutes * MINUTE_MS);
      await comesBack();
      expect(link?.calls).toHaveLength(1);
      last().answer({ ...asked('pending'), decideBy: new Date(Date.now() + 2 * MINUTE_MS).toISOString() } as FromEdge);
      await passes(0);
    }
    await goesDown();
    await passes(2 * MINUTE_MS);
    await comesBack();
    last().answer(asked('approved'));
    await passes(0);
    expect(outcome).toBeUndefined();
    last().answer({ kind: 'hold.claimed', call: 2 });
    await passes(0);
    expect(outcome?.kind).toBe('approved');
  });

  it('is asked again on a link that stands and does not answer', async () => {
    hold();
    last().answer(undefined);
    await passes(HOLD_TIMING.holdRetryMs + 1);
    expect(link?.calls).toHaveLength(2);
    expect(last().message.kind).toBe('hold.action');
  });

  it('takes an approval that was pushed before the answer to its asking', async () => {
    hold();
    decided('approved');
    expect(link?.calls).toHaveLength(1);
    last().answer(asked('pending'));
    await passes(0);
    expect(last().message.kind).toBe('hold.claim');
  });

  it('claims again when the answer to its claim was lost with the link', async () => {
    hold();
    last().answer(asked('approved'));
    await passes(0);
    expect(last().message.kind).toBe('hold.claim');
    await goesDown();
    await comesBack();
    expect(last().message.kind).toBe('hold.claim');
    last().answer({ kind: 'hold.claimed', call: 2 });
    await passes(0);
    expect(outcome?.kind).toBe('approved');
  });

  it('is not let on by a claim that is not its own', async () => {
    hold();
    last().answer(asked('claimed'));
    await passes(0);
    expect(outcome).toMatchObject({ kind: 'failed', comment: 'its approval was used already' });
  });

  it('expires by itself a minute after its time when the edge stays away, and says so when that comes back', async () => {
    hold();
    last().answer(asked('pending'));
    await passes(0);
    await goesDown();
    await passes(10 * MINUTE_MS + HOLD_TIMING.holdGraceMs - 2);
    expect(outcome).toBeUndefined();
    await passes(10);
    expect(outcome?.kind).toBe('expired');
    expect(reports).toMatchObject([{ kind: 'hold.withdrawn', request: one.request }]);
    await comesBack();
    expect(link?.calls).toEqual([]);
  });

  it('approved and never claimed, it fails, and says why', async () => {
    hold();
    last().answer(asked('pending'));
    await passes(0);
    decided('approved');
    await goesDown();
    await passes(11 * MINUTE_MS + 10);
    expect(outcome).toMatchObject({ kind: 'failed', comment: expect.stringContaining('run it again') });
  });

  it('with a clock that is an hour ahead of the edge it still waits its time', async () => {
    hold();
    last().answer({ ...asked('pending'), decideBy: new Date(Date.now() - 50 * MINUTE_MS).toISOString() } as FromEdge);
    await passes(9 * MINUTE_MS);
    expect(outcome).toBeUndefined();
  });

  it('asked while the edge is away, it goes there when that is back', async () => {
    link = undefined;
    hold();
    await passes(MINUTE_MS);
    await comesBack();
    expect(last().message.kind).toBe('hold.action');
  });

  it('withdrawn, it ends at once, tells the edge, and nothing that comes later matters', async () => {
    const it = hold();
    last().answer(asked('approved'));
    await passes(0);
    it.withdraw('cancelled');
    await passes(0);
    expect(outcome).toEqual({ kind: 'withdrawn', by: [], comment: '' });
    expect(reports).toMatchObject([{ kind: 'hold.withdrawn', session: one.session, reason: 'cancelled' }]);
    last().answer({ kind: 'hold.claimed', call: 2 });
    it.withdraw('again');
    decided('approved');
    await passes(20 * MINUTE_MS);
    expect(outcome?.kind).toBe('withdrawn');
    expect(reports).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('withdrawn before the edge ever heard of it, nothing is told', async () => {
    link = undefined;
    hold().withdraw('cancelled');
    await passes(0);
    expect(outcome?.kind).toBe('withdrawn');
    expect(reports).toEqual([]);
  });

  it('fails when the gateway stops', async () => {
    hold();
    holds.stop();
    await passes(0);
    expect(outcome).toMatchObject({ kind: 'failed' });
    expect(shown).toBeUndefined();
  });
});
