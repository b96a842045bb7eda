// What the tests in workerd and the Slack server in Node both know.

export const BOT_TOKEN = 'xoxb-only-for-tests';
export const SIGNING_SECRET = 'only-for-tests-8f742231b10e8888abcd99yyyzzz85a5';
export const WEBHOOK_SECRET = 'whsec_b25seSBmb3IgdGVzdHMgb25seSBmb3IgdGVzdHM=';
export const TEAM = 'T0000TEAM';

export interface SlackCall {
  /** `chat.postMessage`, or the path of a webhook. */
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

/** Instead of the right answer. */
export interface PlannedAnswer {
  /** 0: the connection is closed without an answer. */
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}
