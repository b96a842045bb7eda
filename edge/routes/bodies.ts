// Answers that are bytes and no JSON.

import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { type ApiEnv, FAILURES } from './api.ts';

export const bytes = (type: string, description: string) => ({
  200: { description, content: { [type]: { schema: z.any() } } },
  ...FAILURES,
});

/**
 * Recorded data is never ours to run: an export opens as a download, and if somebody shows it in
 * the browser all the same, in an origin of its own without scripts.
 */
export function stream(c: Context<ApiEnv>, body: ReadableStream<Uint8Array>, contentType: string, fileName?: string) {
  c.header('content-type', contentType);
  c.header('content-security-policy', "sandbox; default-src 'none'; style-src 'unsafe-inline'");
  if (fileName !== undefined) c.header('content-disposition', `attachment; filename="${fileName}"`);
  return c.body(body, 200);
}
