// The end of a connector's link for good: what it is told, and what of it the edge itself closes.

import type { FromEdge } from '../../../core/control.ts';
import { TunnelId } from '../../../core/ids.ts';
import type { LinkRevoked } from '../../ports/connector-link.ts';
import type { TunnelPort } from '../../ports/tunnel.ts';
import { type Attachment, attachmentOf, send } from '../link-socket.ts';

/** Longer than any grant, and so any session in one. */
const REMEMBERED_MS = 40 * 86_400_000;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS tunnels (tunnel TEXT PRIMARY KEY, opened_ms INTEGER NOT NULL);
`;

/** Which tunnels a connector was asked to come to. */
export class LinkTunnels {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#sql.exec(SCHEMA);
  }

  opened(tunnel: TunnelId, now: number): void {
    this.#sql.exec('INSERT OR IGNORE INTO tunnels (tunnel, opened_ms) VALUES (?, ?)', tunnel, now);
  }

  async endAll(relay: (tunnel: TunnelId) => Pick<TunnelPort, 'end'>): Promise<void> {
    for (const row of this.#sql.exec('SELECT tunnel FROM tunnels').toArray())
      await relay(TunnelId.parse(row.tunnel)).end('its connector was revoked');
    this.#sql.exec('DELETE FROM tunnels');
  }

  cleanUp(now: number): void {
    this.#sql.exec('DELETE FROM tunnels WHERE opened_ms <= ?', now - REMEMBERED_MS);
  }
}

/** `without`: of its live sessions, that there are no rules for them. false: nobody was there to be told. */
export async function tellRevoked(
  ready: readonly WebSocket[],
  message: LinkRevoked,
  without: (of: Attachment['connector']) => AsyncGenerator<FromEdge>,
): Promise<boolean> {
  for (const socket of ready) {
    const { connector, understands } = attachmentOf(socket);
    if (understands.includes(message.kind)) send(socket, message);
    // A build that does not know the message knows sessions without rules, which end.
    else for await (const ended of without(connector)) send(socket, ended);
  }
  return ready.length > 0;
}
