// What stands behind the tunnels of a test, and the bytes that it sends and expects.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type Duplex, Readable } from 'node:stream';
import type { Service } from './connector.ts';

const BLOCK = 64 * 1024;

/** Of a length and content that `seed` tells, in parts of uneven sizes. */
export function* pattern(total: number, seed: number): Generator<Buffer> {
  const block = Buffer.alloc(BLOCK);
  for (let sent = 0, n = seed; sent < total; n++) {
    const length = Math.min(total - sent, BLOCK - (n % 97));
    block.fill(n & 0xff);
    block.writeUInt32BE(n, 0);
    sent += length;
    yield Buffer.from(block.subarray(0, length));
  }
}

export function digestOfPattern(total: number, seed: number): string {
  const hash = createHash('sha256');
  for (const part of pattern(total, seed)) hash.update(part);
  return hash.digest('hex');
}

export async function digestOfStream(stream: Duplex): Promise<string> {
  const hash = createHash('sha256');
  // The other direction goes on.
  for await (const part of stream.iterator({ destroyOnReturn: false })) hash.update(part as Uint8Array);
  return hash.digest('hex');
}

/** Writes it all, no faster than it is taken, and ends. */
export function sendPattern(stream: Duplex, total: number, seed: number): void {
  Readable.from(pattern(total, seed)).pipe(stream);
}

async function firstLine(stream: Duplex): Promise<string> {
  let text = '';
  while (!text.includes('\n')) {
    const part: Buffer | null = stream.read();
    if (part) text += part.toString('latin1');
    else await once(stream, 'readable');
  }
  return text.slice(0, text.indexOf('\n'));
}

export const SERVICES: Readonly<Record<string, Service>> = {
  /** Says what it hears. */
  echo: (stream) => void stream.on('error', () => {}).pipe(stream),
  /** After a line with a number, so many bytes of a pattern; it hears no end of what is asked. */
  source: (stream) => {
    stream.on('error', () => {});
    void firstLine(stream).then(
      (line) => sendPattern(stream, Number(line), 7),
      () => {},
    );
  },
  /** After the end of what it hears, so many bytes of a pattern: a half-open connection. */
  'answers-at-the-end': (stream) => {
    stream.on('error', () => {});
    let heard = '';
    stream.on('data', (part: Buffer) => {
      heard += part.toString('latin1');
    });
    stream.once('end', () => sendPattern(stream, Number(heard), 7));
  },
  /** After the end of what it hears, its SHA-256. */
  sink: (stream) => {
    stream.on('error', () => {});
    void digestOfStream(stream).then(
      (digest) => stream.end(digest),
      () => {},
    );
  },
  /** After the end of what it hears, how many bytes that was. */
  count: (stream) => {
    let count = 0;
    stream.on('error', () => {});
    stream.on('data', (part: Buffer) => {
      count += part.length;
    });
    stream.once('end', () => stream.end(String(count)));
  },
  /** Takes the connection, and reads and says nothing. */
  deaf: (stream) => void stream.on('error', () => {}),
  /** Who came, as it sees it. */
  who: (stream, { address, via }) => {
    stream.on('error', () => {});
    stream.resume();
    stream.end(`${address} ${via}`);
  },
};
