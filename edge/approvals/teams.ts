// Microsoft Teams, through the address of a Workflow ("When a Teams webhook request is received"):
// an Adaptive Card with a link. Such an address posts and cannot edit, so an outcome is a new card.
//
// TextBlock and FactSet read Markdown; what people wrote stands in RichTextBlock, which reads none.

import type { Secret } from '../../core/secret.ts';
import type { NoticeDelivery, Notice, NoticeContext, NoticeKind, Notifier } from './notifier.ts';
import { post } from './post.ts';
import { factsOf, outcome, requestTitleOf } from './words.ts';

const SHOWN: ReadonlySet<NoticeKind> = new Set<NoticeKind>([
  'asked',
  'glass_broken',
  'approved',
  'denied',
  'withdrawn',
  'expired',
  'expiring',
  'reviewed',
]);

export function teamsNotifier(url: Secret<string>): Notifier {
  return {
    name: 'teams',
    async deliver(notice: Notice, { link }: NoticeContext): Promise<NoticeDelivery> {
      if (!SHOWN.has(notice.kind)) return { kind: 'delivered' };
      const posted = await post(url, JSON.stringify(teamsMessage(notice, link)), {
        'content-type': 'application/json',
      });
      return posted.ok ? { kind: 'delivered' } : { kind: 'failed', ...posted };
    },
  };
}

export function teamsMessage({ kind, approval }: Notice, link: string): object {
  const line = (text: string, style: object = {}) => ({
    type: 'RichTextBlock',
    inlines: [{ type: 'TextRun', text, ...style }],
  });
  const status = kind === 'expiring' ? 'Expires soon, and nobody has decided' : outcome(approval);
  const content = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.4',
    body: [
      line(requestTitleOf(kind, approval), { weight: 'Bolder', size: 'Medium' }),
      line(status, kind === 'glass_broken' ? { color: 'Attention', weight: 'Bolder' } : {}),
      ...factsOf(approval).map(({ name, value }) => line(`${name}: ${value}`)),
    ],
    actions: [{ type: 'Action.OpenUrl', title: 'Open in Gatehouse', url: link }],
  };
  return {
    type: 'message',
    attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content }],
  };
}
