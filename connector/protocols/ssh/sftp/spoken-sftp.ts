// Whether SFTP is spoken on a channel: the subsystem of that name is nothing else, and a server that a command starts
// (`sftp -s`, `sudo sftp-server`) is known by how its client begins. What cannot be followed ends the subsystem; of a
// command, which may speak what it likes, no more is told.

import { type SftpDeps, SftpReader } from './sftp-reader.ts';

/** INIT of version 3: uint32 length, byte 1, uint32 3. Extensions may follow. */
const BEGINS: readonly (number | undefined)[] = [0, 0, 0, undefined, 1, 0, 0, 0, 3];

export class SpokenSftp {
  readonly #deps: SftpDeps;
  readonly #certain: boolean;
  /** What the client said first, until it is known. */
  #beginning: Buffer | undefined;
  #reader: SftpReader | undefined;
  /** Of the channel, for its recording. */
  note: string | undefined;

  constructor(form: 'subsystem' | 'exec', deps: SftpDeps) {
    this.#deps = deps;
    this.#certain = form === 'subsystem';
    if (this.#certain) this.#reader = new SftpReader(deps);
    else this.#beginning = Buffer.alloc(0);
  }

  /** The client is not to be read for now. */
  get full(): boolean {
    return this.#reader?.full === true;
  }

  /** Why the channel ends; undefined: it goes on. */
  fromClient(data: Buffer): string | undefined {
    if (!this.#beginning) return this.#faulty(this.#reader?.fromClient(data));
    const said = Buffer.concat([this.#beginning, data.subarray(0, BEGINS.length - this.#beginning.length)]);
    const rest = data.subarray(said.length - this.#beginning.length);
    const begins = said.every((byte, at) => BEGINS[at] === undefined || byte === BEGINS[at]);
    this.#beginning = begins && said.length < BEGINS.length ? said : undefined;
    if (!begins || this.#beginning) return undefined;
    this.#reader = new SftpReader(this.#deps);
    return this.#faulty(this.#reader.fromClient(said) ?? this.#reader.fromClient(rest));
  }

  fromTarget(data: Buffer): string | undefined {
    // A server waits for its client.
    this.#beginning = undefined;
    return this.#faulty(this.#reader?.fromTarget(data));
  }

  end(): void {
    this.#reader?.end();
  }

  #faulty(fault: string | undefined): string | undefined {
    if (fault === undefined || this.#certain) return fault;
    this.#reader?.end();
    this.#reader = undefined;
    this.note = `SFTP was spoken and is not told to its end: ${fault}`;
    return undefined;
  }
}
