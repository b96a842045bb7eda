// A process with a proxy in its environment, as the command line and a connector have it: `node dial-by-proxy.ts ORIGIN`. Prints as
// JSON why each of the ways to the edge failed.

import * as http from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { ApiClient } from '../../../cli/api-client.ts';
import { joinEdge } from '../../../connector/control/edge-http.ts';
import { dialLink, LINK_TIMING } from '../../../connector/control/link-connection.ts';
import { dialRelay } from '../../../connector/tunnel/dial-relay.ts';
import { newId } from '../../../core/ids.ts';
import { secret } from '../../../core/secret.ts';
import { proxySettings } from '../../../core/tunnel/proxy-settings.ts';

const [edge = ''] = process.argv.slice(2);
const proxy = proxySettings(process.env);
if (proxy) http.setGlobalProxyFromEnv(proxy);
const nothing = { message() {}, closed() {} };
const client = new ApiClient({ origin: edge, headTimeoutMs: 1_000 });
const key = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }).x ?? '';
const failure = (result: { readonly ok: boolean; readonly error?: { readonly message: string } }) =>
  result.error?.message;
const [request, socket, join, link, relay] = await Promise.all([
  client.bytes('//ca.pem').catch((error: Error) => error.message),
  client.socket('/tunnels/x', nothing).then(failure),
  joinEdge(edge, { token: secret(`gjt_${'a'.repeat(40)}`), name: 'x', key }).then(failure),
  new Promise((resolve) => {
    const hello = {
      kind: 'hello' as const,
      connector: newId('con'),
      build: 'x',
      resources: [],
      live: [],
      understands: [],
    };
    const ignored = { welcomed() {}, received() {}, admittedLate() {}, rulesUnknown() {} };
    dialLink(
      { edge, authorization: 'Bearer x', hello, timing: LINK_TIMING },
      { ...ignored, closed: ({ message }) => resolve(message) },
    );
  }),
  dialRelay(edge, newId('tun'), 'Bearer x', nothing).then(failure),
]);
console.log(JSON.stringify({ request, socket, join, link, relay }));
process.exit(0);
