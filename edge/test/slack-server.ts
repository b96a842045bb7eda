// Slack as far as its documentation says how it behaves, and beside it a Teams address and a
// webhook. Refuses what Slack would refuse. A test asks for what came with `GET /calls` and plans the
// next answers of an address with `POST /plan`.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { BOT_TOKEN, type PlannedAnswer, type SlackCall, TEAM } from './slack-facts.ts';

const USERS: Readonly<Record<string, object>> = {
  UALICE: { team_id: TEAM, is_email_confirmed: true, profile: { email: 'Alice@Example.com' } },
  UBOB: { team_id: TEAM, is_email_confirmed: true, profile: { email: 'bob@example.com' } },
  UCAROL: { team_id: TEAM, profile: { email: 'carol@example.com' } },
  UMALLORY: { team_id: TEAM, is_email_confirmed: true, profile: { email: 'mallory@example.com' } },
  UNOBODY: { team_id: TEAM, is_email_confirmed: true, profile: { email: 'nobody@example.com' } },
  UUNCONFIRMED: { team_id: TEAM, is_email_confirmed: false, profile: { email: 'bob@example.com' } },
  UNOEMAIL: { team_id: TEAM, profile: {} },
  USTRANGER: { team_id: 'T0000OTHER', is_stranger: true, profile: { email: 'bob@example.com' } },
  UOTHERTEAM: { team_id: 'T0000OTHER', profile: { email: 'bob@example.com' } },
  UGONE: { team_id: TEAM, deleted: true, profile: { email: 'bob@example.com' } },
};

export function slackOfTests(): () => RequestListener {
  const calls: SlackCall[] = [];
  const plans = new Map<string, PlannedAnswer[]>();
  const messages = new Set<string>();
  const triggers = new Set<string>();
  const responses = new Map<string, number>();
  let posted = 0;

  const web: Record<string, (body: Record<string, unknown>) => object> = {
    'chat.postMessage'(body) {
      const wrong = blocksProblem(body.blocks);
      if (wrong) return { ok: false, error: wrong };
      if (body.channel !== '#approvals' && body.channel !== 'C0000APPROVALS')
        return { ok: false, error: 'channel_not_found' };
      const ts = `1700000000.${String(++posted).padStart(6, '0')}`;
      messages.add(ts);
      return { ok: true, channel: 'C0000APPROVALS', ts, message: {} };
    },
    'chat.update'(body) {
      const wrong = blocksProblem(body.blocks);
      if (wrong) return { ok: false, error: wrong };
      // Takes an id, and no name as chat.postMessage does.
      if (body.channel !== 'C0000APPROVALS') return { ok: false, error: 'channel_not_found' };
      if (!messages.has(String(body.ts))) return { ok: false, error: 'message_not_found' };
      return { ok: true, channel: body.channel, ts: body.ts, text: body.text };
    },
    'chat.postEphemeral'(body) {
      return body.channel === 'C0000APPROVALS' && typeof body.user === 'string' && typeof body.text === 'string'
        ? { ok: true, message_ts: '1700000000.999999' }
        : { ok: false, error: 'channel_not_found' };
    },
    'views.open'(body) {
      const trigger = String(body.trigger_id);
      if (trigger.startsWith('expired')) return { ok: false, error: 'expired_trigger_id' };
      if (triggers.has(trigger)) return { ok: false, error: 'exchanged_trigger_id' };
      triggers.add(trigger);
      const view = body.view as { type?: string; title?: { text: string }; blocks?: unknown };
      const wrong = view.type !== 'modal' || (view.title?.text.length ?? 99) > 24 || blocksProblem(view.blocks);
      return wrong ? { ok: false, error: 'invalid_arguments' } : { ok: true, view: { id: 'V1' } };
    },
    'users.info'(body) {
      const user = USERS[String(body.user)];
      return user ? { ok: true, user } : { ok: false, error: 'user_not_found' };
    },
  };

  return () => async (request: IncomingMessage, response: ServerResponse) => {
    const body = await bodyOf(request);
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    const json = (value: unknown) => response.setHeader('content-type', 'application/json').end(JSON.stringify(value));
    if (path === '/calls') return json(calls);
    if (path === '/plan') {
      const { method, answers } = JSON.parse(body) as { method: string; answers: PlannedAnswer[] };
      plans.set(method, [...(plans.get(method) ?? []), ...answers]);
      return json({});
    }
    const method = path.replace(/^\/api\//, '');
    calls.push({ method, headers: request.headers as Record<string, string>, body, at: Date.now() });
    const planned = plans.get(method)?.shift();
    if (planned?.status === 0) return void request.socket.destroy();
    if (planned) return response.writeHead(planned.status, planned.headers).end(planned.body ?? '');
    if (path === '/services/T/B/token') {
      const message = JSON.parse(body) as { text?: string; blocks?: unknown };
      if (!message.text || blocksProblem(message.blocks)) return response.writeHead(400).end('invalid_payload');
      return response.end('ok');
    }
    // Of a click: good for five uses, and not for ever.
    if (path.startsWith('/response/')) {
      const message = JSON.parse(body) as { text?: string; blocks?: unknown; response_type?: string };
      const uses = (responses.get(path) ?? 0) + 1;
      responses.set(path, uses);
      if (path.includes('expired')) return response.writeHead(404).end('expired_url');
      if (uses > 5) return response.writeHead(404).end('used_url');
      if (!message.text || blocksProblem(message.blocks)) return response.writeHead(400).end('invalid_payload');
      return response.end('ok');
    }
    if (path === '/teams' || path === '/webhook') return response.writeHead(202).end();
    const handler = web[method];
    if (!handler) return json({ ok: false, error: 'unknown_method' });
    if (request.headers.authorization !== `Bearer ${BOT_TOKEN}`) return json({ ok: false, error: 'invalid_auth' });
    const type = request.headers['content-type'] ?? '';
    // users.info reads forms alone; the others need the JSON said to be JSON.
    if (method === 'users.info') return json(handler(Object.fromEntries(new URLSearchParams(body))));
    return json(
      type.startsWith('application/json') ? handler(JSON.parse(body)) : { ok: false, error: 'invalid_form_data' },
    );
  };
}

interface Block {
  type: string;
  text?: { type: string; text: string };
  elements?: {
    action_id?: string;
    type: string;
    text: { text: string };
    url?: string;
    value?: string;
    confirm?: { title: { text: string }; text: { text: string }; confirm: { text: string }; deny: { text: string } };
  }[];
}

/** https://docs.slack.dev/reference/block-kit/blocks */
function blocksProblem(blocks: unknown): string | undefined {
  if (blocks === undefined) return undefined;
  if (!Array.isArray(blocks) || blocks.length > 50) return 'invalid_blocks';
  if (/\\ud[89a-f]/i.test(JSON.stringify(blocks))) return 'invalid_blocks';
  const most: Record<string, number> = { header: 150, section: 3000 };
  for (const block of blocks as Block[]) {
    const limit = most[block.type];
    if (limit !== undefined && (!block.text?.text || block.text.text.length > limit)) return 'invalid_blocks';
    if (block.type === 'header' && block.text?.type !== 'plain_text') return 'invalid_blocks';
    const ids = (block.elements ?? []).map((element) => element.action_id);
    if (new Set(ids).size !== ids.length) return 'invalid_blocks';
    for (const { text, confirm } of block.elements ?? []) {
      if (text.text.length > 75) return 'invalid_blocks';
      if (confirm && !(confirm.title.text.length <= 100 && confirm.text.text.length <= 300)) return 'invalid_blocks';
      if (confirm && !(confirm.confirm.text.length <= 30 && confirm.deny.text.length <= 30)) return 'invalid_blocks';
    }
  }
  return undefined;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
