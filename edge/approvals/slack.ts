// Slack: with a bot token one message for each request, kept as it stands by chat.update. Where the
// bot cannot post, or there is none, an incoming webhook: its message changes in place as long as a
// click on it gave an address to change it at, else another one says more.

import type { Secret } from '../../core/secret.ts';
import { ResponsePlace } from '../ports/approval.ts';
import type { NoticeDelivery, Notice, NoticeContext, NoticeKind, Notifier } from './notifier.ts';
import { post } from './post.ts';
import type { SlackApi, SlackFault } from './slack-api.ts';
import { slackMessageOf } from './slack-messages.ts';
import { isUsable, replaceMessage } from './slack-response.ts';

interface SlackSettings {
  readonly api: SlackApi | undefined;
  readonly channel: string;
  readonly webhook: Secret<string> | undefined;
  /** Clicks can be checked. */
  readonly signed: boolean;
  readonly now: () => number;
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
  const { api, channel, webhook, signed, now } = settings;
  // Without a bot nobody can be asked for a reason, so Deny asks whether it is meant.
  const options = (link: string) => ({ link, buttons: signed, form: api !== undefined });

  const byWebhook = async (url: Secret<string>, notice: Notice, context: NoticeContext): Promise<NoticeDelivery> => {
    const { kind, approval } = notice;
    const replaced = await inPlace(notice, context);
    if (replaced) return replaced;
    if (!TOLD_BY_WEBHOOK.has(kind)) return { kind: 'delivered' };
    // What is said anew is said as it was then; buttons only as long as they are of use.
    const { text, blocks } = slackMessageOf(kind, context.current.state === 'pending' ? approval : context.current, {
      ...options(context.link),
    });
    const posted = await post(url, JSON.stringify({ text, blocks }), { 'content-type': 'application/json' });
    return posted.ok ? { kind: 'delivered' } : { kind: 'failed', ...posted };
  };

  /** undefined: there is no message to change, or not any more. */
  const inPlace = async (
    { kind }: Notice,
    { current, link, memory }: NoticeContext,
  ): Promise<NoticeDelivery | undefined> => {
    const place = responseOf(memory);
    if (!place || kind === 'expiring' || !isUsable(place, now())) return undefined;
    const posted = await replaceMessage(place, slackMessageOf(kind, current, options(link)));
    if (posted.ok) {
      return { kind: 'delivered', memory: JSON.stringify({ ...place, uses: place.uses - 1 } satisfies ResponsePlace) };
    }
    return PASSING.test(posted.reason) ? { kind: 'failed', ...posted } : undefined;
  };

  const failed = (fault: SlackFault): NoticeDelivery => ({
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
      const { text } = slackMessageOf('expiring', current, { ...options(link), buttons: false });
      const thread = place && { thread_ts: place.ts, reply_broadcast: true };
      const said = await bot.postMessage({ channel: place?.channel ?? channel, text, ...thread });
      return said.ok ? undefined : said.error;
    }
    const message = slackMessageOf(notice.kind, current, options(link));
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
    async deliver(notice, context): Promise<NoticeDelivery> {
      if (api) {
        const done = await byBot(api, notice, context);
        if (done === undefined) return { kind: 'delivered' };
        if ('ts' in done) return { kind: 'delivered', memory: JSON.stringify(done) };
        if (!webhook || PASSING.test(done.reason)) return failed(done);
        console.error(`slack: the bot cannot say it (${done.reason}), so the webhook does`);
      }
      return webhook ? byWebhook(webhook, notice, context) : { kind: 'delivered' };
    },
  };
}

/** Of a message that the bot posted. */
function placeOf(memory: string | undefined): Place | undefined {
  const place: unknown = memory === undefined ? undefined : JSON.parse(memory);
  return typeof place === 'object' && place !== null && 'ts' in place ? (place as Place) : undefined;
}

/** Of a webhook's message that somebody clicked. */
function responseOf(memory: string | undefined): ResponsePlace | undefined {
  return memory === undefined ? undefined : ResponsePlace.safeParse(JSON.parse(memory)).data;
}
