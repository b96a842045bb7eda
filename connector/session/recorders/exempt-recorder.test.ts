import { describe, expect, it } from 'vitest';
import { MemoryLog } from '../../../test/harness/memory-log.ts';
import { RecordingBuilder } from '../../../test/harness/recording-builder.ts';
import type { Fact } from '../../../core/recording/facts/fact.ts';
import { newId } from '../../../core/ids.ts';
import { exemptRecorder } from './exempt-recorder.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

function build() {
  const log = new MemoryLog();
  const delivered: string[] = [];
  const opened = log.open(new RecordingBuilder({ exempt: 'a payroll run' }).opened, ({ message }) =>
    delivered.push(message),
  );
  if (!opened.ok) throw new Error(opened.error.message);
  const delivery = { deliver: () => delivered.push('delivered') };
  return { log, recording: opened.value, recorder: exemptRecorder(opened.value), delivery, delivered };
}

const at = { direction: 'client' as const, lane: 0, offset: 0, length: 6 };
const request = newId('req');
const VERDICTS: readonly Fact[] = [
  { kind: 'action.refused', action: 1, reason: 'blocked', message: 'Blocked by rule orders.' },
  { kind: 'action.warned', message: 'Rule orders warns.', rule: 'orders', policyVersion: 1 },
  { kind: 'action.held', request, digest: 'ab'.repeat(32), rule: 'orders', policyVersion: 1 },
  { kind: 'hold.resolved', request, outcome: 'approved', by: [], comment: '' },
  { kind: 'mask.applied', masked: [{ rule: 'orders#1', count: 1 }] },
  { kind: 'mask.withheld', reason: 'copy_unknown', count: 1 },
  { kind: 'rules.changed', policyVersion: 2, rule: 'orders' },
  { kind: 'connection.joined', connection: 2, client: { address: '10.0.0.1' }, details: {} },
  { kind: 'connection.left', connection: 1 },
];
const WIRE: readonly Fact[] = [
  { kind: 'statement.started', action: 1, form: 'simple', text: 'sesame', at },
  { kind: 'statement.finished', action: 1, tags: [], rows: 1, bytes: 6, durationUs: 1 },
  { kind: 'notice.received', severity: 'NOTICE', code: '00000', message: 'sesame' },
  { kind: 'notification.received', channel: 'sesame', payload: 'sesame' } as Fact,
  { kind: 'cancel.requested' },
];

describe('an exempt session', () => {
  it('has every verdict, count and end recorded, and nothing of what goes over the wire', async () => {
    const { recording, recorder } = build();
    for (const direction of ['client', 'target', 'gateway'] as const)
      recorder.bytes(direction, 0, Buffer.from('sesame'));
    for (const fact of [...WIRE, ...VERDICTS]) recorder.fact(0, fact);
    recorder.end({ kind: 'session.ended', reason: 'client_closed', message: '' });
    await turn();
    expect(recording.frames.map(({ fact }) => fact)).toEqual(VERDICTS);
    expect(recording.counts).toEqual({ client: 0, target: 0, gateway: 0 });
    expect(recording.ended?.reason).toBe('client_closed');
  });

  it('law 1: nothing goes on before what was recorded is in the log', async () => {
    const { log, recorder, delivery, delivered } = build();
    log.stalled = true;
    recorder.bytes('client', 0, Buffer.from('sesame'));
    recorder.fact(0, VERDICTS[0] as Fact);
    recorder.afterCommit(delivery);
    await turn();
    await turn();
    expect(delivered).toEqual([]);
    log.resume();
    expect(delivered).toEqual(['delivered']);
  });

  it('law 1: with a log that fails it is told, and nothing is delivered', async () => {
    const { log, recorder, delivery, delivered } = build();
    log.fault = { reason: 'log_unavailable', message: 'ENOSPC' };
    recorder.bytes('client', 0, Buffer.from('sesame'));
    recorder.afterCommit(delivery);
    await turn();
    expect(delivered).toEqual(['ENOSPC']);
  });

  it('counts what waits for the commit, so that a log that stalls stops its reading', async () => {
    const { log, recorder, delivery } = build();
    log.stalled = true;
    recorder.bytes('target', 0, Buffer.alloc(1000));
    recorder.bytes('target', 0, Buffer.alloc(500));
    recorder.afterCommit(delivery);
    await turn();
    expect(recorder.pendingBytes).toBe(1500);
    log.resume();
    expect(recorder.pendingBytes).toBe(0);
  });
});
