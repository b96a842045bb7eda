// What is said on a channel that moves files: SFTP (spoken-sftp.ts), or the old scp, which its first bytes tell: a sink
// begins with a 0, and only then its source says a line.

import { ScpReader } from './scp-reader.ts';
import { type SpokenDeps, SpokenSftp } from './spoken-sftp.ts';

/** Of each side, until it is known; longer than a first line. */
const MAX_HEAD_BYTES = 8 * 1024;
const FIRST_LINE = /^(?:[CD][0-7]{4} \d{1,19} [^/\0\n]+|T\d{1,12} \d{1,6} \d{1,12} \d{1,6})\n/;

type Side = 'client' | 'target';
const STAR = 0x2a;
const other = (side: Side): Side => (side === 'client' ? 'target' : 'client');

export class SpokenFiles {
  readonly #deps: SpokenDeps;
  readonly #sftp: SpokenSftp;
  /** What each side said first, while it may be scp. */
  #heads: Record<Side, Buffer> | undefined;
  #scp: ScpReader | undefined;
  #note: string | undefined;
  /** Of what was taken last. */
  #content: Buffer[] = [];
  #hidden = 0;

  constructor(deps: SpokenDeps) {
    this.#deps = { ...deps, content: (part) => void (deps.digestsAlone() && this.#content.push(part)) };
    this.#sftp = new SpokenSftp(this.#deps);
    // At a terminal bytes are changed on their way.
    if (!deps.subsystem && !deps.terminal) this.#heads = { client: Buffer.alloc(0), target: Buffer.alloc(0) };
  }

  /** What the client sends are SFTP's packets and no keys. */
  get following(): boolean {
    return this.#sftp.following;
  }

  /** The client's next bytes are: behind a server that has ended come keys again. */
  arePackets(data: Buffer): boolean {
    return this.#sftp.arePackets(data);
  }

  /** The client is not to be read for now. */
  get full(): boolean {
    return this.#sftp.full;
  }

  /** Bytes went over that nobody read as what they are. */
  get note(): string | undefined {
    const notes = [...this.#sftp.notes, ...(this.#note === undefined ? [] : [this.#note])];
    return notes.length > 0 ? notes.join('; ') : undefined;
  }

  /** Why the channel ends; undefined: it goes on. */
  fromClient(data: Buffer): string | undefined {
    return this.#scpFrom('client', data) ?? this.#sftp.fromClient(data);
  }

  fromTarget(data: Buffer): string | undefined {
    return this.#scpFrom('target', data) ?? this.#sftp.fromTarget(data);
  }

  fromErrors(data: Buffer): string | undefined {
    return this.#sftp.fromErrors(data);
  }

  /** What was taken last, as it is recorded: with a star for each byte of a file where the rule wants digests alone. */
  recordable(data: Buffer): Buffer {
    const parts = this.#content;
    if (parts.length === 0) return data;
    this.#content = [];
    const copy = Buffer.from(data);
    for (const part of parts) {
      const at = part.byteOffset - data.byteOffset;
      // It came before it was known to be a file's.
      if (part.buffer !== data.buffer || at < 0 || at + part.length > data.length) {
        this.#note ??= 'some of a file was recorded before it was known to be one';
        continue;
      }
      copy.fill(STAR, at, at + part.length);
      this.#hidden += part.length;
    }
    return copy;
  }

  /** By the rule. */
  get leftOut(): string | undefined {
    if (this.#hidden === 0) return undefined;
    return `${this.#hidden} bytes of files are recorded by their digests alone, as the rule says`;
  }

  end(): void {
    this.#sftp.end();
    this.#scp?.end();
  }

  #scpFrom(side: Side, data: Buffer): string | undefined {
    if (this.#scp) this.#follow(this.#scp.take(side, data));
    else if (this.#heads) {
      this.#heads[side] = Buffer.concat([this.#heads[side], data.subarray(0, MAX_HEAD_BYTES + 1)]);
      return this.#beginsScp(side);
    }
    return undefined;
  }

  #beginsScp(side: Side): string | undefined {
    const heads = this.#heads;
    if (!heads) return undefined;
    const source = (['client', 'target'] as const).find((one) => FIRST_LINE.test(heads[one].toString('latin1')));
    if (source && heads[other(source)][0] === 0) {
      this.#heads = undefined;
      if (this.#deps.masked) return 'scp is spoken on it, and under masks files do not go over as they are';
      if (heads[source].length > MAX_HEAD_BYTES) {
        this.#note = 'scp was spoken and is not told: it does not wait for the other side';
        return undefined;
      }
      this.#scp = new ScpReader(source, this.#deps);
      this.#follow(this.#scp.take(other(source), heads[other(source)]) ?? this.#scp.take(source, heads[source]));
    } else if (heads[side].length > MAX_HEAD_BYTES || !mayBeScp(heads)) this.#heads = undefined;
    return undefined;
  }

  #follow(fault: string | undefined): void {
    if (fault === undefined) return;
    this.#scp?.end();
    this.#scp = undefined;
    this.#note = `scp was spoken and is not told to its end: ${fault}`;
  }
}

/** One says 0 or nothing, and the other a line or nothing. */
const mayBeScp = ({ client, target }: Record<Side, Buffer>): boolean =>
  (isSink(client) && isSource(target)) || (isSink(target) && isSource(client));
const isSink = ([first]: Buffer): boolean => first === undefined || first === 0;
const isSource = (bytes: Buffer): boolean =>
  bytes.length < 2 ||
  (/^[CDT]\d/.test(bytes.toString('latin1', 0, 2)) &&
    (!bytes.includes(0x0a) || FIRST_LINE.test(bytes.toString('latin1'))));
