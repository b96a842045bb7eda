// Uploads assets: a manifest, the files that Cloudflare does not have, in the groups that it asks for, and a token for the Worker that will
// serve them. https://developers.cloudflare.com/workers/static-assets/direct-upload/

import { createHash } from 'node:crypto';
import type { WorkerBundle } from '../worker-bundle.ts';
import type { Cloudflare } from './cloudflare.ts';

type Assets = NonNullable<WorkerBundle['assets']>;

interface Session {
  readonly jwt?: string;
  readonly buckets?: readonly (readonly string[])[];
}

/** Resolves to the token that goes into the Worker's metadata. `script` is the API's path of the Worker, `account` that of its account. */
export async function uploadAssets(
  api: Cloudflare,
  { account, script }: { readonly account: string; readonly script: string },
  { files }: Assets,
): Promise<string> {
  const byHash = new Map(files.map((file) => [hashOf(file), file]));
  const manifest = Object.fromEntries(
    files.map((file) => [file.path, { hash: hashOf(file), size: Buffer.byteLength(file.base64, 'base64') }]),
  );
  const session = await api.call<Session>(`${script}/assets-upload-session`, { method: 'POST', json: { manifest } });
  let completion = session.jwt;
  for (const bucket of session.buckets ?? []) {
    const form = new FormData();
    for (const hash of bucket) {
      const file = byHash.get(hash);
      if (!file) throw new Error(`Cloudflare asks for an asset ${hash}, which is not in the manifest`);
      // `application/null`: served without a type.
      form.append(hash, new File([file.base64], hash, { type: file.type ?? 'application/null' }), hash);
    }
    const answer = await api.call<Session>(`${account}/workers/assets/upload?base64=true`, {
      ...{ method: 'POST', form },
      ...(session.jwt !== undefined && { jwt: session.jwt }),
    });
    // The last of them comes with it.
    completion = answer?.jwt ?? completion;
  }
  if (completion === undefined) throw new Error('Cloudflare gave no token for the uploaded assets');
  return completion;
}

/** 32 hex digits of content and type: the same bytes under another type are another asset. */
const hashOf = ({ base64, type }: Assets['files'][number]): string =>
  createHash('sha256').update(`${type}\n${base64}`).digest('hex').slice(0, 32);
