import { expect, it } from 'vitest';
import { lookTicketFault, makeLookTicket } from './look-ticket.ts';
import { noteKey } from './note.ts';

async function newSigner(name = 'edge.example/sessions') {
  const pair = (await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])) as {
    publicKey: Parameters<typeof crypto.subtle.exportKey>[1];
    privateKey: Parameters<typeof crypto.subtle.sign>[1];
  };
  const raw = (await crypto.subtle.exportKey('raw', pair.publicKey)) as ArrayBuffer;
  return {
    key: await noteKey(name, 'log', new Uint8Array(raw)),
    sign: async (data: Uint8Array) =>
      new Uint8Array(await crypto.subtle.sign('Ed25519', pair.privateKey, new Uint8Array(data))),
  };
}
const lookAt = (url: string, method = 'GET', body = '') => ({
  ...{ method, url: new URL(url, 'https://functions.example') },
  body: new TextEncoder().encode(body),
});
const AT = Date.parse('2026-11-30T12:00:00Z');

it('allows its own request, at any address, for a minute by either clock', async () => {
  const signer = await newSigner();
  const look = lookAt('/sessions/ses_1/export?format=csv&at=1', 'POST', '{"q":"a"}');
  const ticket = await makeLookTicket(look, AT, signer);
  const fault = (nowMs: number) => lookTicketFault(ticket, look, { key: signer.key, nowMs });
  expect(await fault(AT)).toBeUndefined();
  expect(await fault(AT + 60_000)).toBeUndefined();
  expect(await fault(AT - 60_000)).toBeUndefined();
  expect(await fault(AT + 60_001)).toBe('expired');
  expect(await fault(AT - 60_001)).toBe('expired');
  const elsewhere = { ...look, url: new URL('http://127.0.0.1:8442/sessions/ses_1/export?format=csv&at=1') };
  expect(await lookTicketFault(ticket, elsewhere, { key: signer.key, nowMs: AT })).toBeUndefined();
});

it('does not mind how path and query are encoded on the way', async () => {
  const signer = await newSigner();
  const ticket = await makeLookTicket(lookAt('/sessions?email=a%40example.com&reason=x+y'), AT, signer);
  const came = lookAt('/sessions?email=a@example.com&reason=x%20y');
  expect(await lookTicketFault(ticket, came, { key: signer.key, nowMs: AT })).toBeUndefined();
});

it('allows no other request', async () => {
  const signer = await newSigner();
  const ticket = await makeLookTicket(lookAt('/sessions/ses_1/objects/a?connector=con_1', 'POST', 'b'), AT, signer);
  const others = [
    lookAt('/sessions/ses_2/objects/a?connector=con_1', 'POST', 'b'),
    lookAt('/sessions/ses_1/objects/a?connector=con_2', 'POST', 'b'),
    lookAt('/sessions/ses_1/objects/a?connector=con_1&connector=con_2', 'POST', 'b'),
    lookAt('/sessions/ses_1/objects/a', 'POST', 'b'),
    lookAt('/sessions/ses_1/objects/a?connector=con_1', 'GET', 'b'),
    lookAt('/sessions/ses_1/objects/a?connector=con_1', 'POST', 'c'),
    lookAt('/sessions/ses_1/objects/a?connector=con_1', 'POST', ''),
    // What stands in one place of the signed text never passes for what stands in another.
    lookAt('/sessions/ses_1/objects/a%0A[["connector","con_1"]]', 'POST', 'b'),
  ];
  for (const other of others)
    expect(await lookTicketFault(ticket, other, { key: signer.key, nowMs: AT })).toBe('not_signed');
});

it('is nobody else’s to make, and nothing that looks like one is one', async () => {
  const [signer, other] = [await newSigner(), await newSigner()];
  const look = lookAt('/sessions');
  const key = signer.key;
  const forged = await makeLookTicket(look, AT, { key, sign: other.sign });
  const ofOther = await makeLookTicket(look, AT, other);
  const own = await makeLookTicket(look, AT, signer);
  const [at = '', signature = ''] = own.split(' ');
  const later = `${AT + 1} ${signature}`;
  expect(await lookTicketFault(undefined, look, { key, nowMs: AT })).toBe('missing');
  for (const ticket of [
    '',
    at,
    ` ${signature}`,
    `${at} `,
    `${at} ${signature}\n`,
    forged,
    ofOther,
    later,
    `${at}  ${signature}`,
  ])
    expect(await lookTicketFault(ticket, look, { key, nowMs: AT })).toBe('not_signed');
  expect(await lookTicketFault(own, look, { key, nowMs: AT })).toBeUndefined();
});
