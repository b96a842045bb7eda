// Rendered exports on one machine: runs in this process, as many at once as have their turn, and links to a route of its own.

import { Hono } from 'hono';
import type { CatalogueTable } from '../catalogue-table/table.ts';
import { nodeRecordingPlatform } from '../recording-platform.ts';
import { LOCAL_BOUNDS } from '../rendered/bounds.ts';
import { directoryRenderedStore } from '../rendered/directory-rendered-store.ts';
import { mayBeTooLarge, type Rendering } from '../rendered/in-parts.ts';
import { recordingOf } from '../rendered/job.ts';
import { PART_BYTES, render } from '../rendered/render.ts';
import { renderQueue } from '../rendered/render-queue.ts';
import type { RecordingReader } from '../store/recording-reader.ts';

interface LocalRenderingOptions {
  /** Where search segments are kept too. */
  readonly directory: string;
  /** Without a slash at its end; of this process. */
  readonly origin: () => string;
  readonly failed: (error: unknown) => void;
  /** Instead of what a function can answer. */
  readonly isLarge?: Rendering['isLarge'] | undefined;
  readonly partBytes?: number | undefined;
}

export function localRendering(
  { directory, origin, failed, isLarge = mayBeTooLarge, partBytes = PART_BYTES }: LocalRenderingOptions,
  reader: RecordingReader,
  table: CatalogueTable,
) {
  const store = directoryRenderedStore(directory, origin);
  const open = recordingOf(reader, nodeRecordingPlatform);
  const running = new Map<string, Promise<void>>();
  let closed = false;
  const rendering: Rendering = {
    store,
    turn: renderQueue({ table, store, now: Date.now, bounds: LOCAL_BOUNDS }),
    isLarge,
    now: Date.now,
    async start(job) {
      const { key } = job.place;
      if (closed || running.has(key)) return;
      const untilMs = () => (closed ? 0 : Number.POSITIVE_INFINITY);
      const run = render(job, { store, table, open, now: Date.now, untilMs, partBytes })
        .then(() => undefined, failed)
        .finally(() => running.delete(key));
      running.set(key, run);
    },
  };
  const links = new Hono();
  // Whoever has the link may have the part: whom it was given to was asked before.
  links.get('/rendered/*', async (c) => {
    const part = await store.open(new URL(c.req.url), Date.now());
    if (!part) return c.text('This link is over. Ask for the export again.\n', 403);
    return c.body(part.body, 200, {
      'content-type': 'application/octet-stream',
      'content-length': String(part.bytes),
      'content-disposition': `attachment; filename="${part.fileName}"`,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
  });
  return {
    rendering,
    links,
    async close() {
      closed = true;
      await Promise.all(running.values());
    },
  };
}
