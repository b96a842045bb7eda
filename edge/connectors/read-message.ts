// From what came over a link to a control message, or to why it is none (law 3).

import { FromConnector, MAX_CONTROL_MESSAGE_BYTES, MAX_HELLO_BYTES } from '../../core/control.ts';

/** The message, or why it is none. */
export function readMessage(raw: string | ArrayBuffer): FromConnector | string {
  if (typeof raw !== 'string') return 'expected text';
  const bytes = raw.length > MAX_HELLO_BYTES ? raw.length : new TextEncoder().encode(raw).length;
  if (bytes > MAX_HELLO_BYTES) return 'message too big';
  const message = parse(raw);
  const isHello = typeof message !== 'string' && message.kind === 'hello';
  return bytes > MAX_CONTROL_MESSAGE_BYTES && !isHello ? 'message too big' : message;
}

function parse(raw: string): FromConnector | string {
  let json: unknown;
  try {
    json = JSON.parse(raw);
  } catch {
    return 'expected JSON';
  }
  const parsed = FromConnector.safeParse(json);
  if (parsed.success) return parsed.data;
  const at = parsed.error.issues[0]?.path.map(String).join('.');
  return `not a control message${at ? `: ${at}` : ''}`.slice(0, 100);
}
