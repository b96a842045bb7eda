// Windows and records of one channel, message by message.

import { expect, test } from 'vitest';
import { CHANNEL_DATA, CHANNEL_EXTENDED_DATA, CHANNEL_WINDOW_ADJUST, fieldsOf, sshMessage } from '../wire/messages.ts';
import { ProtocolFault } from '../wire/transport.ts';
import { type ChannelCarrier, ChannelStream, WINDOW_BYTES } from './channel-stream.ts';
import { recordsOf, requestRecord, stderrRecord } from './records.ts';

class Wire implements ChannelCarrier {
  readonly sent: Buffer[] = [];
  readonly forgotten: ChannelStream[] = [];
  writable = true;
  send(payload: Buffer): void {
    this.sent.push(payload);
  }
  sendFilled(length: number, fill: (packet: Buffer, start: number) => void): void {
    const payload = Buffer.alloc(length);
    fill(payload, 0);
    this.sent.push(payload);
  }
  forget(channel: ChannelStream): void {
    this.forgotten.push(channel);
  }
}

const data = (text: string | Uint8Array) => sshMessage(CHANNEL_DATA, 3, text);
const open = (window = 1_000_000, maxPacket = 32_768) => {
  const wire = new Wire();
  return { wire, channel: new ChannelStream(3, wire, { id: 9, window, maxPacket }) };
};
const turn = () => new Promise((resolve) => setImmediate(resolve));
/** A record of data, as the other leg's channel gives one. */
const dataRecord = (text: string) => {
  const record = Buffer.concat([Buffer.from([CHANNEL_DATA, 0, 0, 0, 0]), fieldsOf(text)]);
  record.writeUInt32BE(record.length - 5, 1);
  return record;
};

test('messages become records, and records messages with the other number, whatever is written at once', async () => {
  const { wire, channel } = open();
  const got: Buffer[] = [];
  channel.on('data', (chunk: Buffer) => got.push(chunk));
  channel.received(data('abc'));
  channel.received(sshMessage(CHANNEL_EXTENDED_DATA, 3, 1, 'err'));
  await turn();
  expect(recordsOf(Buffer.concat(got)).map(({ kind }) => kind)).toEqual(['data', 'extended']);
  channel.write(Buffer.concat([...got, requestRecord('exit-status', false, fieldsOf(7))]));
  await turn();
  expect(wire.sent).toEqual([
    sshMessage(CHANNEL_DATA, 9, 'abc'),
    sshMessage(CHANNEL_EXTENDED_DATA, 9, 1, 'err'),
    sshMessage(98, 9, 'exit-status', false, 7),
  ]);
});

test('what is written goes out as the window and the packets of the other side allow, in order', async () => {
  for (const [window, maxPacket] of [
    [1, 100],
    [7, 3],
    [100, 4],
  ] as const) {
    const { wire, channel } = open(window, maxPacket);
    channel.write(Buffer.concat([dataRecord('0123456789'), stderrRecord('abcdefghij'), dataRecord('end')]));
    for (let more = 0; more < 40; more++) channel.credited(1);
    await turn();
    const text = (type: number, at: number) =>
      wire.sent
        .filter((payload) => payload[0] === type)
        .map((payload) => payload.subarray(at).toString())
        .join('');
    expect([text(CHANNEL_DATA, 9), text(CHANNEL_EXTENDED_DATA, 13)]).toEqual(['0123456789end', 'abcdefghij']);
    expect(Math.max(...wire.sent.map(({ length }) => length))).toBeLessThanOrEqual(maxPacket + 13);
  }
});

test('credit goes back only as the reader takes what came, and all of it does in the end', async () => {
  const { wire, channel } = open();
  const piece = Buffer.alloc(32_000);
  for (let sent = 0; sent + piece.length <= WINDOW_BYTES; sent += piece.length) channel.received(data(piece));
  await turn();
  const credited = () =>
    wire.sent
      .filter((payload) => payload[0] === CHANNEL_WINDOW_ADJUST)
      .reduce((sum, payload) => sum + payload.readUInt32BE(5), 0);
  expect(credited()).toBe(0);
  expect(() => channel.received(data(Buffer.alloc(100_000)))).toThrow(ProtocolFault);
  const other = open();
  other.channel.resume();
  for (let round = 0; round < 200; round++) {
    other.channel.received(data(piece));
    await turn();
  }
  channel.resume();
  await turn();
  await turn();
  expect(credited()).toBeGreaterThan(WINDOW_BYTES / 2);
});

test('data that says less or more than it has, requests without end, and a second close are faults', () => {
  const { channel } = open();
  const lying = data('abc');
  lying.writeUInt32BE(2, 5);
  expect(() => channel.received(lying)).toThrow(ProtocolFault);
  const flood = open().channel;
  expect(() => {
    for (let count = 0; count < 100; count++) flood.received(sshMessage(98, 3, 'signal', false, 'x'.repeat(30_000)));
  }).toThrow('more requests than are taken');
  const closed = open().channel;
  closed.closedByRemote();
  expect(() => closed.closedByRemote()).toThrow('closed twice');
  expect(() => closed.received(data('late'))).toThrow(ProtocolFault);
});

test('what came before a close is read; a close is answered by a close, and then the number is free', async () => {
  const { wire, channel } = open();
  channel.received(data('last'));
  channel.closedByRemote();
  let read = '';
  channel.on('data', (chunk: Buffer) => {
    read += recordsOf(chunk).map((record) => (record.kind === 'data' ? record.data.toString() : ''));
  });
  await new Promise((resolve) => channel.once('end', resolve));
  expect([read, wire.forgotten.length]).toEqual(['last', 0]);
  channel.end();
  await new Promise((resolve) => channel.once('close', resolve));
  expect(wire.sent).toEqual([sshMessage(97, 9)]);
  expect(wire.forgotten).toContain(channel);
});
