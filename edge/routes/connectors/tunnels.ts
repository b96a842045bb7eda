// /tunnels: to a connector that has no port for its clients.

import { createRoute } from '@hono/zod-openapi';
import { OpenedTunnel, TunnelRequest } from '../../../core/tunnel/opened-tunnel.ts';
import { TunnelId } from '../../../core/ids.ts';
import { httpError } from '../../http-errors.ts';
import { type Api, type ApiDeps, answer, jsonAnswer, jsonBody } from '../api.ts';
import { clientAddress } from '../request.ts';

export type JoinTunnel = (
  tunnel: TunnelId,
  end: 'person' | 'connector',
  owner: string,
  request: Request,
) => Promise<Response>;

export function tunnelRoutes(api: Api, { gatehouse, joinTunnel }: ApiDeps & { readonly joinTunnel: JoinTunnel }): void {
  api.openapi(
    createRoute({
      method: 'post',
      path: '/tunnels',
      summary: 'Open a tunnel to the connector of a resource',
      description:
        'For the holder of a live grant. Its ends then meet at GET /tunnels/{tunnel} (WebSocket), and speak as docs/tunnel.md says. It opens nothing by itself: the connector asks for the grant as at its listeners.',
      request: { body: jsonBody(TunnelRequest) },
      responses: jsonAnswer(OpenedTunnel, 'The tunnel, and by which host name the connector proves itself in it'),
    }),
    async (c) => {
      const { resource } = c.req.valid('json');
      const { identity, grant } = c.get('signedIn');
      return answer(c, await gatehouse.openTunnel(identity, resource, clientAddress(c.req.raw), grant));
    },
  );
  api.get('/tunnels/:tunnel', async (c) => {
    const { identity, via, grant } = c.get('signedIn');
    // A page of somebody else's can open a WebSocket with the cookie of ours.
    if (via === 'browser')
      return httpError('forbidden', 'Tunnels are for programs: use an API token (gatehouse login).');
    return joinedTunnel(c.req.raw, c.req.param('tunnel'), 'person', grant ?? identity.subject, joinTunnel);
  });
}

const GONE = 'There is no such tunnel (any more). Open another.';

export async function joinedTunnel(
  request: Request,
  tunnel: string,
  end: 'person' | 'connector',
  owner: string,
  join: JoinTunnel,
): Promise<Response> {
  if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket')
    return httpError('upgrade_required', 'This address speaks WebSocket, with the ends of a tunnel.');
  const id = TunnelId.safeParse(tunnel);
  if (!id.success) return httpError('not_found', GONE);
  const joined = await join(id.data, end, owner, request);
  return joined.status === 404 ? httpError('not_found', GONE) : joined;
}
