// Slack: with a bot token one message for each request, kept as it stands by chat.update; where the
// bot cannot post, or there is none, an incoming webhook, which can only say more.

import type { Secret } from '../../core/secret.ts';
import type { Delivery, Notice, NoticeContext, NoticeKind, Notifier } from './notifier.ts';
import { post } from './post.ts';
import type { SlackApi, SlackFault } from './slack-api.ts';
import { messageOf } from './slack-messages.ts';

export interface SlackSettings {
  readonly api: SlackApi | undefined;
  readonly channel: string;
  readonly webhook: Secret<string> | undefined;
  /** Clicks can be checked. */
  readonly signed: boolean;
}

/** Where the request's message stands. */
interface Place {
  readonly channel: string;
  readonly ts: string;
}

/** Not the message's fault and likely to pass: tried again at the same place. All else goes to the webhook if there is one. */
const PASSING =
  /^(rate_?limited|status_(429|5\d\d)|no_answer_in_time|unreachable|internal_error|fatal_error|service_unavailable|request_timeout|team_added_to_org|answer_not_understood)$/;
/** The message cannot be changed any more, so a new one says it. */
const GONE = /^(message_not_found|cant_update_message|edit_window_closed|channel_not_found|is_inactive)$/;
const TOLD_BY_WEBHOOK: ReadonlySet<NoticeKind> = new Set<NoticeKind>([
  'asked',
  'glass_broken',
  'approved',
  'denied',
  'withdrawn',
  'expired',
  'expiring',
  'reviewed',
]);

export function slackNotifier(settings: SlackSettings): Notifier {
  const { api, channel, webhook, signed } = settings;

  const byWebhook = async (url: Secret<string>, { kind, approval }: Notice, link: string): Promise<Delivery> => {
    if (!TOLD_BY_WEBHOOK.has(kind)) return { kind: 'delivered' };
    const message = messageOf(kind, approval, { link, buttons: false });
    const { text, blocks } = message;
    const posted = await post(url, JSON.stringify({ text, blocks }), { 'content-type': 'application/json' });
    return posted.ok ? { kind: 'delivered' } : { kind: 'failed', ...posted };
  };

  const failed = (fault: SlackFault): Delivery => ({
    kind: 'failed',
    reason: fault.reason,
    ...(fault.afterMs !== undefined && { afterMs: fault.afterMs }),
  });

  const byBot = async (bot: SlackApi, notice: Notice, { current, link, memory }: NoticeContext) => {
    // What the message says is the same before and after.
    if (notice.kind === 'claimed') return undefined;
    const place = placeOf(memory);
    if (notice.kind === 'expiring') {
      // Too late to warn of.
      if (current.state !== 'pending') return undefined;
      const { text } = messageOf('expiring', current, { link, buttons: false });
      const thread = place && { thread_ts: place.ts, reply_broadcast: true };
      const said = await bot.postMessage({ channel: place?.channel ?? channel, text, ...thread });
      return said.ok ? undefined : said.error;
    }
    const message = messageOf(notice.kind, current, { link, buttons: signed });
    if (place) {
      const updated = await bot.updateMessage({ ...message, ...place });
      if (updated.ok) return undefined;
      if (!GONE.test(updated.error.reason)) return updated.error;
    }
    const posted = await bot.postMessage({ ...message, channel });
    return posted.ok ? { channel: posted.value.channel, ts: posted.value.ts } : posted.error;
  };

  return {
    name: 'slack',
    async deliver(notice, context): Promise<Delivery> {
      if (api) {
        const done = await byBot(api, notice, context);
        if (done === undefined) return { kind: 'delivered' };
        if ('ts' in done) return { kind: 'delivered', memory: JSON.stringify(done) };
        if (!webhook || PASSING.test(done.reason)) return failed(done);
        console.error(`slack: the bot cannot say it (${done.reason}), so the webhook does`);
      }
      return webhook ? byWebhook(webhook, notice, context.link) : { kind: 'delivered' };
    },
  };
}

function placeOf(memory: string | undefined): Place | undefined {
  return memory === undefined ? undefined : (JSON.parse(memory) as Place);
}
