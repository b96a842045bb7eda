// Slack's Web API, as far as approvals need it: JSON in, `{ "ok": true, ... }` or `{ "ok": false,
// "error": "..." }` out with status 200, and 429 with Retry-After when it is too much.
// https://docs.slack.dev/apis/web-api

import { z } from 'zod';
import { err, ok, type Result } from '../../core/result.ts';
import { type Secret, secret } from '../../core/secret.ts';
import { post } from './post.ts';

export interface SlackFault {
  /** Slack's own word (`channel_not_found`), or ours for what never reached it. */
  readonly reason: string;
  readonly afterMs?: number;
}

const Answer = z.looseObject({ ok: z.boolean(), error: z.string().max(200).optional() });

const Posted = z.object({ channel: z.string().max(100), ts: z.string().max(100) });

const UserInfo = z.object({
  user: z.object({
    team_id: z.string().optional(),
    deleted: z.boolean().optional(),
    is_bot: z.boolean().optional(),
    /** From another organisation, through Slack Connect. */
    is_stranger: z.boolean().optional(),
    is_email_confirmed: z.boolean().optional(),
    profile: z.object({ email: z.string().max(254).optional() }),
  }),
});
export type SlackUser = z.infer<typeof UserInfo>['user'];

/** Calls that a person's click waits for: Slack shows an error after three seconds. */
const INTERACTIVE_WITHIN_MS = 2_000;

export class SlackApi {
  readonly #base: string;
  readonly #token: Secret<string>;

  constructor(base: string, token: Secret<string>) {
    this.#base = base;
    this.#token = token;
  }

  postMessage(message: object): Promise<Result<{ channel: string; ts: string }, SlackFault>> {
    return this.#call('chat.postMessage', message, Posted);
  }

  updateMessage(message: object): Promise<Result<{ channel: string; ts: string }, SlackFault>> {
    return this.#call('chat.update', message, Posted);
  }

  /** Shown to one person alone. */
  postEphemeral(message: object): Promise<Result<object, SlackFault>> {
    return this.#call('chat.postEphemeral', message, z.object({}), INTERACTIVE_WITHIN_MS);
  }

  /** `trigger` is good for three seconds and once. */
  openView(trigger: string, view: object): Promise<Result<object, SlackFault>> {
    return this.#call('views.open', { trigger_id: trigger, view }, z.object({}), INTERACTIVE_WITHIN_MS);
  }

  /** users.info takes no JSON: a form. */
  async user(id: string): Promise<Result<SlackUser, SlackFault>> {
    const form = new URLSearchParams({ user: id }).toString();
    const found = await this.#send(
      'users.info',
      form,
      'application/x-www-form-urlencoded',
      UserInfo,
      INTERACTIVE_WITHIN_MS,
    );
    return found.ok ? ok(found.value.user) : found;
  }

  #call<S extends z.ZodType>(method: string, body: object, schema: S, withinMs?: number) {
    return this.#send(method, JSON.stringify(body), 'application/json; charset=utf-8', schema, withinMs);
  }

  async #send<S extends z.ZodType>(
    method: string,
    body: string,
    type: string,
    schema: S,
    withinMs?: number,
  ): Promise<Result<z.output<S>, SlackFault>> {
    const headers = { 'content-type': type, authorization: `Bearer ${this.#token.reveal()}` };
    const posted = await post(secret(`${this.#base}/${method}`), body, headers, withinMs);
    if (!posted.ok)
      return err({ reason: posted.reason, ...(posted.afterMs !== undefined && { afterMs: posted.afterMs }) });
    const answer = Answer.safeParse(jsonOf(posted.body));
    if (!answer.success) return err({ reason: 'answer_not_understood' });
    if (!answer.data.ok)
      return err({ reason: /^[a-z0-9_]{1,100}$/.exec(answer.data.error ?? '')?.[0] ?? 'unknown_error' });
    const parsed = schema.safeParse(answer.data);
    return parsed.success ? ok(parsed.data) : err({ reason: 'answer_not_understood' });
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
