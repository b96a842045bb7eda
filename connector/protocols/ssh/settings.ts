// Keys of a resource and a listener in the connector's file.

import { z } from 'zod';
import { err, ok, type Result } from '../../../core/result.ts';
import { credentialSource, type CredentialSource, Host, oneOf, placeOf, Port } from '../../net/target-settings.ts';
import type { TargetFault, TargetTools } from '../../protocol.ts';
import { isHostKey, PinnedKeys } from './login/pinned-keys.ts';
import type { SshTarget } from './login/target-login.ts';
import { parsePrivateKey } from './wire/ssh2.ts';

export const SSH_PORT = 2222;

export const SshListener = z.strictObject({});

const HostKey = z
  .string()
  .refine(
    isHostKey,
    "expected what stands behind the host in known_hosts (ssh-ed25519 AAAA...), or a fingerprint (SHA256:...); `ssh-keyscan` on the target's own machine shows them",
  );

const Login = z
  .strictObject({
    name: z.string().regex(/^[^\s,:]{1,64}$/, 'expected the name of a login at the target'),
    key: placeOf('a private key').optional(),
    password: placeOf('a password').optional(),
  })
  .superRefine(oneOf(['key', 'password']));

export const WrittenSshTarget = z.strictObject({
  host: Host,
  port: Port.default(22),
  login: Login,
  hostKeys: z.array(HostKey).min(1).max(10),
});

export interface SshTargetSettings {
  readonly host: string;
  readonly port: number;
  readonly login: string;
  readonly key: CredentialSource | undefined;
  readonly password: CredentialSource | undefined;
  readonly hostKeys: readonly string[];
}

export function settleSsh(resource: unknown, there: (path: string) => string): SshTargetSettings {
  const { host, port, login, hostKeys } = WrittenSshTarget.strip().parse(resource);
  return {
    host,
    port,
    login: login.name,
    hostKeys,
    key: login.key && credentialSource(login.key, there),
    password: login.password && credentialSource(login.password, there),
  };
}

export async function openSshTarget(
  { host, port, login, key, password, hostKeys }: SshTargetSettings,
  { credential, connectTimeoutMs }: TargetTools,
): Promise<Result<SshTarget, readonly TargetFault[]>> {
  const setting = key ? 'login.key' : 'login.password';
  const source = key ?? password;
  const fault = (message: string) => err([{ setting, of: 'credential' as const, message }]);
  if (!source) return fault('is missing');
  const fetched = await credential(source);
  if (!fetched.ok) return fault(fetched.error);
  const there = { host, port, login, hostKeys: new PinnedKeys(hostKeys), connectTimeoutMs };
  if (!key) return ok({ ...there, credential: { kind: 'password', password: fetched.value } });
  const parsed = parsePrivateKey(fetched.value.reveal());
  if (!parsed) return fault("is no private key that can be read: OpenSSH's form or PEM, without a passphrase");
  return ok({ ...there, credential: { kind: 'key', key: parsed } });
}
