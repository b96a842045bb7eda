// A person's end of tunnels, as the command line has it, with its connections to the relay at hand.

import { once } from 'node:events';
import type WebSocket from 'ws';
import type { ApiClient } from '../../../cli/api-client.ts';
import { openTunnel, type Tunnel } from '../../../cli/tunnel/open-tunnel.ts';
import { AccessAnswer } from '../../../core/api.ts';
import { ResourceName } from '../../../core/resource.ts';
import type { SocketEvents } from '../../../core/tunnel/tunnel-end.ts';

export interface TunnelPerson {
  /** Each connection to a relay, in their order. */
  readonly sockets: WebSocket[];
  grant(resource: string): Promise<{ readonly id: string }>;
  open(resource: string, openWithinMs?: number): Promise<Tunnel>;
}

export function tunnelPerson(client: ApiClient): TunnelPerson {
  const sockets: WebSocket[] = [];
  const watched = Object.create(client, {
    socket: {
      async value(path: string, events: SocketEvents) {
        const made = await client.socket(path, events);
        if (made.ok) sockets.push(made.value as WebSocket);
        return made;
      },
    },
    post: { value: client.post.bind(client) },
    bytes: { value: client.bytes.bind(client) },
  }) as ApiClient;
  return {
    sockets,
    async grant(resource) {
      const answer = await client.post('/requests', { resource, reason: 'test' }, AccessAnswer);
      if (!('grant' in answer)) throw new Error(`no grant for ${resource}`);
      return answer.grant;
    },
    open: (resource, openWithinMs) => openTunnel(watched, ResourceName.parse(resource), () => {}, openWithinMs),
  };
}

/** All that comes until its end, as text. */
export async function heard(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  stream.on('data', (part: Buffer) => {
    text += part.toString('latin1');
  });
  await once(stream, 'end');
  return text;
}
