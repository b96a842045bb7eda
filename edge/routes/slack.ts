// POST /slack/interactions: what Slack sends when somebody clicks. Believed for its signature alone,
// once, and within five minutes.

import type { Hono } from 'hono';
import { Interaction, interact, type InteractionDeps } from '../approvals/slack-interactions.ts';
import { checkSlackSignature, SIGNATURE_WINDOW_MS } from '../approvals/slack-signature.ts';
import type { Secret } from '../../core/secret.ts';
import type { Clock } from '../clock.ts';
import { httpError } from '../http-errors.ts';
import { SLACK_PATH } from '../paths.ts';

/** Slack's payloads carry the message that was clicked: ours have a few kilobytes. */
const MAX_BODY_BYTES = 128 * 1024;

export interface SlackRouteDeps {
  readonly interactions: Omit<InteractionDeps, 'gatehouse'>;
  readonly signingSecret: Secret<string>;
  readonly clock: Clock;
}

export function slackRoutes(app: Hono, deps: SlackRouteDeps & Pick<InteractionDeps, 'gatehouse'>): void {
  app.post(SLACK_PATH, async (c) => {
    const body = await readBody(c.req.raw);
    if (!body) return httpError('too_large', `A body has at most ${MAX_BODY_BYTES} bytes.`);
    const now = deps.clock.now();
    const signature = await checkSlackSignature(c.req.raw.headers, body, deps.signingSecret, now);
    if (!signature.ok) {
      console.error(`slack: an interaction was refused: ${signature.error}`);
      return httpError('unauthorized', 'This did not come from Slack, or too late.');
    }
    // A timestamp may be a window ahead of us, and then stays good for two.
    const first = await deps.interactions.useCases.directory.burn(
      `slack ${signature.value}`,
      now + 2 * SIGNATURE_WINDOW_MS + 60_000,
    );
    if (!first) return c.body(null, 200);
    const payload = new URLSearchParams(new TextDecoder().decode(body)).get('payload');
    const interaction = Interaction.safeParse(jsonOf(payload ?? ''));
    // A kind that we did not ask for (a shortcut, a closed form) is acknowledged and means nothing.
    if (!interaction.success) return c.body(null, 200);
    const answer = await interact({ ...deps.interactions, gatehouse: deps.gatehouse }, interaction.data);
    if (answer === false) return httpError('unavailable', 'Slack could not be asked who this is.');
    return answer === undefined ? c.body(null, 200) : c.json(answer, 200);
  });
}

/** undefined: too much. Counts what comes, whatever its length was said to be. */
async function readBody(request: Request): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (Number(request.headers.get('content-length') ?? '0') > MAX_BODY_BYTES) return undefined;
  const chunks: Uint8Array[] = [];
  let total = 0;
  const reader = request.body?.getReader();
  for (; reader; ) {
    const { done, value } = await reader.read();
    if (done) break;
    total += value.byteLength;
    if (total > MAX_BODY_BYTES) {
      await reader.cancel();
      return undefined;
    }
    chunks.push(value);
  }
  const body = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.byteLength;
  }
  return body;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
