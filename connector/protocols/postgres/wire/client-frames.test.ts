import { describe, expect, it } from 'vitest';
import type { Recorded } from '../../../door.ts';
import { ClientFrames, type ClientMessage, MAX_COLLECTED_BYTES, type Shown } from './client-frames.ts';
import { message } from './messages.ts';

const query = (text: string): Buffer => message('Q', `${text}\0`);
const MESSAGES = [
  query('select 1'),
  message('H'),
  query('drop'),
  message('d', 'some data'),
  query('wait'),
  message('S'),
];
const WIRE = Buffer.concat(MESSAGES);
/** Without what is dropped and what is replaced. */
const GOES_ON = Buffer.concat([...MESSAGES.slice(0, 2), Buffer.from('INSTEAD'), ...MESSAGES.slice(3)]);
const RECORDED = Buffer.from(WIRE.toString('latin1').replace('select', '******'), 'latin1');

/** Drops in what is fed to it. `keepsCopies`: records `select` as stars. */
function play(chunks: readonly Buffer[], keepsCopies: boolean) {
  const forwarded: Buffer[] = [];
  const recorded: Buffer[] = [];
  const seen: string[] = [];
  let waits = 2;
  const frames: ClientFrames = new ClientFrames(
    {
      message(one: ClientMessage): Shown {
        const text = one.bytes.toString('latin1', one.start, one.end);
        if (text === 'wait\0' && waits-- > 0) return 'again';
        seen.push(`${String.fromCharCode(one.type)} ${one.offset} ${one.length}`);
        const shown = frames.record(one, (whole) =>
          whole.includes('select')
            ? Buffer.from(whole.toString('latin1').replace('select', '******'), 'latin1')
            : whole,
        );
        expect(shown.end - shown.start).toBe(one.end - one.start);
        if (text === 'drop\0') frames.replace(one, Buffer.from('INSTEAD'));
        else frames.forward(one);
        return text === 'wait\0' ? 'last' : 'taken';
      },
      part: (_type, part) => part,
      forward: (bytes) => forwarded.push(Buffer.from(bytes)),
      record(bytes) {
        recorded.push(Buffer.from(bytes));
        return {} as Recorded;
      },
    },
    0,
    Buffer.alloc(0),
    undefined,
  );
  frames.keepsCopies = keepsCopies;
  for (const chunk of chunks) {
    let rest = chunk;
    // Stopped, or asked to show a message again: what it left is given again.
    for (let round = 0; round < 6; round++) rest = rest.subarray(frames.take(rest));
  }
  return {
    forwarded: Buffer.concat(forwarded),
    recorded: Buffer.concat(recorded),
    seen,
    fault: frames.fault,
    pieces: forwarded.length,
  };
}

describe.each([false, true])('client messages, with copies for the recording: %s', (keepsCopies) => {
  const recorded = keepsCopies ? RECORDED : WIRE;
  const whole = play([WIRE], keepsCopies);

  it('go on and are recorded as told', () => {
    expect(whole.fault).toBeUndefined();
    expect(whole.forwarded.toString('latin1')).toBe(GOES_ON.toString('latin1'));
    expect(whole.recorded.toString('latin1')).toBe(recorded.toString('latin1'));
    expect(whole.seen).toHaveLength(MESSAGES.length);
  });

  it('are the same at every split', () => {
    for (let at = 1; at < WIRE.length; at++) {
      const { pieces: _, ...split } = play([WIRE.subarray(0, at), WIRE.subarray(at)], keepsCopies);
      expect({ at, ...split, seen: messagesOf(split.seen) }).toEqual({
        at,
        forwarded: GOES_ON,
        recorded,
        seen: messagesOf(whole.seen),
        fault: undefined,
      });
    }
  });

  it('are the same byte by byte', () => {
    const bytes = Array.from(WIRE, (_, at) => WIRE.subarray(at, at + 1));
    const one = play(bytes, keepsCopies);
    expect(one.forwarded).toEqual(GOES_ON);
    expect(one.recorded).toEqual(recorded);
  });

  it('that are longer than is collected are shown by their head, and the rest follows it', () => {
    for (const text of ['select', 'drop']) {
      const long = query(`${text} ${'x'.repeat(MAX_COLLECTED_BYTES)}`);
      const chunks: Buffer[] = [];
      for (let at = 0; at < long.length; at += 60_000) chunks.push(long.subarray(at, at + 60_000));
      const played = play([...chunks, MESSAGES[5] as Buffer], keepsCopies);
      expect(played.forwarded.length).toBe(long.length + 5);
      expect(played.recorded.length).toBe(long.length + 5);
      expect(played.seen).toHaveLength(2);
    }
  });
});

/** COPY data is shown in parts that hang on the chunks. */
const messagesOf = (seen: readonly string[]) => seen.map((one) => one);

it('a chunk whose every message goes on, goes on as it came', () => {
  const wire = Buffer.concat([query('a'), query('b'), message('S')]);
  expect(play([wire], false).pieces).toBe(1);
});

describe('a fault', () => {
  it.each([
    ['a type that is not understood, at its first byte', Buffer.from('p')],
    ['a length below four', Buffer.from([0x51, 0, 0, 0, 3])],
    ['a length beyond what PostgreSQL takes', Buffer.from([0x51, 0x40, 0, 0, 0])],
    ['a short message that is long', message('S', 'x'.repeat(10_000))],
  ])('is %s: nothing of it goes on', (_what, wire) => {
    const played = play([query('a'), wire], false);
    expect(played.fault).toBeDefined();
    expect(played.forwarded).toEqual(query('a'));
  });
});
