// The client's one stream as two channels, each a Duplex of its own. What is no line of a channel ends all of them.

import { Duplex } from 'node:stream';
import type { ByteStream } from '../../../connector/door.ts';
import { MAX_LINE_BYTES } from './channel.ts';

export const CHANNELS = ['a', 'b'] as const;
export type ChannelName = (typeof CHANNELS)[number];

export class Demultiplexer {
  readonly #stream: ByteStream;
  readonly #channels = new Map<string, Duplex>();
  #rest = '';
  /** Told once, of what is not understood. */
  onFault: (what: string) => void = () => {};

  constructor(stream: ByteStream) {
    this.#stream = stream;
  }

  open(name: ChannelName): Duplex {
    const stream = this.#stream;
    const channel = new Duplex({
      allowHalfOpen: true,
      read: () => stream.resume(),
      write: (chunk: Buffer, _encoding, done) => {
        const lines = chunk.toString().split('\n').slice(0, -1);
        if (stream.destroyed) done();
        else stream.write(lines.map((line) => `${name} ${line}\n`).join(''), () => done());
      },
      final: (done) => {
        done();
        this.#closed();
      },
    });
    channel.on('error', () => {});
    channel.on('close', () => this.#closed());
    this.#channels.set(name, channel);
    return channel;
  }

  begin(early: Buffer): void {
    this.#stream.on('data', (chunk: Buffer) => this.#take(chunk));
    this.#stream.on('end', () => {
      for (const channel of this.#channels.values()) channel.push(null);
    });
    this.#stream.on('close', () => {
      for (const channel of this.#channels.values()) channel.destroy();
    });
    if (early.length > 0) this.#take(early);
  }

  #closed(): void {
    const all = [...this.#channels.values()];
    if (all.every(({ writableFinished, destroyed }) => writableFinished || destroyed)) this.#stream.end();
    if (all.every(({ destroyed }) => destroyed)) this.#stream.destroy();
  }

  #take(chunk: Buffer): void {
    const lines = (this.#rest + chunk.toString()).split('\n');
    this.#rest = lines.pop() ?? '';
    let full = false;
    for (const line of lines) {
      const channel = line[1] === ' ' ? this.#channels.get(line[0] as string) : undefined;
      if (!channel) {
        this.onFault('a line is of no channel');
        return;
      }
      if (!channel.destroyed && !channel.push(`${line.slice(2)}\n`)) full = true;
    }
    if (this.#rest.length > MAX_LINE_BYTES) this.onFault(`a line is longer than ${MAX_LINE_BYTES} bytes`);
    else if (full) this.#stream.pause();
  }
}
