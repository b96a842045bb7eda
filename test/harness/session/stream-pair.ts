// A connection that is no socket.

import { Duplex } from 'node:stream';
import type { ByteStream } from '../../../connector/door.ts';

/** Two ends of a connection within the process. */
export function streamPair(): [Duplex, ByteStream] {
  const ends: Duplex[] = [];
  const other = (index: number) => ends[1 - index] as Duplex;
  for (const index of [0, 1]) {
    let wake: (() => void) | undefined;
    const end = new Duplex({
      allowHalfOpen: true,
      read: () => other(index).emit('room'),
      write(chunk, _encoding, done) {
        if (other(index).destroyed || other(index).push(chunk)) done();
        else wake = done;
      },
      final(done) {
        other(index).push(null);
        done();
      },
      destroy(error, done) {
        done(error);
        if (!other(index).destroyed) setImmediate(() => other(index).destroy());
      },
    });
    end.on('room', () => {
      const done = wake;
      wake = undefined;
      done?.();
    });
    end.on('error', () => {});
    ends.push(end);
  }
  return [ends[0] as Duplex, ends[1] as Duplex];
}
