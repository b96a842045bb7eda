// Reads the log's files in order, behind the writer or after a crash.
//
// Files older than the one being written are read to their end. What is not a whole batch there is
// either the torn tail of a crash, which was never delivered and is skipped, or damage, when a
// whole batch follows: then the place is reported and reading goes on behind it.

import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import {
  BATCH_HEADER_BYTES,
  isLaterVersion,
  parseWalFileName,
  readBatchHeader,
  readEntries,
  WAL_FILE_HEADER_BYTES,
  walFileName,
  type WalEntries,
} from './wal-format.ts';

const READ_BYTES = 1024 * 1024;

interface WalReaderEvents extends WalEntries {
  /** A file begins. */
  file(number: number): void;
  /** Bytes that were written once and cannot be read now. */
  damaged(file: number, offset: number, length: number): void;
}

export function walFiles(directory: string): number[] {
  return readdirSync(directory)
    .map(parseWalFileName)
    .filter((number) => number !== undefined)
    .sort((a, b) => a - b);
}

export class WalReader {
  readonly #directory: string;
  readonly #events: WalReaderEvents;
  #number: number;
  #fd: number | undefined;
  #offset = 0;
  #buffer = Buffer.allocUnsafeSlow(READ_BYTES);

  /** `number`: the first file to read. */
  constructor(directory: string, number: number, events: WalReaderEvents) {
    this.#directory = directory;
    this.#number = number;
    this.#events = events;
  }

  get file(): number {
    return this.#number;
  }

  hasRead(to: { file: number; offset: number }): boolean {
    return this.#number > to.file || (this.#number === to.file && this.#offset >= to.offset);
  }

  /** Reads about a MiB, no further than `to`. Whether there may be more. */
  step(to: { file: number; offset: number }): boolean {
    if (this.hasRead(to) || to.file === 0) return false;
    const fd = this.#fd ?? this.#openFile(to.file);
    if (fd === undefined) return !this.hasRead(to);
    const current = this.#number === to.file;
    const end = current ? to.offset : fstatSync(fd).size;
    if (this.#offset === 0) this.#readFileHeader(fd, end);
    const length = readSync(fd, this.#buffer, 0, Math.min(this.#buffer.length, end - this.#offset), this.#offset);
    const used = this.#readBatches(this.#buffer.subarray(0, length));
    this.#offset += used.bytes;
    if (used.bytes === 0 && length > 0) this.#stuck(used.wanted, length, end);
    if (!current && this.#offset >= end) this.#closeFile();
    return !this.hasRead(to);
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #readBatches(chunk: Buffer): { bytes: number; wanted: number | undefined } {
    let at = 0;
    while (at + BATCH_HEADER_BYTES <= chunk.length) {
      const header = readBatchHeader(chunk.subarray(at, at + BATCH_HEADER_BYTES), this.#number, this.#offset + at);
      if (!header) return { bytes: at, wanted: undefined };
      const start = at + BATCH_HEADER_BYTES;
      const end = start + header.payloadLength;
      if (end > chunk.length) return { bytes: at, wanted: end - at };
      const payload = chunk.subarray(start, end);
      if (crc32(payload) !== header.crc) return { bytes: at, wanted: undefined };
      readEntries(payload, this.#events);
      at = end;
    }
    return { bytes: at, wanted: at < chunk.length ? BATCH_HEADER_BYTES : undefined };
  }

  /** Nothing could be taken from the buffer: a long batch, a torn tail, or damage. */
  #stuck(wanted: number | undefined, had: number, end: number): void {
    if (wanted !== undefined && this.#offset + wanted <= end && wanted > had) {
      if (wanted > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(wanted);
      return;
    }
    const next = this.#findBatch(end);
    if (next < end) this.#events.damaged(this.#number, this.#offset, next - this.#offset);
    this.#offset = next;
  }

  /** Offset of the next whole batch behind this place, or `end`. */
  #findBatch(end: number): number {
    const fd = this.#fd as number;
    const window = Buffer.allocUnsafe(64 * 1024);
    for (let from = this.#offset + 1; from < end; from += window.length - BATCH_HEADER_BYTES) {
      const length = readSync(fd, window, 0, Math.min(window.length, end - from), from);
      for (let at = window.indexOf('GHWB'); at >= 0 && at < length; at = window.indexOf('GHWB', at + 1)) {
        const header = readBatchHeader(window.subarray(at, Math.min(at + 24, length)), this.#number, from + at);
        if (!header || from + at + BATCH_HEADER_BYTES + header.payloadLength > end) continue;
        const payload = Buffer.allocUnsafe(header.payloadLength);
        readSync(fd, payload, 0, payload.length, from + at + BATCH_HEADER_BYTES);
        if (crc32(payload) === header.crc) return from + at;
      }
    }
    return end;
  }

  /** Opens the file whose turn it is. A number that was never used is passed over. */
  #openFile(last: number): number | undefined {
    try {
      this.#fd = openSync(join(this.#directory, walFileName(this.#number)), 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      if (this.#number < last) this.#closeFile();
      return undefined;
    }
    this.#events.file(this.#number);
    return this.#fd;
  }

  /** Throws for a file of a later release: what cannot be read must not be taken for read, and dropped. */
  #readFileHeader(fd: number, end: number): void {
    const header = Buffer.alloc(WAL_FILE_HEADER_BYTES);
    readSync(fd, header, 0, header.length, 0);
    if (isLaterVersion(header))
      throw new Error(`log file ${walFileName(this.#number)} is a later release's: start that one, or move it away`);
    // A header that a crash tore is no loss: each batch says for itself what it is.
    this.#offset = Math.min(WAL_FILE_HEADER_BYTES, end);
  }

  #closeFile(): void {
    this.close();
    this.#number++;
    this.#offset = 0;
  }
}
