// A credential in an environment variable of the connector's process.

import { err, ok } from '../../core/result.ts';
import { secret } from '../../core/secret.ts';
import { type Credential, valueProblem } from './credential.ts';

export function environmentCredential(
  name: string,
  environment: Readonly<Record<string, string | undefined>>,
): Credential {
  return {
    async fetch() {
      const value = environment[name];
      const problem = value === undefined ? 'is not set' : valueProblem(value);
      if (value === undefined || problem !== undefined) {
        return err({ reason: 'credential_unavailable', message: `environment variable ${name} ${problem}` });
      }
      return ok(secret(value));
    },
  };
}
