// Rendered exports in a directory: what `npm start` uses in S3's place. A link is the functions' own address with a signature.

import { createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { SessionId } from '../../core/ids.ts';
import { RENDERED_PREFIX } from '../../core/retention/rendered.ts';
import { RetriableFault } from '../faults.ts';
import { type RenderedPlace, RenderedPlace as Place, renderedKeyOf, type RenderedStore } from './rendered-store.ts';

interface LinkedPart {
  readonly bytes: number;
  readonly fileName: string;
  readonly body: ReadableStream<Uint8Array>;
}

export interface DirectoryRenderedStore extends RenderedStore {
  /** What a link opens; undefined: it is none of this process's, is over, or its part is gone. */
  open(url: URL, nowMs: number): Promise<LinkedPart | undefined>;
}

/** `origin`: of the addresses of links, once it is known. */
export function directoryRenderedStore(root: string, origin: () => string): DirectoryRenderedStore {
  // Of this process: links end with it.
  const secret = randomBytes(32);
  const signatureOf = (path: string, until: string, name: string) =>
    createHmac('sha256', secret).update(`${path}\n${until}\n${name}`).digest();
  const folderOf = (session: SessionId) => join(root, RENDERED_PREFIX, session);
  return {
    async put(place, name, bytes) {
      const path = join(root, renderedKeyOf(place, name));
      const whole = join(root, `.part-${randomUUID()}`);
      await answered(async () => {
        await mkdir(dirname(path), { recursive: true });
        await writeFile(whole, bytes, { mode: 0o600, flush: true });
        await rename(whole, path).finally(() => rm(whole, { force: true }));
      });
    },
    async get(place, name) {
      const bytes = await orAbsent(readFile(join(root, renderedKeyOf(place, name))));
      return bytes && new Uint8Array(bytes);
    },
    async remove(session) {
      await answered(() => rm(folderOf(session), { recursive: true, force: true }));
    },
    async *sessions() {
      for (const name of ((await orAbsent(readdir(join(root, RENDERED_PREFIX)))) ?? []).sort()) {
        const session = SessionId.safeParse(name);
        if (!session.success) continue;
        let oldestMs = Infinity;
        const files = (await orAbsent(readdir(folderOf(session.data), { recursive: true }))) ?? [];
        for (const file of files) {
          const entry = await orAbsent(stat(join(folderOf(session.data), file)));
          if (entry?.isFile()) oldestMs = Math.min(oldestMs, entry.mtimeMs);
        }
        yield { session: session.data, oldestMs };
      }
    },
    async link(place, part, fileName, untilMs) {
      const path = `/${renderedKeyOf(place, part)}`;
      const url = new URL(path, origin());
      const signature = signatureOf(path, String(untilMs), fileName).toString('base64url');
      url.search = String(new URLSearchParams({ until: String(untilMs), name: fileName, signature }));
      return url.href;
    },
    async open({ pathname, searchParams }, nowMs) {
      const [until, fileName, shown] = ['until', 'name', 'signature'].map((name) => searchParams.get(name) ?? '');
      if (until === undefined || fileName === undefined || shown === undefined) return undefined;
      const given = Buffer.from(shown, 'base64url');
      const wanted = signatureOf(pathname, until, fileName);
      if (given.length !== wanted.length || !timingSafeEqual(given, wanted) || nowMs > Number(until)) return undefined;
      const place = placeIn(pathname);
      const path = place && join(root, renderedKeyOf(place, Number(pathname.slice(-6))));
      const entry = path === undefined ? undefined : await orAbsent(stat(path));
      if (path === undefined || !entry?.isFile()) return undefined;
      const body = Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>;
      return { bytes: entry.size, fileName, body };
    },
  };
}

function placeIn(pathname: string): RenderedPlace | undefined {
  const [, , session, key, part] = pathname.split('/');
  const place = Place.safeParse({ session, key });
  return place.success && /^\d{6}$/.test(part ?? '') ? place.data : undefined;
}

async function orAbsent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw away(cause);
  }
}

async function answered(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    throw away(cause);
  }
}

const away = (cause: unknown) =>
  new RetriableFault(`the directory of rendered exports does not answer: ${(cause as NodeJS.ErrnoException).code}`, {
    cause,
  });
