// Content over SFTP, version 3 (draft-ietf-secsh-filexfer-02): WRITE's of uploads, and DATA's of downloads, which answer READs. Many are
// out at a time and answers come as they come, so blocks that are ahead wait for what is missing before them.
//
//   uint32 length of what follows | byte type | uint32 request's number | fields

import { z } from 'zod';
import { fitting, KeptBytes, keptBytes, Listed, listedAt } from '../../checkpoints.ts';
import type { ContentPart, ContentReader } from './content.ts';

const OPEN = 3;
const CLOSE = 4;
const READ = 5;
const WRITE = 6;
const HANDLE = 102;
const DATA = 103;
/** As the connector takes them. */
const MAX_PACKET_BYTES = 256 * 1024 + 1024;
/** Of one file. The connector tells no digest where more was ahead. */
const MAX_AHEAD_BYTES = 4 * 1024 * 1024;
const MAX_REQUESTS = 10_000;

const Count = z.number().int().min(0);
const InOrderState = z.object({
  content: z.string(),
  next: z.number().optional(),
  ahead: z.array(z.tuple([z.number(), KeptBytes])),
});
const Kept = KeptBytes.nullable();
const SftpState = z.object({
  packets: z.object({ client: Kept, target: Kept }),
  files: Count,
  opens: z.array(Count),
  /** Those that reads and handles share, by their places. */
  contents: z.array(InOrderState),
  reads: z.array(z.tuple([Count, z.object({ content: Count, offset: z.number() })])),
  open: z.array(z.tuple([z.string(), z.object({ upload: Count, download: Count })])),
});

/** One direction's packets; undefined once they are not understood. */
class Packets {
  #kept: Buffer | undefined;

  constructor(kept: Uint8Array | null = new Uint8Array(0)) {
    this.#kept = kept ? Buffer.from(kept) : undefined;
  }

  get kept(): string | null {
    return this.#kept ? keptBytes(this.#kept) : null;
  }

  take(chunk: Uint8Array): Buffer[] {
    if (!this.#kept) return [];
    let rest = Buffer.concat([this.#kept, chunk]);
    const packets: Buffer[] = [];
    while (rest.length >= 4) {
      const length = rest.readUInt32BE(0);
      if (length === 0 || length > MAX_PACKET_BYTES) {
        this.#kept = undefined;
        return packets;
      }
      if (rest.length < 4 + length) break;
      packets.push(rest.subarray(4, 4 + length));
      rest = rest.subarray(4 + length);
    }
    this.#kept = rest;
    return packets;
  }
}

class InOrder {
  readonly #content: string;
  #next: number | undefined;
  readonly #ahead: Map<number, Buffer>;
  #aheadBytes: number;

  constructor({ content, next, ahead }: z.output<typeof InOrderState>) {
    this.#content = content;
    this.#next = next;
    this.#ahead = new Map(ahead.map(([offset, bytes]) => [offset, Buffer.from(bytes)]));
    this.#aheadBytes = ahead.reduce((sum, [, bytes]) => sum + bytes.length, 0);
  }

  state(): z.input<typeof InOrderState> {
    const ahead = [...this.#ahead].map(([offset, bytes]): [number, string] => [offset, keptBytes(bytes)]);
    return { content: this.#content, ...(this.#next !== undefined && { next: this.#next }), ahead };
  }

  /** A request for it was sent, from there on: what comes first begins the content. */
  asked(offset: number): void {
    this.#next ??= offset;
  }

  *take(offset: number, bytes: Buffer): Generator<ContentPart> {
    this.#next ??= offset;
    if (offset !== this.#next) {
      if (offset < this.#next || this.#aheadBytes + bytes.length > MAX_AHEAD_BYTES) return;
      this.#ahead.set(offset, Buffer.from(bytes));
      this.#aheadBytes += bytes.length;
      return;
    }
    let now: Buffer | undefined = bytes;
    while (now) {
      yield { content: this.#content, bytes: now };
      this.#next += now.length;
      now = this.#ahead.get(this.#next);
      this.#ahead.delete(this.#next);
      this.#aheadBytes -= now?.length ?? 0;
    }
  }
}

const inOrder = (content: string): InOrder => new InOrder({ content, ahead: [] });

export class SftpContent implements ContentReader {
  readonly #packets: Readonly<Record<'client' | 'target', Packets>>;
  #files = 0;
  readonly #opens = new Set<number>();
  readonly #reads = new Map<number, { readonly content: InOrder; readonly offset: number }>();
  /** By handle, with its bytes as text. */
  readonly #open = new Map<string, { readonly upload: InOrder; readonly download: InOrder }>();

  /** `saved`: what `state` said. Throws StateMisfit. */
  constructor(saved?: unknown) {
    const known = saved === undefined ? undefined : fitting(SftpState, saved);
    const { client, target } = known?.packets ?? {};
    this.#packets = { client: new Packets(client), target: new Packets(target) };
    if (!known) return;
    const contents = known.contents.map((each) => new InOrder(each));
    this.#files = known.files;
    for (const id of known.opens) this.#opens.add(id);
    for (const [id, { content, offset }] of known.reads)
      this.#reads.set(id, { content: listedAt(contents, content), offset });
    for (const [handle, { upload, download }] of known.open)
      this.#open.set(handle, { upload: listedAt(contents, upload), download: listedAt(contents, download) });
  }

  state(): z.input<typeof SftpState> {
    const contents = new Listed<InOrder>();
    const { client, target } = this.#packets;
    const reads = [...this.#reads].map(([id, { content, offset }]) => [id, { content: contents.of(content), offset }]);
    const open = [...this.#open].map(([handle, { upload, download }]) => [
      ...[handle, { upload: contents.of(upload), download: contents.of(download) }],
    ]);
    return {
      ...{ packets: { client: client.kept, target: target.kept }, files: this.#files, opens: [...this.#opens] },
      reads: reads as z.input<typeof SftpState>['reads'],
      open: open as z.input<typeof SftpState>['open'],
      contents: contents.all.map((each) => each.state()),
    };
  }

  take(direction: 'client' | 'target', chunk: Uint8Array): ContentPart[] {
    const parts: ContentPart[] = [];
    for (const packet of this.#packets[direction].take(chunk)) {
      try {
        parts.push(...(direction === 'client' ? this.#asked(packet) : this.#answered(packet)));
      } catch (fault) {
        // A packet that is too short for what it says: the connector ended the session there.
        if (!(fault instanceof RangeError)) throw fault;
      }
    }
    return parts;
  }

  *#asked(packet: Buffer): Generator<ContentPart> {
    if (packet.length < 5) return;
    const id = packet.readUInt32BE(1);
    switch (packet[0]) {
      case OPEN:
        if (this.#opens.size < MAX_REQUESTS) this.#opens.add(id);
        return;
      case CLOSE:
        this.#open.delete(text(packet, 5).value);
        return;
      case READ: {
        const { value: handle, end } = text(packet, 5);
        const content = this.#open.get(handle)?.download;
        const offset = Number(packet.readBigUInt64BE(end));
        if (!content || this.#reads.size >= MAX_REQUESTS) return;
        content.asked(offset);
        this.#reads.set(id, { content, offset });
        return;
      }
      case WRITE: {
        const { value: handle, end } = text(packet, 5);
        const offset = Number(packet.readBigUInt64BE(end));
        const length = packet.readUInt32BE(end + 8);
        const content = this.#open.get(handle)?.upload;
        if (content) yield* content.take(offset, packet.subarray(end + 12, end + 12 + length));
        return;
      }
      default:
    }
  }

  *#answered(packet: Buffer): Generator<ContentPart> {
    if (packet.length < 5) return;
    const id = packet.readUInt32BE(1);
    const read = this.#reads.get(id);
    this.#reads.delete(id);
    if (packet[0] === HANDLE && this.#opens.has(id)) {
      const number = this.#files++;
      const [upload, download] = [inOrder(`${number} upload`), inOrder(`${number} download`)];
      if (this.#open.size < MAX_REQUESTS) this.#open.set(text(packet, 5).value, { upload, download });
    }
    this.#opens.delete(id);
    if (packet[0] === DATA && read)
      yield* read.content.take(read.offset, packet.subarray(9, 9 + packet.readUInt32BE(5)));
  }
}

/** uint32 length | bytes */
function text(packet: Buffer, at: number): { value: string; end: number } {
  const end = at + 4 + packet.readUInt32BE(at);
  if (end > packet.length) throw new RangeError('it ends before');
  return { value: packet.toString('latin1', at + 4, end), end };
}
