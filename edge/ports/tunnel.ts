// A tunnel's relay, beside its sockets: the Worker hands those over with `fetch`.

import type { ConnectorId } from '../../core/ids.ts';

/** Set by the Worker after it found out who is there; the object is reachable from nowhere else. */
export const TUNNEL_END_HEADER = 'x-gatehouse-tunnel-end';
/** The person's subject or grant, or the connector's id. */
export const TUNNEL_OWNER_HEADER = 'x-gatehouse-tunnel-owner';
export const TUNNEL_ADDRESS_HEADER = 'x-gatehouse-tunnel-address';

export interface TunnelTerms {
  /** Whose it is: the person's subject, or the id of the grant whose token opened it. */
  readonly subject: string;
  readonly connector: ConnectorId;
}

export interface TunnelPort {
  /** Before either end comes. */
  open(terms: TunnelTerms): Promise<void>;
  /** false: the connector's end did not come in time, and the tunnel is over. */
  dialled(withinMs: number): Promise<boolean>;
  /** Closes both ends. Neither comes back. */
  end(reason: string): Promise<void>;
}
