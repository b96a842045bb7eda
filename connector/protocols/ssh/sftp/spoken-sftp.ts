// SFTP on a channel. The subsystem of that name is nothing else, and ends where it cannot be followed. A command and a shell
// may start a server at any time (`sftp -s`, `sudo sftp-server`, `exec sftp-server` typed at a terminal): it is known by
// both sides' first packets, wherever these stand. What cannot be followed there goes on, and the lane's note says so.

import { Beginnings } from './beginnings.ts';
import { type SftpDeps, SftpReader } from './sftp-reader.ts';

/** What a client sends before it is answered: its INIT, and of one that does not wait some requests. */
const MAX_KEPT_BYTES = 128 * 1024;
const MAX_PLACES = 8;
/** More of them say nothing new. */
const MAX_NOTES = 3;

export interface SpokenDeps extends SftpDeps {
  /** The subsystem of this name. */
  readonly subsystem: boolean;
  /** What is typed at one is recorded by its length. */
  readonly terminal: boolean;
  /** Files may not go over (ADR 35). */
  readonly masked: boolean;
  /** Of their content nothing is recorded but that (ADR 38). */
  digestsAlone(): boolean;
}

export class SpokenSftp {
  readonly #deps: SpokenDeps;
  readonly #certain: boolean;
  readonly #client = new Beginnings('client');
  readonly #target = new Beginnings('target');
  readonly #errors = new Beginnings('target');
  #reader: SftpReader | undefined;
  /** Bytes of the client, while no SFTP was known. */
  #said = 0;
  /** Where SFTP may begin in them, and what the client said from the first of these on, until the target answers. */
  #places: number[] = [];
  #keptFrom = 0;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  /** It asked for something and too much came behind it. */
  #overran = false;
  /** Of the channel, for its recording: what nobody read. */
  readonly notes = new Set<string>();

  constructor(deps: SpokenDeps) {
    this.#deps = deps;
    this.#certain = deps.subsystem;
    if (this.#certain) this.#reader = new SftpReader(deps);
  }

  /** What comes from the client are packets. */
  get following(): boolean {
    return this.#reader !== undefined;
  }

  /** So may these be, which come next. */
  arePackets(data: Buffer): boolean {
    return this.#reader?.mayBeAsked(data) === true;
  }

  /** The client is not to be read for now. */
  get full(): boolean {
    return this.#reader?.full === true;
  }

  /** Why the channel ends; undefined: it goes on. */
  fromClient(data: Buffer): string | undefined {
    const fault = this.#reader?.fromClient(data);
    if (this.#certain || (this.#reader && fault === undefined)) return fault;
    if (fault !== undefined) this.#lose(fault);
    this.#look(data);
    return undefined;
  }

  fromTarget(data: Buffer): string | undefined {
    const fault = this.#reader?.fromTarget(data);
    if (this.#certain || (this.#reader && fault === undefined)) return fault;
    if (fault !== undefined) this.#lose(fault);
    const before = this.#target.tail;
    const [at] = this.#target.find(data);
    if (at === undefined) return undefined;
    if (this.#deps.masked) return UNDER_MASKS;
    this.#answered(at < 0 ? Buffer.concat([before.subarray(at), data]) : data.subarray(at));
    return undefined;
  }

  /** What the target writes on stderr, where a command may lead a server's answers. */
  fromErrors(data: Buffer): string | undefined {
    if (this.#certain || this.#errors.find(data).length === 0) return undefined;
    if (this.#deps.masked) return UNDER_MASKS;
    this.#note('SFTP was answered on stderr: nothing of that is told');
    return undefined;
  }

  end(): void {
    if (!this.#reader && (this.#overran || this.#keptBytes > 0)) {
      const reader = this.#readerOfKept();
      const asked = reader?.waits === true;
      if (asked) reader.end();
      if (asked || this.#overran || (this.#keptBytes > 0 && this.#keptFrom === 0))
        this.#note('SFTP was begun and never answered as such: what followed is not told');
    }
    this.#reader?.end();
  }

  #look(data: Buffer): void {
    const before = this.#client.tail;
    const places = this.#client.find(data).map((at) => this.#said + at);
    const [first] = places;
    if (this.#keptBytes > 0) this.#keep(data);
    else if (first !== undefined) {
      this.#keptFrom = first;
      const at = first - this.#said;
      this.#keep(at < 0 ? Buffer.concat([before.subarray(at), data]) : data.subarray(at));
    }
    this.#said += data.length;
    this.#places = [...this.#places, ...places].slice(0, MAX_PLACES);
    if (this.#keptBytes <= MAX_KEPT_BYTES) return;
    this.#overran ||= this.#keptFrom === 0 || this.#readerOfKept()?.waits === true;
    this.#forget();
  }

  #keep(bytes: Buffer): void {
    this.#kept.push(Buffer.from(bytes));
    this.#keptBytes += bytes.length;
  }

  #forget(): void {
    this.#kept = [];
    this.#keptBytes = 0;
    this.#places = [];
  }

  /** From the first place on from which all of it is SFTP. */
  #readerOfKept(): SftpReader | undefined {
    const kept = Buffer.concat(this.#kept);
    for (const at of this.#places) {
      const reader = new SftpReader(this.#deps);
      if (reader.fromClient(kept.subarray(at - this.#keptFrom)) === undefined) return reader;
    }
    return undefined;
  }

  #answered(data: Buffer): void {
    this.#reader = this.#overran ? undefined : this.#readerOfKept();
    this.#overran = false;
    this.#forget();
    if (!this.#reader)
      this.#note('SFTP is spoken from where its client’s first packet was not found: nothing of it is told');
    else if (this.#reader.waits && (this.#deps.terminal || this.#deps.digestsAlone()))
      this.#note(
        `what the client sent before SFTP was answered is recorded ${this.#deps.terminal ? 'by its length' : 'as it is'}`,
      );
    const fault = this.#reader?.fromTarget(data);
    if (fault !== undefined) this.#lose(fault);
  }

  #lose(fault: string): void {
    this.#reader?.end();
    this.#reader = undefined;
    this.#note(`SFTP was spoken and is not told to its end: ${fault}`);
  }

  #note(words: string): void {
    if (this.notes.size < MAX_NOTES) this.notes.add(words);
  }
}

const UNDER_MASKS = 'SFTP is spoken on it, and under masks files do not go over as they are';
