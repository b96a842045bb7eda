// The Worker as one file: what wrangler.toml says of it, its script and its assets. Made when the stacks are synthesised, read by the
// function that uploads it.

import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { z } from 'zod';

const Migration = z.strictObject({
  tag: z.string().min(1),
  new_classes: z.array(z.string()).optional(),
  new_sqlite_classes: z.array(z.string()).optional(),
  deleted_classes: z.array(z.string()).optional(),
  renamed_classes: z.array(z.strictObject({ from: z.string(), to: z.string() })).optional(),
  transferred_classes: z
    .array(z.strictObject({ from: z.string(), from_script: z.string(), to: z.string() }))
    .optional(),
});
export type Migration = z.infer<typeof Migration>;

const WorkerBundle = z.strictObject({
  name: z.string().min(1),
  compatibilityDate: z.string(),
  compatibilityFlags: z.array(z.string()),
  durableObjects: z.array(z.strictObject({ name: z.string(), className: z.string() })),
  /** When running Durable Objects get new code; `max_delay` in seconds. */
  codeUpdate: z.strictObject({ mode: z.enum(['immediate', 'deferred']), max_delay: z.number().optional() }),
  /** Oldest first, as they are applied. */
  migrations: z.array(Migration),
  /** Text bindings that everybody may see. */
  vars: z.record(z.string(), z.string()),
  crons: z.array(z.string()),
  observability: z.boolean(),
  /** ES module. */
  script: z.string(),
  assets: z
    .strictObject({
      binding: z.string(),
      runWorkerFirst: z.boolean(),
      files: z.array(z.strictObject({ path: z.string(), type: z.string().nullable(), base64: z.string() })),
    })
    .optional(),
});
export type WorkerBundle = z.infer<typeof WorkerBundle>;

export const encodeWorkerBundle = (bundle: WorkerBundle): Uint8Array => zstdCompressSync(JSON.stringify(bundle));

/** Throws where it is none. */
export const decodeWorkerBundle = (bytes: Uint8Array): WorkerBundle =>
  WorkerBundle.parse(JSON.parse(zstdDecompressSync(bytes).toString('utf8')));
