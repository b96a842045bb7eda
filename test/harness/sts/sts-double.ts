// AWS STS's GetCallerIdentity as it is documented, with credentials of its own. It verifies Signature Version 4 by the
// documentation's steps, in code that shares nothing with who signs: headers and queries, GET and POST.
//
// It does not cover: that credentials end, service control policies, throttling, the global endpoint, dual-stack and FIPS hosts, and
// what AWS does with headers that are sent and not signed.

const encoder = new TextEncoder();

export interface StsCaller {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly arn: string;
  readonly userId: string;
  readonly account: string;
}

export const TASK: StsCaller = {
  accessKeyId: 'ASIAEXAMPLEEXAMPLE01',
  secretAccessKey: 'only-for-tests/only-for-tests/only-for-tests',
  sessionToken: 'b25seSBmb3IgdGVzdHMsIG9ubHkgZm9yIHRlc3Rz',
  arn: 'arn:aws:sts::123456789012:assumed-role/gatehouse-connector/0a1b2c3d4e5f',
  userId: 'AROAEXAMPLEEXAMPLE01:0a1b2c3d4e5f',
  account: '123456789012',
};

/** Requests that came, as they came. */
export interface StsDouble {
  readonly asked: { readonly url: string; readonly method: string; readonly headers: Headers; readonly body: string }[];
  readonly callers: StsCaller[];
  now(): number;
  /** Instead of what it would answer. */
  answer?: ((right: Response) => Response | Promise<Response>) | undefined;
  ask(request: Request): Promise<Response>;
}

export function stsDouble(...callers: StsCaller[]): StsDouble {
  const double: StsDouble = {
    asked: [],
    callers: [TASK, ...callers],
    now: () => Date.now(),
    async ask(request) {
      const body = await request.text();
      double.asked.push({ url: request.url, method: request.method, headers: new Headers(request.headers), body });
      const right = await answerTo(request, body, double);
      return double.answer ? double.answer(right) : right;
    },
  };
  return double;
}

export const identityXml = ({ arn, userId, account }: Pick<StsCaller, 'arn' | 'userId' | 'account'>): string =>
  `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetCallerIdentityResult>
    <Arn>${arn}</Arn>
    <UserId>${userId}</UserId>
    <Account>${account}</Account>
  </GetCallerIdentityResult>
  <ResponseMetadata>
    <RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId>
  </ResponseMetadata>
</GetCallerIdentityResponse>
`;

const xml = (status: number, text: string): Response =>
  new Response(text, { status, headers: { 'content-type': 'text/xml' } });
const refusal = (code: string): Response =>
  xml(403, `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code></Error></ErrorResponse>`);

async function answerTo(request: Request, body: string, { callers, now }: StsDouble): Promise<Response> {
  const url = new URL(request.url);
  const query = url.searchParams.get('X-Amz-Signature') === null ? undefined : url.searchParams;
  const header = /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
    request.headers.get('authorization') ?? '',
  );
  const credential = query?.get('X-Amz-Credential') ?? header?.[1];
  const signedHeaders = query?.get('X-Amz-SignedHeaders') ?? header?.[2];
  const signature = query?.get('X-Amz-Signature') ?? header?.[3];
  const date = query?.get('X-Amz-Date') ?? request.headers.get('x-amz-date');
  const token = query?.get('X-Amz-Security-Token') ?? request.headers.get('x-amz-security-token');
  if (!credential || !signedHeaders || !signature || !date) return refusal('MissingAuthenticationToken');
  const [keyId, day, region, service, end] = credential.split('/');
  const caller = callers.find((one) => one.accessKeyId === keyId);
  if (!caller || token !== caller.sessionToken) return refusal('InvalidClientTokenId');
  if (
    service !== 'sts' ||
    end !== 'aws4_request' ||
    day !== date.slice(0, 8) ||
    url.hostname !== `sts.${region}.amazonaws.com`
  )
    return refusal('SignatureDoesNotMatch');
  const at = Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (!(Math.abs(now() - at) <= 15 * 60_000)) return refusal('SignatureDoesNotMatch');
  const names = signedHeaders.split(';');
  // Every header of AWS's own that is sent has to be signed.
  const sent = [...request.headers.keys()].filter((name) => name.startsWith('x-amz-') || name === 'content-type');
  if (!names.includes('host') || sent.some((name) => !names.includes(name))) return refusal('SignatureDoesNotMatch');
  const canonicalHeaders = names.map((name) => {
    const value = name === 'host' ? url.host : (request.headers.get(name) ?? '');
    return `${name}:${value.trim().replace(/ +/g, ' ')}\n`;
  });
  const canonicalQuery = [...url.searchParams]
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => `${escaped(name)}=${escaped(value)}`)
    .sort()
    .join('&');
  const canonical = [
    request.method,
    url.pathname,
    canonicalQuery,
    canonicalHeaders.join(''),
    signedHeaders,
    hex(await crypto.subtle.digest('SHA-256', encoder.encode(body))),
  ].join('\n');
  const scope = `${day}/${region}/${service}/aws4_request`;
  const hashed = hex(await crypto.subtle.digest('SHA-256', encoder.encode(canonical)));
  const toSign = `AWS4-HMAC-SHA256\n${date}\n${scope}\n${hashed}`;
  let key: ArrayBuffer = new Uint8Array(encoder.encode(`AWS4${caller.secretAccessKey}`)).buffer;
  for (const part of [day ?? '', region ?? '', service, 'aws4_request']) key = await hmac(key, part);
  if (hex(await hmac(key, toSign)) !== signature) return refusal('SignatureDoesNotMatch');
  const asked = new URLSearchParams(query ? url.search : body);
  if (asked.get('Action') !== 'GetCallerIdentity') return xml(200, '<AssumeRoleResponse/>');
  return xml(200, identityXml(caller));
}

const escaped = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);
const hex = (bytes: ArrayBuffer): string =>
  Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');

async function hmac(key: ArrayBuffer, text: string): Promise<ArrayBuffer> {
  const imported = await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return crypto.subtle.sign('HMAC', imported, encoder.encode(text));
}
