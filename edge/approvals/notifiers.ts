// The notifiers that the settings ask for.

import type { EdgeSettings } from '../settings.ts';
import type { Notifier } from './notifier.ts';
import { slackNotifier } from './slack.ts';
import { SlackApi } from './slack-api.ts';
import { teamsNotifier } from './teams.ts';
import { webhookNotifier } from './webhook.ts';

export function slackApiOf(settings: EdgeSettings): SlackApi | undefined {
  return settings.SLACK_BOT_TOKEN && new SlackApi(settings.SLACK_API_URL, settings.SLACK_BOT_TOKEN);
}

export function createNotifiers(settings: EdgeSettings, now: () => number): readonly Notifier[] {
  const { SLACK_WEBHOOK_URL, TEAMS_WEBHOOK_URL, WEBHOOK_URL, WEBHOOK_SECRET } = settings;
  const api = slackApiOf(settings);
  return [
    ...(api || SLACK_WEBHOOK_URL
      ? [
          slackNotifier({
            api,
            channel: settings.SLACK_CHANNEL,
            webhook: SLACK_WEBHOOK_URL,
            signed: settings.SLACK_SIGNING_SECRET !== undefined,
            now,
          }),
        ]
      : []),
    ...(TEAMS_WEBHOOK_URL ? [teamsNotifier(TEAMS_WEBHOOK_URL)] : []),
    ...(WEBHOOK_URL && WEBHOOK_SECRET ? [webhookNotifier({ url: WEBHOOK_URL, secret: WEBHOOK_SECRET, now })] : []),
  ];
}
