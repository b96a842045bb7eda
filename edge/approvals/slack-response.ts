// A click's `response_url`: the one way to change a message of an incoming webhook, or to answer
// somebody alone where there is no bot. Good for 30 minutes and five uses.
// https://docs.slack.dev/interactivity/handling-user-interaction#message_responses

import { secret } from '../../core/secret.ts';
import type { ResponsePlace } from '../ports/approval.ts';
import { type Posted, post } from './post.ts';

/** A minute less than Slack gives. */
const GOOD_FOR_MS = 29 * 60_000;
const USES = 5;
/** One is for answering whoever clicked. */
const KEPT_FOR_UPDATES = USES - 1;

const SLACK_ORIGINS = ['https://hooks.slack.com', 'https://hooks.slack-gov.com'];

/**
 * Payloads are signed, and still no address in one is called unless it is Slack's own. `others`: the
 * addresses from the settings, for Slacks that stand elsewhere.
 */
export function responsePlaceOf(
  url: string | undefined,
  now: number,
  others: readonly string[],
): ResponsePlace | undefined {
  if (url === undefined || !URL.canParse(url)) return undefined;
  const { origin, username, password } = new URL(url);
  if (username !== '' || password !== '') return undefined;
  if (![...SLACK_ORIGINS, ...others].includes(origin)) return undefined;
  return { responseUrl: url, untilMs: now + GOOD_FOR_MS, uses: KEPT_FOR_UPDATES };
}

export const isUsable = (place: ResponsePlace, now: number): boolean => place.uses > 0 && now < place.untilMs;

/** Puts another message in the place of the one that was clicked. */
export const replaceMessage = (
  place: ResponsePlace,
  message: { text: string; blocks: readonly object[] },
): Promise<Posted> => send(place, { replace_original: true, text: message.text, blocks: message.blocks });

/** Shown to whoever clicked, and to nobody else. */
export const answerAlone = (place: ResponsePlace, text: string, withinMs: number): Promise<Posted> =>
  send(place, { response_type: 'ephemeral', replace_original: false, text }, withinMs);

const send = (place: ResponsePlace, body: object, withinMs?: number): Promise<Posted> =>
  post(
    secret(place.responseUrl),
    JSON.stringify(body),
    { 'content-type': 'application/json; charset=utf-8' },
    withinMs,
  );
