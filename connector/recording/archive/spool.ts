// What the archiver keeps on disk between the log and the store, so that a retry, also one after a
// crash, sends the very same bytes.
//
//   sessions/SESSION/00000003.seg   made, not confirmed yet; also manifest.json, and 00000003.original beside its segment
//   sessions/SESSION/journal        a JSON line for each confirmed segment
//   done                            a line for each finished session that the log still knows
//   reserve                         room for when the disk is full (disk-reserve.ts)
//
// A file appears by rename when it is whole and durable. A segment's line is durable before its file
// goes. A session's line in `done` is durable before its folder goes.

import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { SessionId } from '../../../core/ids.ts';
import { ManifestSegment } from '../../../core/recording/manifest.ts';
import { originalName } from '../../../core/recording/segment.ts';
import { TallyState } from '../../../core/recording/tally.ts';
import { DiskReserve } from './disk-reserve.ts';

export const JournalLine = z.object({
  segment: ManifestSegment,
  /** Up to and with this segment; `opened` stands in the first line only. */
  tally: TallyState,
  /** Frames of the log that could not be read. */
  lost: z.number().int(),
});
export type JournalLine = z.infer<typeof JournalLine>;

export class Spool {
  readonly #sessions: string;
  readonly #doneFile: string;
  readonly reserve: DiskReserve;
  /** Finished sessions, with the newest log file that can hold frames of them. */
  readonly #done = new Map<SessionId, number>();
  #doneHandle: FileHandle | undefined;
  /** Writes to `done`, one after the other. */
  #doneWrites: Promise<void> = Promise.resolve();

  constructor(directory: string) {
    this.#sessions = join(directory, 'sessions');
    this.#doneFile = join(directory, 'done');
    this.reserve = new DiskReserve(join(directory, 'reserve'));
  }

  async open(): Promise<void> {
    await mkdir(this.#sessions, { recursive: true, mode: 0o700 });
    await this.reserve.fill();
    const text = await readFile(this.#doneFile, 'utf8').catch(absent(''));
    for (const line of text.split('\n')) {
      const [id, file] = line.split(' ');
      const session = SessionId.safeParse(id);
      if (session.success && file) this.#done.set(session.data, Number(file));
    }
  }

  async listSessions(): Promise<SessionId[]> {
    const names = await readdir(this.#sessions);
    return names.flatMap((name) => SessionId.safeParse(name).data ?? []);
  }

  /** Confirmed segments, in order. A line torn by a crash is no line: its segment's file is still there. */
  async journal(session: SessionId): Promise<JournalLine[]> {
    const text = await readFile(this.#path(session, 'journal'), 'utf8').catch(absent(''));
    const lines: JournalLine[] = [];
    for (const line of text.split('\n')) {
      const parsed = parseLine(line);
      if (parsed?.segment.number === lines.length) lines.push(parsed);
    }
    return lines;
  }

  /** Names of whole files; leftovers of a crash are removed. */
  async files(session: SessionId): Promise<string[]> {
    const names = await readdir(join(this.#sessions, session));
    for (const name of names) if (name.endsWith('.part')) await unlink(this.#path(session, name));
    return names.filter((name) => /^\d{8}\.(seg|original)$|^manifest\.json$/.test(name)).sort();
  }

  read(session: SessionId, name: string): Promise<Buffer> {
    return readFile(this.#path(session, name));
  }

  /** Resolves when the file is whole, durable and in place. */
  write(session: SessionId, name: string, bytes: Uint8Array): Promise<void> {
    return this.reserve.use(() => this.#write(session, name, bytes));
  }

  async #write(session: SessionId, name: string, bytes: Uint8Array): Promise<void> {
    const folder = join(this.#sessions, session);
    const created = await mkdir(folder, { recursive: true, mode: 0o700 });
    const part = join(folder, `${name}.part`);
    await writeDurably(part, bytes);
    await rename(part, join(folder, name));
    await syncFolder(folder);
    if (created) await syncFolder(this.#sessions);
  }

  /** The segment is stored, and before it what is kept beside it: its line becomes durable, then its files go. */
  async confirmed(session: SessionId, name: string, line: JournalLine): Promise<void> {
    await this.reserve.use(async () => {
      const handle = await open(this.#path(session, 'journal'), 'a', 0o600);
      try {
        // The line break before it ends what a full disk may have left of an earlier try.
        await handle.appendFile(`\n${JSON.stringify(line)}\n`);
        await handle.datasync();
      } finally {
        await handle.close();
      }
    });
    await this.remove(session, name);
    if (line.segment.original) await this.remove(session, originalName(line.segment.number));
  }

  async remove(session: SessionId, name: string): Promise<void> {
    await unlink(this.#path(session, name)).catch(absent(undefined));
  }

  isDone(session: SessionId): boolean {
    return this.#done.has(session);
  }

  /** The manifest is stored. `lastFile`: the newest log file that can hold frames of this session. */
  async finished(session: SessionId, lastFile: number): Promise<void> {
    await this.#writeDone(async () => {
      this.#doneHandle ??= await open(this.#doneFile, 'a', 0o600);
      await this.#doneHandle.appendFile(`\n${session} ${lastFile}\n`);
      await this.#doneHandle.datasync();
      this.#done.set(session, lastFile);
    });
    await this.discard(session);
  }

  async discard(session: SessionId): Promise<void> {
    await rm(join(this.#sessions, session), { recursive: true, force: true });
  }

  /** Log files before `oldest` are gone, and so is the need to know which of their sessions are finished. */
  async forgetDone(oldest: number): Promise<void> {
    await this.#writeDone(async () => {
      const before = this.#done.size;
      for (const [session, lastFile] of this.#done) if (lastFile < oldest) this.#done.delete(session);
      if (this.#done.size === before) return;
      await this.#doneHandle?.close();
      this.#doneHandle = undefined;
      const lines = [...this.#done].map(([session, file]) => `${session} ${file}\n`);
      await writeDurably(`${this.#doneFile}.part`, Buffer.from(lines.join('')));
      await rename(`${this.#doneFile}.part`, this.#doneFile);
    });
  }

  async close(): Promise<void> {
    await this.#doneWrites;
    await this.#doneHandle?.close();
    this.#doneHandle = undefined;
  }

  /** Rejects when the write does; the next one is tried all the same. */
  #writeDone(write: () => Promise<void>): Promise<void> {
    const done = this.#doneWrites.then(() => this.reserve.use(write));
    this.#doneWrites = done.catch(() => undefined);
    return done;
  }

  #path(session: SessionId, name: string): string {
    return join(this.#sessions, session, name);
  }
}

function parseLine(line: string): JournalLine | undefined {
  try {
    return JournalLine.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(path, 'w', 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const absent =
  <T>(value: T) =>
  (error: NodeJS.ErrnoException): T => {
    if (error.code === 'ENOENT') return value;
    throw error;
  };
