// The edge's settings for notices, from the environment of `npm start` (docs/approvals.md). The edge
// checks them itself; what is not here is not passed on.

const NAMES = [
  'SLACK_WEBHOOK_URL',
  'SLACK_BOT_TOKEN',
  'SLACK_API_URL',
  'SLACK_SIGNING_SECRET',
  'SLACK_CHANNEL',
  'SLACK_MEMBERS',
  'WEBHOOK_URL',
  'WEBHOOK_SECRET',
  'TEAMS_WEBHOOK_URL',
] as const;

export type NoticeSettings = Partial<Record<(typeof NAMES)[number], string>>;

/** Those that are set; an empty one is not. */
export function noticeSettings(env: Readonly<Record<string, string | undefined>>): NoticeSettings {
  return Object.fromEntries(NAMES.flatMap((name) => (env[name] ? [[name, env[name]]] : [])));
}
