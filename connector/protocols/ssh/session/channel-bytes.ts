// The bytes of a channel as they are recorded: as they are, by their length where they are keys, without the content of files where
// the rule keeps digests alone. What they say of files is read beside them.

import type { SpokenDeps } from '../sftp/spoken-sftp.ts';
import { SpokenFiles } from '../sftp/spoken-files.ts';
import { ENCRYPTED } from './forwarded-connection.ts';
import { SpokenSsh } from './spoken-ssh.ts';
import { TypedInput } from '../typing/typed-input.ts';

interface BytesDeps extends SpokenDeps {
  /** To the lane. */
  record(from: 'client' | 'target', copy: Buffer): void;
  /** Some input is not shown. */
  hide(): void;
}

export class ChannelBytes {
  readonly #deps: BytesDeps;
  readonly #files: SpokenFiles;
  readonly #input = new TypedInput();
  readonly #ssh = new SpokenSsh();

  constructor(deps: BytesDeps) {
    this.#deps = deps;
    this.#files = new SpokenFiles(deps);
  }

  /** What the client sends now are SFTP's packets and no keys. */
  arePackets(data: Buffer): boolean {
    return this.#files.arePackets(data);
  }

  /** The client is not to be read for now. */
  get full(): boolean {
    return this.#files.full;
  }

  /** Some of the input is not shown. */
  get hidden(): boolean {
    return this.#input.hidden > 0;
  }

  /** Records it, once it is known what it is. Gives why the channel ends. */
  fromClient(data: Buffer): string | undefined {
    const { terminal, masked, record, hide } = this.#deps;
    this.#ssh.saw('client', data);
    const fault = this.#files.fromClient(data);
    const copy = this.#files.recordable(data);
    const typed = masked || (terminal && !this.#files.following) ? this.#input.conceal(copy) : undefined;
    if (typed) hide();
    record('client', typed ?? copy);
    return fault;
  }

  /** Under masks nothing is recorded yet. */
  fromTarget(data: Buffer): string | undefined {
    this.#input.answered(data.length);
    this.#ssh.saw('target', data);
    const fault = this.#files.fromTarget(data);
    if (!this.#deps.masked) this.#deps.record('target', this.#files.recordable(data));
    return fault;
  }

  fromErrors(data: Buffer): string | undefined {
    return this.#files.fromErrors(data);
  }

  end(): void {
    this.#files.end();
  }

  /** For the lane, with what masks have to say. */
  closing(masks: string | undefined): { readonly recorded: 'full' | 'partial'; readonly note?: string } {
    const { leftOut, note } = this.#files;
    const unread = note !== undefined || this.#input.note !== undefined;
    const encrypted = this.#ssh.spoken ? ENCRYPTED : undefined;
    const notes = [encrypted, leftOut, note, this.#input.note, masks].filter((one) => one !== undefined);
    return {
      recorded: leftOut !== undefined || (unread && this.hidden) ? 'partial' : 'full',
      ...(notes.length > 0 && { note: notes.join('; ') }),
    };
  }
}
