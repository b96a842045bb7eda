// What a request looks like in Slack (Block Kit). What people wrote is `plain_text`, which Slack does
// not interpret; the fallback `text` is mrkdwn and is escaped.
//
// Sizes are Slack's: 150 characters in a header, 3000 in a section's text, 255 in an action id.

import { type Approval, type HeldSubject, isHeld } from '../../core/approval/approval.ts';
import type { NoticeKind } from './notifier.ts';
import { onLines } from '../../core/text/written-text.ts';
import { factsOf, outcome, textFactOf, requestTitleOf, wholeCharacters } from './words.ts';

export const APPROVE_ACTION = 'gatehouse_approve';
export const DENY_ACTION = 'gatehouse_deny';
const OPEN_ACTION = 'gatehouse_open';
export const DENY_VIEW = 'gatehouse_deny_reason';
export const REASON_BLOCK = 'reason';
export const REASON_ACTION = 'text';

const MAX_HEADER = 150;
const MAX_TEXT = 3000;

/** https://docs.slack.dev/messaging/formatting-message-text#escaping */
export const escapeMrkdwn = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const plain = (text: string, most = MAX_TEXT) => ({
  type: 'plain_text',
  text: text.length > most ? `${wholeCharacters(text, most - 1)}…` : text,
  emoji: false,
});

interface MessageOptions {
  readonly link: string;
  /** Whether a click can be checked: there is a signing secret. */
  readonly buttons: boolean;
  /** Whether Deny can ask for its reason; else it asks whether it is meant. */
  readonly form: boolean;
}

/** `{ text, blocks }` of chat.postMessage, chat.update and incoming webhooks. */
export function slackMessageOf(kind: NoticeKind, approval: Approval, { link, buttons, form }: MessageOptions) {
  const title = requestTitleOf(kind, approval);
  const status = kind === 'expiring' ? 'Expires soon, and nobody has decided' : outcome(approval);
  const loud = kind === 'glass_broken';
  const open = { type: 'button', action_id: OPEN_ACTION, text: plain('Open in Gatehouse', 75), url: link };
  const decide = [
    { type: 'button', action_id: APPROVE_ACTION, style: 'primary', text: plain('Approve', 75), value: approval.id },
    {
      type: 'button',
      action_id: DENY_ACTION,
      style: 'danger',
      text: plain('Deny', 75),
      value: approval.id,
      ...(form ? {} : { confirm: CONFIRM_DENIAL }),
    },
  ];
  const { subject } = approval;
  const shown = isHeld(subject) ? textFactOf(subject.kind) : undefined;
  const facts = factsOf(approval).filter(({ name }) => name !== shown);
  return {
    // `<!channel>` is ours; what people wrote cannot make one.
    text: `${loud ? '<!channel> ' : ''}${escapeMrkdwn(wholeCharacters(`${title}. ${status}`, MAX_TEXT))} <${link}|Open in Gatehouse>`,
    blocks: [
      { type: 'header', text: plain(title, MAX_HEADER) },
      ...(loud
        ? [{ type: 'section', text: { type: 'mrkdwn', text: '<!channel> *In force now, without an approval.*' } }]
        : []),
      {
        type: 'section',
        text: plain(facts.map(({ name, value }) => `${name}: ${value}`).join('\n')),
      },
      ...(isHeld(subject) ? textBlocks(subject) : []),
      { type: 'section', text: plain(status) },
      { type: 'actions', elements: buttons && approval.state === 'pending' ? [...decide, open] : [open] },
    ],
    unfurl_links: false,
    unfurl_media: false,
  };
}

/** Text objects of a confirmation: 100 characters of title, 300 of text, 30 of a button. */
const CONFIRM_DENIAL = {
  title: plain('Deny without a reason?', 100),
  text: plain('The person who asked is told that you gave none. To give one, deny it in Gatehouse.', 300),
  confirm: plain('Deny', 30),
  deny: plain('Not yet', 30),
  style: 'danger',
};

/** As plain text, so that nothing in it acts, in as many sections as it takes up to a few. */
const MAX_TEXT_SECTIONS = 3;

function textBlocks(subject: HeldSubject): object[] {
  const text = onLines(subject.text);
  // Whole characters: half of a pair would be refused.
  const most = MAX_TEXT - 100;
  const pieces: string[] = [];
  for (let at = 0; at < text.length && pieces.length < MAX_TEXT_SECTIONS; ) {
    const end =
      at + most < text.length && /[\uD800-\uDBFF]/.test(text.charAt(at + most - 1)) ? at + most - 1 : at + most;
    pieces.push(text.slice(at, end));
    at = end;
  }
  const shown = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const last = pieces.length - 1;
  const cut = shown < text.length ? `\n… cut: ${text.length - shown} characters more in Gatehouse` : '';
  return pieces
    .map((piece, index) => (index === last ? piece + cut : piece))
    .filter((piece) => piece.trim() !== '')
    .map((piece) => ({ type: 'section', text: plain(piece) }));
}

/** Asks for the reason of a denial. */
export function denyView(approval: Pick<Approval, 'id'>, question: string): object {
  return {
    type: 'modal',
    callback_id: DENY_VIEW,
    private_metadata: approval.id,
    title: plain('Deny a request', 24),
    submit: plain('Deny', 24),
    close: plain('Cancel', 24),
    blocks: [
      { type: 'section', text: plain(question) },
      {
        type: 'input',
        block_id: REASON_BLOCK,
        label: plain('Why? The person who asked reads this.'),
        element: { type: 'plain_text_input', action_id: REASON_ACTION, multiline: true, max_length: 1000 },
      },
    ],
  };
}
