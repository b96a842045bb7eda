// Tokens that Amazon RDS and Aurora take for a password: a presigned request to `rds-db:connect` that is never sent.
// It is good for one place and user, for 15 minutes, and is sent in the clear inside TLS; hence a new one for each dial, and
// settings that ask for a verified certificate.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.html

import { AwsV4Signer } from 'aws4fetch';
import { ok } from '../../../core/result.ts';
import { secret } from '../../../core/secret.ts';
import type { LoginPlace, OpenLogin } from '../credential.ts';
import { credentialFault } from '../secret-store.ts';
import type { AwsIdentity, AwsKeys } from './identity.ts';

const VALID_SECONDS = 900;
/** `shop.cluster-abc.eu-west-1.rds.amazonaws.com`, and China's `...rds.cn-north-1.amazonaws.com.cn`. */
const HOST = /\.([a-z]{2}(?:-[a-z]+)+-\d)\.rds\.amazonaws\.com$|\.rds\.(cn-[a-z]+-\d)\.amazonaws\.com\.cn$/;

export function rdsLogin(named: string | undefined, identity: AwsIdentity): OpenLogin {
  return (place) => ({
    async next() {
      const { host, user } = place;
      if (user === undefined) return credentialFault('rdsIam goes with the name of a user');
      const [, ofHost, ofChina] = HOST.exec(host.toLowerCase()) ?? [];
      const keys = await identity(named ?? ofHost ?? ofChina);
      if (!keys.ok) return credentialFault(`the RDS token for ${user} at ${host} could not be made: ${keys.error}`);
      return ok({ user, password: secret(await rdsToken({ ...place, user }, keys.value)) });
    },
  });
}

async function rdsToken(
  { host, port, user }: LoginPlace & { readonly user: string },
  { accessKeyId, secretAccessKey, sessionToken, region }: AwsKeys,
): Promise<string> {
  const asked = new URLSearchParams({ Action: 'connect', DBUser: user, 'X-Amz-Expires': String(VALID_SECONDS) });
  const { url } = await new AwsV4Signer({
    url: `https://${host.toLowerCase()}:${port}/?${asked}`,
    ...{ method: 'GET', accessKeyId, secretAccessKey, service: 'rds-db', region, signQuery: true },
    ...(sessionToken !== undefined && { sessionToken }),
  }).sign();
  // A space: as it was signed.
  return url.href.slice('https://'.length).replaceAll('+', '%20');
}
