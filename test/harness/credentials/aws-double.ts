// Systems Manager's Parameter Store as its API is documented (AWS JSON 1.1, the action in a header), and the check of a
// Signature Version 4 by its specification: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
//
// Not covered: KMS and IAM behind it, versions and labels of parameters, other regions than the one it is told of.

import { createHash, createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export const KEYS = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'example/secret', region: 'eu-west-1' };

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const hex = (text: string): string => createHash('sha256').update(text).digest('hex');
const encoded = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);

/** The signature that a request must have. */
function signatureOf(canonical: string, date: string, service: string): string {
  const scope = `${date.slice(0, 8)}/${KEYS.region}/${service}/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', date, scope, hex(canonical)].join('\n');
  const key = [KEYS.region, service, 'aws4_request'].reduce<Buffer>(
    (under, part) => hmac(under, part),
    hmac(`AWS4${KEYS.secretAccessKey}`, date.slice(0, 8)),
  );
  return hmac(key, text).toString('hex');
}

/** Why RDS would not take a token for this place and user; undefined: it would. `now`: milliseconds. */
export function rdsTokenProblem(
  token: string,
  host: string,
  port: number,
  user: string,
  now: number,
): string | undefined {
  const url = new URL(`https://${token}`);
  const query = new Map(url.searchParams);
  if (url.host !== `${host}:${port}`) return 'another place';
  if (query.get('Action') !== 'connect' || query.get('DBUser') !== user) return 'another user';
  const date = query.get('X-Amz-Date') ?? '';
  const [, y, mo, d, h, mi, s] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date) ?? [];
  const made = Date.UTC(Number(y), Number(mo) - 1, Number(d), Number(h), Number(mi), Number(s));
  if (query.get('X-Amz-Expires') !== '900' || !(now < made + 900_000)) return 'expired';
  const credential = `${KEYS.accessKeyId}/${date.slice(0, 8)}/${KEYS.region}/rds-db/aws4_request`;
  if (query.get('X-Amz-Credential') !== credential || query.get('X-Amz-SignedHeaders') !== 'host') return 'scope';
  const given = query.get('X-Amz-Signature') ?? '';
  query.delete('X-Amz-Signature');
  const sorted = [...query].map(([name, value]) => `${encoded(name)}=${encoded(value)}`).sort();
  const canonical = ['GET', '/', sorted.join('&'), `host:${url.host}\n`, 'host', hex('')].join('\n');
  return signatureOf(canonical, date, 'rds-db') === given ? undefined : 'signature';
}

export interface ParameterDouble {
  readonly url: string;
  readonly parameters: Map<string, { Type: string; Value: string }>;
  /** Names of errors that the next requests are answered with. */
  readonly next: string[];
  /** Names that nothing is answered for. */
  readonly silent: Set<string>;
  calls: string[];
  close(): Promise<void>;
}

export async function startParameterStore(): Promise<ParameterDouble> {
  const parameters = new Map<string, { Type: string; Value: string }>();
  const next: string[] = [];
  const silent = new Set<string>();
  const calls: string[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const { Name, WithDecryption } = JSON.parse(body) as { Name: string; WithDecryption: boolean };
    calls.push(Name);
    const answer = (status: number, value: object) =>
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(value));
    if (silent.has(Name)) return;
    const refused = next.shift();
    if (refused !== undefined)
      return void answer(400, { __type: `com.amazonaws.ssm#${refused}`, message: 'near hunter2' });
    const [, signed = '', given] =
      /SignedHeaders=([^,]+), Signature=(\w+)$/.exec(request.headers.authorization ?? '') ?? [];
    const lines = signed.split(';').map((name) => `${name}:${request.headers[name]}`);
    const canonical = ['POST', '/', '', `${lines.join('\n')}\n`, signed, hex(body)].join('\n');
    const date = String(request.headers['x-amz-date']);
    if (given === undefined || signatureOf(canonical, date, 'ssm') !== given)
      return void answer(400, { __type: 'InvalidSignatureException' });
    if (request.headers['x-amz-target'] !== 'AmazonSSM.GetParameter')
      return void answer(400, { __type: 'UnknownOperationException' });
    const found = parameters.get(Name);
    if (!found) return void answer(400, { __type: 'ParameterNotFound' });
    const hidden = found.Type === 'SecureString' && !WithDecryption;
    answer(200, { Parameter: { Name, Version: 1, ...found, ...(hidden && { Value: 'AQICAH...' }) } });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    ...{ url: `http://127.0.0.1:${port}`, parameters, next, silent, calls },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
