// Issuers of programs' tokens, in the Node process: each path `/NAME` is one, with keys of its own, a discovery document and a
// key set. Tests sign in its place (`/NAME/private`), have it change its keys (`/NAME/rotate`) and ask how often its keys were
// fetched (`/NAME/fetches`). Claims follow what providers document (workload-tokens.ts); that providers keep to it is not tested.

import type { RequestListener } from 'node:http';
import { exportJWK, generateKeyPair, type JWK } from 'jose';

interface Issuer {
  keys: { readonly private: JWK; readonly public: JWK };
  fetches: number;
}

export const workloadIssuerOfTests =
  () =>
  (base: string): RequestListener => {
    const issuers = new Map<string, Promise<Issuer>>();
    return async (request, response) => {
      const [, name = '', ...rest] = new URL(request.url ?? '/', base).pathname.split('/');
      const made = issuers.get(name) ?? newKeys().then((keys) => ({ keys, fetches: 0 }));
      issuers.set(name, made);
      const issuer = await made;
      const json = (body: unknown) => response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
      switch (rest.join('/')) {
        case '.well-known/openid-configuration':
          if (name === 'away') return response.writeHead(503).end();
          if (name === 'moved') return response.writeHead(302, { location: `${base}/moved/elsewhere` }).end();
          return json({
            issuer: name === 'other' ? `${base}/attacker` : `${base}/${name}`,
            jwks_uri: name === 'plain' ? 'http://keys.example.com/jwks' : `${base}/${name}/jwks`,
          });
        case 'elsewhere':
          return json({ issuer: `${base}/${name}`, jwks_uri: `${base}/${name}/jwks` });
        case 'jwks':
          issuer.fetches += 1;
          if (name === 'huge') return json({ keys: [issuer.keys.public], filler: 'x'.repeat(300_000) });
          return json({ keys: [issuer.keys.public] });
        case 'private':
          return json(issuer.keys.private);
        case 'public':
          return json(issuer.keys.public);
        case 'rotate':
          issuer.keys = await newKeys();
          return json(issuer.keys.private);
        case 'fetches':
          return json(issuer.fetches);
        default:
          return response.writeHead(404).end();
      }
    };
  };

async function newKeys(): Promise<Issuer['keys']> {
  const pair = await generateKeyPair('RS256', { extractable: true });
  const about = { kid: crypto.randomUUID(), use: 'sig', alg: 'RS256' };
  return {
    private: { ...(await exportJWK(pair.privateKey)), ...about },
    public: { ...(await exportJWK(pair.publicKey)), ...about },
  };
}
