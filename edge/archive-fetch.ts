// How the edge calls the functions: with its ticket for each request, and what shows who calls.

import { AwsClient } from 'aws4fetch';
import { LOOK_TICKET_HEADER, makeLookTicket } from '../core/tlog/look-ticket.ts';
import type { ArchiveFetch } from './archive.ts';
import { logSigner } from './authority/log-signer.ts';
import type { EdgeSettings } from './settings.ts';

/** Each call carries the edge's ticket for it, and shows who calls: by AWS keys (SigV4, service `lambda`) or by the shared token. */
export function signedArchiveFetch(settings: EdgeSettings): ArchiveFetch {
  const call = callerFetch(settings);
  let signer: ReturnType<typeof logSigner> | undefined;
  return async (request) => {
    signer ??= logSigner(settings.EDGE_SECRET, settings.PUBLIC_URL);
    const { method, url } = request;
    const look = { method, url: new URL(url), body: new Uint8Array(await request.clone().arrayBuffer()) };
    const headers = new Headers(request.headers);
    headers.set(LOOK_TICKET_HEADER, await makeLookTicket(look, Date.now(), await signer));
    return call(new Request(request, { headers }));
  };
}

function callerFetch(settings: EdgeSettings): ArchiveFetch {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, FUNCTIONS_TOKEN } = settings;
  if (FUNCTIONS_TOKEN) {
    return (request) => {
      const headers = new Headers(request.headers);
      headers.set('authorization', `Bearer ${FUNCTIONS_TOKEN.reveal()}`);
      return fetch(new Request(request, { headers }));
    };
  }
  const aws = new AwsClient({
    accessKeyId: AWS_ACCESS_KEY_ID ?? '',
    secretAccessKey: AWS_SECRET_ACCESS_KEY?.reveal() ?? '',
    region: AWS_REGION ?? '',
    service: 'lambda',
    retries: 0,
  });
  return async (request) => fetch(await aws.sign(request));
}
