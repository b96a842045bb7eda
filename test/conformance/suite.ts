// What every protocol must do, whatever it speaks: one suite, run with each protocol's kit. A kit says how its client
// and its target talk; what the gateway must do is said here.

import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { newId } from '../../core/ids.ts';
import { ok } from '../../core/result.ts';
import { startListener } from '../../connector/session/serve.ts';
import { createSessions, type Entrance, type SessionsDeps } from '../../connector/session/sessions.ts';
import { MemoryEdge } from '../harness/memory-edge.ts';
import { MemoryLog } from '../harness/memory-log.ts';
import { until } from '../harness/run.ts';
import { streamPair } from '../harness/session/stream-pair.ts';
import { describeEarlyEnds } from './early-ends.ts';
import type { KitClient, KitTarget, ProtocolKit } from './kit.ts';

export type { KitClient, KitTarget, ProtocolKit };

const APPROVED = { kind: 'approved', by: ['bob@example.com'], comment: '' } as const;
const CLAIM = { email: 'alice@example.com', resource: 'demo' };

export function describeProtocol<Upstream>(kit: ProtocolKit<Upstream>): void {
  const cleanUp: (() => unknown)[] = [];
  let edge: MemoryEdge;
  let log: MemoryLog;
  let target: KitTarget<Upstream>;
  let bugs: unknown[];
  let port: number;
  let pipeline: ReturnType<typeof createSessions>;
  let entrance: Entrance<Upstream>;
  const lanes = Array.from({ length: kit.lanes }, (_, index) => index);

  async function start(more: Partial<SessionsDeps> = {}): Promise<{ id: string; secret: string }> {
    edge = new MemoryEdge();
    edge.protocol = kit.name;
    edge.rules = { ...edge.rules, ...kit.rules };
    log = new MemoryLog();
    bugs = [];
    target = await kit.startTarget();
    pipeline = createSessions({
      edge,
      log,
      connector: { id: newId('con'), name: 'test', build: 'test' },
      keyedHash: (value) => createHmac('sha256', 'test').update(value).digest(),
      onBug: (error) => bugs.push(error),
      ...more,
    });
    const { upstream } = target;
    entrance = {
      name: kit.name,
      protocol: kit.protocol(),
      targets: async () => ok(upstream),
      tls: undefined,
      allowPlainText: true,
    };
    const listener = await startListener({ host: '127.0.0.1', port: 0, entrance, sessions: pipeline });
    port = listener.address.port;
    cleanUp.push(async () => {
      listener.close();
      await pipeline.close(0);
      await target.close();
    });
    return edge.issue();
  }
  const attempt = async (secret: string, claim = CLAIM) => kit.logIn(await kit.dial(port), { ...claim, secret });
  async function enter(secret: string): Promise<KitClient> {
    const client = await attempt(secret);
    if (typeof client === 'string') throw new Error(client);
    cleanUp.unshift(() => client.hangUp());
    return client;
  }
  const ended = async () => {
    await until('the session is over', () => log.last.ended !== undefined);
    return log.last;
  };
  const asked = kit.asked ?? ((recording, what, lane) => recording.wire('client', lane).includes(kit.wire[what]));
  describeEarlyEnds(kit, {
    start,
    attempt,
    dial: () => kit.dial(port),
    ended,
    now: () => ({ edge, log, target, pipeline, entrance }),
  });

  const held = async (count: number) => {
    await until(`${count} are held`, () => edge.held.length === count);
    return edge.held;
  };

  afterEach(async () => {
    for (const step of cleanUp.splice(0)) await step();
    expect(bugs).toEqual([]);
  });

  describe(`${kit.name}: the laws`, () => {
    it('law 1: what a client asks for waits until the log has it', async () => {
      const client = await enter((await start()).secret);
      log.stalled = true;
      client.act('allowed');
      await until('it is recorded', () => asked(log.last, 'allowed'));
      await new Promise((resolve) => setTimeout(resolve, 30));
      expect(target.received().length).toBe(0);
      log.resume();
      expect(await client.answer()).toBe('done');
      expect(target.received()).toEqual(kit.wire.allowed);
    });

    it('law 1: an answer waits until the log has it', async () => {
      const client = await enter((await start()).secret);
      target.answers = false;
      client.act('allowed');
      await until('the target has it', () => target.received().length > 0);
      log.stalled = true;
      const [before, recorded] = [client.receivedBytes(), log.last.counts.target];
      target.answers = true;
      await until('it is recorded', () => log.last.counts.target > recorded);
      await new Promise((resolve) => setTimeout(resolve, 30));
      expect(client.receivedBytes()).toBe(before);
      log.resume();
      expect(await client.answer()).toBe('done');
    });

    it('law 1: once the log has failed nothing passes on any lane, whoever is idle, and the client is told', async () => {
      const client = await enter((await start()).secret);
      for (const lane of lanes) {
        client.act('allowed', lane);
        expect(await client.answer(lane)).toBe('done');
      }
      const before = target.received().length;
      log.fault = { reason: 'log_unavailable', message: 'EIO on the test disk' };
      // On one lane alone; the others say nothing.
      client.act('allowed', 0);
      await client.closed();
      expect(target.received().length).toBe(before);
      expect(client.told()).toContain('cannot record this session any more');
      await until('the target is left', () => target.open === 0);
      expect((await ended()).ended?.reason).toBe('log_failed');
    });

    it('law 2: nothing is dialled for who is not admitted', async () => {
      const { id, secret } = await start();
      expect(typeof (await attempt('not-a-grant'))).toBe('string');
      expect(typeof (await attempt(secret, { ...CLAIM, email: 'bob@example.com' }))).toBe('string');
      expect(typeof (await attempt(edge.issue({ until: new Date(0) }).secret))).toBe('string');
      edge.refuseOpen = { reason: 'policy_denied', message: 'No.' };
      expect(await attempt(secret)).toContain('No.');
      edge.refuseOpen = undefined;
      edge.away = { reason: 'edge_unreachable', message: 'Away.' };
      expect(await attempt(secret)).toContain('Away.');
      edge.away = undefined;
      log.refuseOpen = true;
      expect(typeof (await attempt(secret))).toBe('string');
      log.refuseOpen = false;
      edge.revoke(id as never);
      expect(typeof (await attempt(secret))).toBe('string');
      expect(target.connections).toBe(0);
      expect(edge.reported('attempt.refused').map(({ email }) => email)).toHaveLength(7);
    });

    it('law 3: what is not understood ends the session, with words', async () => {
      const client = await enter((await start()).secret);
      client.sendGarbage();
      client.act('allowed');
      await client.closed();
      expect(client.told()).toContain('The session ends');
      expect(target.received().length).toBe(0);
      expect((await ended()).ended?.reason).toBe('protocol_fault');
    });

    it('law 4: a session goes on while the edge is away', async () => {
      const client = await enter((await start()).secret);
      edge.away = { reason: 'edge_unreachable', message: 'Away.' };
      client.act('allowed');
      expect(await client.answer()).toBe('done');
    });
  });

  describe(`${kit.name}: what a policy decides`, () => {
    it('a refusal keeps its place among answers, agrees with the target, and leaves the client usable', async () => {
      const client = await enter((await start()).secret);
      for (const what of ['allowed', 'blocked', 'allowed'] as const) client.act(what);
      const answers = [await client.answer(), await client.answer(), await client.answer()];
      expect(answers).toEqual(['done', 'refused', 'done']);
      expect(target.received().includes(kit.wire.blocked)).toBe(false);
      expect(log.last.facts('action.refused')).toMatchObject([{ action: 2, reason: 'blocked' }]);
      // What was refused is recorded as it was asked for.
      expect(asked(log.last, 'blocked')).toBe(true);
    });

    it('what is held says where it waits, and goes on when it is approved', async () => {
      const client = await enter((await start()).secret);
      client.act('held');
      const [one] = await held(1);
      if (!kit.silentWhileHeld)
        await until('the client was told', () => client.told().includes('https://gatehouse.test/requests/'));
      expect(target.received().includes(kit.wire.held)).toBe(false);
      one?.decide(APPROVED);
      expect(await client.answer()).toBe('done');
      expect(target.received().includes(kit.wire.held)).toBe(true);
      expect(log.last.facts('hold.resolved')).toMatchObject([{ action: 1, outcome: 'approved' }]);
    });

    it.each(['denied', 'expired', 'failed'] as const)('what is held and then %s is refused', async (kind) => {
      const client = await enter((await start()).secret);
      client.act('held');
      client.act('allowed');
      (await held(1))[0]?.decide({ kind, by: [], comment: 'not today' });
      expect([await client.answer(), await client.answer()]).toEqual(['refused', 'done']);
      expect(target.received().includes(kit.wire.held)).toBe(false);
    });

    it('who hangs up while something waits has withdrawn it, and an approval that comes then carries out nothing', async () => {
      const client = await enter((await start()).secret);
      for (const lane of lanes) client.act('held', lane);
      const all = await held(kit.lanes);
      client.hangUp();
      await ended();
      for (const one of all) one.decide(APPROVED);
      expect(log.last.facts('hold.resolved').map(({ outcome }) => outcome)).toEqual(lanes.map(() => 'withdrawn'));
      expect(target.received().includes(kit.wire.held)).toBe(false);
    });

    const onTwoLanes = kit.lanes > 1 ? it : () => {};
    onTwoLanes('each of two held actions on two lanes gets its own answer', async () => {
      const client = await enter((await start()).secret);
      client.act('held', 0);
      client.act('held', 1);
      const [first, second] = await held(2);
      second?.decide({ kind: 'denied', by: ['bob@example.com'], comment: 'no' });
      expect(await client.answer(1)).toBe('refused');
      // The other still waits, and what comes behind the answer goes on.
      client.act('allowed', 1);
      expect(await client.answer(1)).toBe('done');
      first?.decide(APPROVED);
      expect(await client.answer(0)).toBe('done');
      const resolved = (lane: number) => log.last.facts('hold.resolved', lane).map(({ outcome }) => outcome);
      expect([resolved(1), resolved(2)]).toEqual([['approved'], ['denied']]);
    });

    it('rules that come in mid-session hold for the next action', async () => {
      const client = await enter((await start()).secret);
      client.act('allowed');
      expect(await client.answer()).toBe('done');
      edge.applyRules({ policyVersion: 2, rule: 'test', limits: {} });
      client.act('blocked');
      await until('it went on', () => target.received().includes(kit.wire.blocked));
    });
  });

  describe(`${kit.name}: how a session ends, and what it costs`, () => {
    it('revoking the grant ends it at once, with words', async () => {
      const { id, secret } = await start();
      const client = await enter(secret);
      edge.revoke(id as never, 'left the team');
      await client.closed();
      expect(client.told()).toContain('left the team');
      expect((await ended()).ended?.reason).toBe('grant_revoked');
      await until('the target is left', () => target.open === 0);
    });

    it('a gateway that stops lets running sessions work, then ends them with words', async () => {
      const client = await enter((await start()).secret);
      const closing = pipeline.close(500);
      client.act('allowed');
      expect(await client.answer()).toBe('done');
      await closing;
      expect(client.told()).toContain('The gateway is stopping');
      expect((await ended()).ended?.reason).toBe('connector_stopped');
    });

    it('a client that does not read slows the target', async () => {
      const client = await enter((await start()).secret);
      client.act('allowed');
      expect(await client.answer()).toBe('done');
      client.pause();
      log.keepBytes = false;
      await target.flood();
      // Kernel buffers on both ways, and what the gateway keeps: not what the target would like to send.
      const taken = log.last.counts.target;
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(log.last.counts.target - taken).toBeLessThan(1024 * 1024);
      expect(log.last.pendingBytes).toBeLessThan(2 * 1024 * 1024);
    });

    it('recorded is what went over the wire, and the facts count what the client saw', async () => {
      const client = await enter((await start()).secret);
      for (const lane of lanes) {
        client.act('allowed', lane);
        expect(await client.answer(lane)).toBe('done');
      }
      client.hangUp();
      const recording = await ended();
      expect(recording.ended?.reason).toBe('client_closed');
      const used = kit.lanes === 1 ? [0] : lanes.map((lane) => lane + 1);
      expect(used.map((lane) => asked(recording, 'allowed', lane))).toEqual(used.map(() => true));
      const started = used.flatMap((lane) =>
        [...recording.facts('statement.started', lane), ...recording.facts('command.started', lane)].map(
          ({ action }) => action,
        ),
      );
      expect(started).toEqual(used.map((_, index) => index + 1));
      const finished = [...recording.facts('statement.finished'), ...recording.facts('command.finished')];
      expect(finished).toHaveLength(used.length);
      if (kit.lanes > 1) expect(recording.facts('lane.opened').map(({ lane }) => lane)).toEqual(used);
    });

    it('it is the same over a stream that is no socket', async () => {
      const { secret } = await start();
      const [near, far] = streamPair();
      const carried = pipeline.carry(far, { address: 'console', via: 'console' }, entrance);
      const client = await kit.logIn(near, { ...CLAIM, secret });
      if (typeof client === 'string') throw new Error(client);
      client.act('allowed');
      expect(await client.answer()).toBe('done');
      client.act('blocked');
      expect(await client.answer()).toBe('refused');
      client.hangUp();
      await carried;
      expect((await ended()).opened.client.address).toBe('console');
    });
  });
}
