// What ends a session that has not begun: every protocol gives up what it dials at once, tells the client why, and the
// recording says so too. Targets that are slow give it a minute.

import type { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Entrance, Sessions, SessionsDeps } from '../../connector/session/sessions.ts';
import type { MemoryEdge } from '../harness/memory-edge.ts';
import type { MemoryLog, MemoryRecording } from '../harness/memory-log.ts';
import { until } from '../harness/run.ts';
import { streamPair } from '../harness/session/stream-pair.ts';
import type { KitClient, KitTarget, ProtocolKit } from './kit.ts';

interface Running<Upstream> {
  readonly edge: MemoryEdge;
  readonly log: MemoryLog;
  readonly target: KitTarget<Upstream>;
  readonly pipeline: Sessions;
  readonly entrance: Entrance<Upstream>;
}

interface Rig<Upstream> {
  start(more?: Partial<SessionsDeps>): Promise<{ id: string; secret: string }>;
  attempt(secret: string): Promise<KitClient | string>;
  dial(): Promise<Duplex>;
  ended(): Promise<MemoryRecording>;
  now(): Running<Upstream>;
}

type End<Upstream> = (running: Running<Upstream>, grant: string) => unknown;

export function describeEarlyEnds<Upstream>(kit: ProtocolKit<Upstream>, rig: Rig<Upstream>): void {
  const ENDS: readonly [what: string, end: End<Upstream>, words: string, reason: string][] = [
    ['revoked', ({ edge }, grant) => edge.revoke(grant as never, 'left the team'), 'left the team', 'grant_revoked'],
    [
      'ended by a person',
      ({ edge }) => edge.endSession(edge.opened[0] as never, 'carol@example.com', 'not now'),
      'ended by carol@example.com: not now',
      'ended_by_person',
    ],
    ['without access any more', ({ edge }) => edge.applyRules(undefined), 'no access any more', 'policy_denied'],
    [
      'out of its time window',
      ({ edge }) => edge.applyRules({ ...edge.rules, policyVersion: 2, limits: { endsAt: new Date().toISOString() } }),
      'is over',
      'time_window_over',
    ],
    [
      'not recorded any more',
      ({ log }) => {
        log.fault = { reason: 'log_unavailable', message: 'EIO on the test disk' };
        log.wake(log.last);
      },
      'cannot record',
      'log_failed',
    ],
    ['of a gateway that stops', ({ pipeline }) => void pipeline.close(0), 'is stopping', 'connector_stopped'],
  ];

  describe(`${kit.name}: while the target logs in`, () => {
    async function dialled() {
      const grant = await rig.start();
      rig.now().target.logsIn = false;
      const stream = await rig.dial();
      const claim = { email: 'alice@example.com', resource: 'demo', secret: grant.secret };
      const answer = kit.logIn(stream, claim);
      await until('the target is dialled', () => rig.now().target.open > 0);
      return { grant, stream, answer };
    }

    it.each(ENDS)('a session that is %s tells its client so and leaves the target', async (_, end, words, reason) => {
      const { grant, answer } = await dialled();
      end(rig.now(), grant.id);
      expect(await answer).toContain(words);
      const { target, edge } = rig.now();
      await until('the target is left', () => target.open === 0);
      expect((await rig.ended()).ended?.reason).toBe(reason);
      await until('the edge knows', () => edge.reported('session.ended').length === 1);
      expect(edge.reported('session.ended')).toMatchObject([{ reason }]);
    });

    it.each([
      ['closes', (stream: Duplex) => stream.destroy()],
      ['closes its side', (stream: Duplex) => stream.end()],
    ])('a client that %s has ended its session', async (_, hangUp) => {
      const { stream } = await dialled();
      hangUp(stream);
      const { target, edge } = rig.now();
      await until('the target is left', () => target.open === 0);
      expect((await rig.ended()).ended?.reason).toBe('client_closed');
      // It was not turned away.
      expect(edge.reported('attempt.refused')).toEqual([]);
    });
  });

  describe(`${kit.name}: while the edge does not answer`, () => {
    it('a login is given up when its client hangs up, and an admission that comes then is ended', async () => {
      const { secret } = await rig.start();
      const { edge, log, target, pipeline, entrance } = rig.now();
      const admit = edge.stallOpen();
      const [near, far] = streamPair();
      const carried = pipeline.carry(far, { address: 'console', via: 'console' }, entrance);
      void kit.logIn(near, { email: 'alice@example.com', resource: 'demo', secret });
      await until('the edge is asked', () => edge.asked === 1);
      near.destroy();
      await carried;
      admit();
      await until('it is reported', () => edge.reported('session.ended').length === 1);
      expect(edge.reported('session.ended')).toMatchObject([
        { session: edge.opened[0], reason: 'client_closed', neverBegan: true },
      ]);
      expect([target.connections, log.sessions.length, pipeline.live()]).toEqual([0, 0, []]);
    });

    it.each([
      ['stops', ({ pipeline }: Running<Upstream>) => void pipeline.close(0), 'is stopping'],
      ['hears of a revocation', ({ edge }: Running<Upstream>, id: string) => edge.revoke(id as never), 'was revoked'],
    ])('a gateway that %s tells the client', async (_, end, words) => {
      const { id, secret } = await rig.start();
      const { edge } = rig.now();
      const admit = edge.stallOpen();
      const answer = rig.attempt(secret);
      await until('the edge is asked', () => edge.asked === 1);
      end(rig.now(), id);
      expect(await answer).toContain(words);
      admit();
      await until('it is reported', () => edge.reported('session.ended').length === 1);
      expect(edge.reported('session.ended')).toMatchObject([{ neverBegan: true }]);
    });
  });
}
