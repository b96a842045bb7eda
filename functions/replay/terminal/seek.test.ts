// What is read from the store and sent to the browser when somebody seeks in a long session: bytes and objects, no times.

import { describe, expect, it } from 'vitest';
import type { TerminalEvent } from '../../../core/replay/terminal.ts';
import { storedReplay } from '../../../test/harness/session/stored-replay.ts';
import { RecordingBuilder } from '../../../test/harness/recording-builder.ts';

const LANE = 1;
const MIB = 1024 * 1024;
const HOUR_US = 3_600_000_000;
const utf8 = (text: string) => new TextEncoder().encode(text);

function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff;
    return Math.floor((state / 0x8000_0000) * below);
  };
}

const shell = (columns: number, rows: number) =>
  new RecordingBuilder({ protocol: 'ssh' })
    .fact({ kind: 'lane.opened', lane: LANE, of: 'shell', label: 'shell' }, LANE)
    .fact({ kind: 'terminal.resized', columns, rows }, LANE)
    .fact({ kind: 'command.started', action: 1, form: 'shell', command: '' }, LANE);

/** Ten hours of somebody at work: a segment every five seconds in which something happened, 5 MB of output. */
function dayAtWork(): RecordingBuilder {
  const random = seeded(7);
  const builder = shell(120, 40);
  for (let action = 2, at = 0; at < 10 * HOUR_US; at += 5_000_000) {
    builder.wait(5_000_000);
    if (random(10) >= 4) continue;
    const line = `journalctl -n ${action}`;
    builder.fact({ kind: 'command.typed', action: action++, line, reconstructed: true }, LANE);
    const lines = Array.from(
      { length: random(40) },
      (_, i) =>
        `app[${random(1e5)}]: \u001b[3${i % 8}m${random(1e9).toString(36)}${random(1e9)}\u001b[0m order ${random(1e6)}\r\n`,
    );
    builder.bytes('target', utf8(`\u001b[1;32malice@web-1\u001b[0m$ ${line}\r\n${lines.join('')}`), LANE).cut();
  }
  return builder.end();
}

describe('a seek into ten hours', () => {
  it('reads and sends less than 2 MiB wherever it goes, and the outline is smaller than that', async () => {
    const { ask } = storedReplay<TerminalEvent>(dayAtWork());
    const outline = await ask({ part: 'outline' });
    expect(outline.sent).toBeLessThan(2 * MIB);
    const keyframes = outline.events.filter((event) => event.kind === 'keyframe');
    expect(outline.events.filter(({ kind }) => kind === 'idle').length).toBeLessThan(3000);
    const random = seeded(11);
    for (let i = 0; i < 25; i++) {
      const moment = random(10 * 3600) * 1e6;
      const index = keyframes.findLastIndex(({ timeUs }) => timeUs <= moment);
      const [keyframe, next] = [keyframes[index], keyframes[index + 1]];
      if (!keyframe) throw new Error('no keyframe');
      const page = await ask({ lane: LANE, cursor: keyframe.cursor, ...(next && { until: next.cursor }) });
      expect(page.events.at(-1)?.kind).not.toBe('more');
      expect(page.read).toBeLessThan(2 * MIB);
      expect(page.sent + JSON.stringify(keyframe).length).toBeLessThan(2 * MIB);
      expect(page.objects).toBeLessThanOrEqual(34);
    }
  }, 120_000);

  it('begins to play before the rest is read', async () => {
    const { ask } = storedReplay<TerminalEvent>(dayAtWork());
    // The player shows the first stretch as soon as it knows where it ends.
    let keyframes = 0;
    const begun = await ask({ part: 'outline' }, ({ kind }) => kind === 'keyframe' && ++keyframes === 2);
    expect(begun.read).toBeLessThan(MIB);
    // Read ahead: 32 at a time.
    expect(begun.objects).toBeLessThanOrEqual(2 * 34);
  }, 120_000);
});

describe('an outline is bounded', () => {
  it('where each screen is half a million cells in colour', async () => {
    const random = seeded(3);
    const builder = shell(1000, 500);
    let written = 0;
    for (let i = 0; i < 150; i++) {
      const cells = Array.from(
        { length: 2000 },
        (_, n) =>
          `\u001b[${1 + random(500)};${1 + random(1000)}H\u001b[38;2;${n % 255};${i};${(n * i) % 255}m${n % 10}`,
      ).join('');
      written += cells.length;
      builder.wait(60_000_000).bytes('target', utf8(cells), LANE);
      if (builder.pendingBytes > 3_900_000) builder.cut();
    }
    const { ask } = storedReplay<TerminalEvent>(builder.end());
    const outline = await ask({ part: 'outline' });
    const keyframes = outline.events.filter((event) => event.kind === 'keyframe');
    expect(keyframes.length).toBeGreaterThan(3);
    expect(outline.sent).toBeLessThan(written / 2);
    for (const [index, { cursor }] of keyframes.entries()) {
      const until = keyframes[index + 1]?.cursor;
      const page = await ask({ lane: LANE, cursor, ...(until !== undefined && { until }) });
      expect(page.sent).toBeLessThan(2 * MIB + 200_000);
    }
  }, 120_000);

  it('where a program runs forty thousand commands: those behind the first are counted', async () => {
    const builder = new RecordingBuilder({ protocol: 'ssh' });
    for (let action = 1; action <= 40_000; action++) {
      builder
        .wait(100_000)
        .fact({ kind: 'lane.opened', lane: action, of: 'exec', label: 'exec: true' }, action)
        .fact({ kind: 'command.started', action, form: 'exec', command: 'true' }, action)
        .bytes('target', utf8('x'), action)
        .fact({ kind: 'command.finished', action, exit: action % 2, durationUs: 1 }, action)
        .fact({ kind: 'lane.closed', lane: action, recorded: 'full' }, action);
      if (action % 5000 === 0) builder.cut();
    }
    const { ask } = storedReplay<TerminalEvent>(builder.end());
    const { events, sent } = await ask({ part: 'outline' });
    expect(events.length).toBeLessThan(32_000);
    expect(sent).toBeLessThan(8 * MIB);
    const told = events.filter(({ kind }) => kind === 'command').length;
    const counted = events.flatMap((event) => (event.kind === 'more-markers' && event.of === 'action' ? [event] : []));
    expect(told + counted.reduce((sum, { count }) => sum + count, 0)).toBe(40_000);
    expect(counted.length).toBeGreaterThan(50);
    expect(counted.every(({ fromUs, timeUs }) => fromUs <= timeUs)).toBe(true);
    expect(events.at(-1)?.kind).toBe('ended');
  }, 120_000);
});
