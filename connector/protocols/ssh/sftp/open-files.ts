// The files that are open over one SFTP channel, by handle and by name: what is done to one by its name, or by another
// handle, changes it under whoever reads or writes it. Names are compared as they are asked for, apart from `//` and `/./`:
// what a link or `..` leads to is known to the target alone.

import type { FileFlag, FileRequest, SentPath } from './messages.ts';
import type { Transfer } from './transfer.ts';

/** A file or directory that the target gave a handle for. */
export interface OpenFile {
  readonly kind: 'file' | 'directory';
  readonly action: number;
  readonly path: SentPath;
  readonly flags: readonly FileFlag[];
  readonly sinceUs: number;
  readonly upload: Transfer;
  readonly download: Transfer;
  readonly changes: ChangesOf;
  /** Its handle may be another's from here on. */
  closing: boolean;
  told: boolean;
}

/** All that is open by one name. */
export interface Named {
  readonly name: string;
  files: number;
  /** That were done to it, by whoever. */
  done: number;
  /** That were asked for and not answered. */
  asked: number;
}

/** To one file, apart from those of its own handle. */
interface ChangesOf {
  readonly named: Named;
  /** Of `named.done`: before it was opened, and by itself. */
  known: number;
  /** Of `named.asked`: its own. */
  asked: number;
}

export class OpenFiles {
  readonly #byHandle = new Map<string, OpenFile>();
  readonly #byName = new Map<string, Named>();

  get size(): number {
    return this.#byHandle.size;
  }

  get(handle: string): OpenFile | undefined {
    return this.#byHandle.get(handle);
  }

  all(): Iterable<OpenFile> {
    return this.#byHandle.values();
  }

  /** Of one that is opened now. `emptied`: by that. */
  changesOf(path: SentPath, emptied: boolean): ChangesOf {
    const name = nameOf(path);
    const named = this.#byName.get(name) ?? { name, files: 0, done: 0, asked: 0 };
    this.#byName.set(name, named);
    named.files++;
    if (emptied) named.done++;
    return { named, known: named.done, asked: 0 };
  }

  add(handle: string, file: OpenFile): void {
    this.#byHandle.set(handle, file);
  }

  /** Nothing if the handle is another's by now. */
  delete(handle: string, file: OpenFile): void {
    if (this.#byHandle.get(handle) === file) this.#byHandle.delete(handle);
  }

  /** Nothing more is asked about it. Gives whether something else than its own handle may have changed it. */
  leave({ named, known, asked }: ChangesOf): boolean {
    named.files--;
    if (named.files === 0 && this.#byName.get(named.name) === named) this.#byName.delete(named.name);
    return named.done > known || named.asked > asked;
  }

  /** Undefined: nobody has it open. */
  named(path: SentPath | undefined): Named | undefined {
    return path && this.#byName.get(nameOf(path));
  }

  /** `below` too, of a directory that has another name now. */
  changed(path: SentPath, below: boolean): void {
    const name = nameOf(path);
    const own = this.#byName.get(name);
    if (own) own.done++;
    if (!below) return;
    for (const named of this.#byName.values()) if (named.name.startsWith(`${name}/`)) named.done++;
  }
}

/** A character a byte. */
const nameOf = ({ bytes }: SentPath): string =>
  bytes
    .toString('latin1')
    .replace(/\/(?:\.?\/)+/g, '/')
    .replace(/^(?:\.\/)+(?=.)|(?<=.)\/\.?$/g, '');

/** That a request changes. `file`: of its handle. */
export const namesIn = (request: FileRequest, file: OpenFile | undefined): readonly SentPath[] => [
  ...('path' in request ? [request.path] : file ? [file.path] : []),
  ...('to' in request && request.to ? [request.to] : []),
];
